"""The interactive page of the latent space: what it holds, and what a browser computes from it."""

import base64
import io
import json
import re
import shutil

import mxnet as mx
import numpy as np
import pytest
from matplotlib.colors import to_hex
from mxnet.gluon import nn
from PIL import Image

import vae_gluon
from vae_gluon import VAE, Decoder, decode, encode, plotting
from vae_gluon.command import cli
from vae_gluon.explorer import explore

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
TOLERANCE = 2e-3  # of a pixel
SHAPE = (12, 8)


def make_net(n_latent=2, **parts):
    return initialized(VAE(32, n_latent, 2, act_type="tanh", **parts))


def initialized(net):
    """Initialize a net, with biases that are not all zero."""
    vae_gluon.seed(1)
    net.initialize(mx.init.Xavier())
    for parameter in net.collect_params(".*bias").values():
        parameter.set_data(mx.nd.random.normal(0, 0.1, parameter.shape))
    return net


def sequence(*layers, kind=nn.HybridSequential):
    block = kind()
    block.add(*layers)
    return block


def reshape(*shape):
    return nn.HybridLambda(lambda F, x: F.reshape(x, shape=(-1, *shape)))


def make_conv_net():
    """A net of every kind of layer that a page computes; its codes are large."""
    encoder = sequence(
        reshape(1, *SHAPE),
        nn.Conv2D(4, 3, strides=2, padding=1, activation="relu", in_channels=1),
        nn.Dropout(0.5),
        sequence(nn.Conv2D(4, 3, padding=2, dilation=2, groups=2, in_channels=4), nn.Flatten()),
        nn.Activation("softsign"),
        nn.Dense(6, in_units=96),
    )
    decoder = sequence(
        nn.Dense(96, activation="softrelu", in_units=3),
        reshape(4, 6, 4),
        nn.Conv2DTranspose(
            4, 3, 2, 1, output_padding=1, groups=2, activation="sigmoid", in_channels=4
        ),
        nn.Conv2D(1, 3, padding=1, in_channels=4, use_bias=False),
        nn.Flatten(),
        kind=Decoder,
    )
    net = initialized(VAE(n_latent=3, n_output=96, encoder=encoder, decoder=decoder))
    last = encoder[-1].weight
    last.set_data(last.data() * mx.nd.array([[80], [30], [200], [1], [1], [1]]))
    return net


def data_of(page):
    """Return what is in a page."""
    text = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S)[1]
    return json.loads(text)


def numbers(text, dtype="<f4"):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_the_dense_layers_in_the_page_decode_as_the_net_does(digits):
    net = make_net()
    z = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    x = z
    for layer in data_of(explore(net, digits["test_data"]).page)["decoder"]:
        scales, bias = numbers(layer["scales"]), numbers(layer["bias"])
        weight = numbers(layer["weight"], "<i2").reshape(len(scales), -1) * scales[:, None]
        x = x @ weight.T + bias
        x = np.tanh(x) if layer["activation"] == "tanh" else x
    np.testing.assert_allclose(1 / (1 + np.exp(-x)), decode(net, z), atol=TOLERANCE)


def test_the_page_holds_codes_labels_and_the_colours_of_other_pictures(digits, monkeypatch):
    monkeypatch.setattr("vae_gluon.explorer.page.N_IMAGES", 20)
    net = make_net()
    names = np.array(["odd", "even", "</script>"]).repeat([100, 90, 10])  # as from folders
    page = explore(net, digits["test_data"], names, "A <b> & title {{data}}").page
    data = data_of(page)
    mu, _ = encode(net, digits["test_data"][:20])
    np.testing.assert_array_equal(numbers(data["mu"]).reshape(-1, 2), mu)
    assert data["classes"] == ["</script>", "even", "odd"]
    assert data["labels"] == [2] * 20
    scatter = plotting.plot_latent(np.zeros((200, 2)), names).collections[1:]
    assert data["colours"] == [to_hex(each.get_facecolor()[0]) for each in scatter]
    assert (data["title"], data["shape"]) == ("A <b> & title {{data}}", [28, 28])
    assert page.count("</script>") == 2  # what is in the data ends no tag
    assert "http" not in re.sub(r'"data:[^"]*"', "", page)  # it asks nobody for anything


@pytest.mark.parametrize("n_latent", [1, 2, 5])
def test_a_notebook_shows_a_frame_and_if_not_trusted_a_still_picture(digits, n_latent):
    net = make_net(n_latent)
    frame = explore(net, digits["test_data"], title='"quoted"')._repr_html_()
    assert frame.startswith('<iframe title="&quot;quoted&quot;" srcdoc="&lt;!DOCTYPE html&gt;')
    source = re.search(r'<p>.*</p><img .*src="data:image/png;base64,(.*)"></iframe>$', frame)[1]
    still = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))))
    images = 1 - still.reshape(12, 28, 12, 28).swapaxes(1, 2) / 255
    if n_latent == 2:
        mu, _ = encode(net, digits["test_data"])
        largest = decode(net, 3 * mu.std(axis=0, keepdims=True))[0]
        np.testing.assert_allclose(images[0, -1].ravel(), largest, atol=1 / 255)


def test_one_image_is_enough(digits):
    image = digits["test_data"][0]
    for n_latent, one in ((1, image), (5, image.ravel())):
        data = data_of(explore(make_net(n_latent), one, title=None).page)
        assert data["title"] == "Latent space"
        assert len(numbers(data["mu"])) == n_latent


def test_the_random_generator_of_mxnet_is_left_as_it_was(digits):
    net = make_net()
    vae_gluon.seed(1)
    expected = mx.nd.random.normal(shape=3).asnumpy()
    vae_gluon.seed(1)
    explore(net, digits["test_data"])
    np.testing.assert_array_equal(mx.nd.random.normal(shape=3).asnumpy(), expected)


class Skipping(nn.HybridSequential):
    """Layers with a skip connection."""

    def hybrid_forward(self, F, x):
        first, last = self._children.values()
        return last(x + first(x))


def test_what_cannot_be_shown_is_refused(digits):
    net, images = make_net(), digits["test_data"]
    for labels in (digits["test_label"][:199], np.array(1)):
        with pytest.raises(ValueError, match=r"labels: expected an array of shape \(200,\), got"):
            explore(net, images, labels)
    layers = nn.Dense(784, in_units=784), nn.Dense(4, in_units=784)
    skipping = make_net(encoder=sequence(*layers, kind=Skipping))
    with pytest.raises(ValueError, match=r"expected layers one after .*, got a Skipping"):
        explore(skipping, images)
    layers = nn.Dense(784, in_units=2), nn.LayerNorm(in_channels=784)
    with pytest.raises(
        ValueError, match="dense, convolutions, activations or reshapes, got a Decoder"
    ):
        explore(make_net(decoder=sequence(*layers, kind=Decoder)), images)
    with pytest.raises(ValueError, match=r"of square images, .* got \(5, 90\)"):
        explore(initialized(VAE(4, n_output=90)), np.zeros((5, 90)))


def test_the_command_writes_the_page_into_the_run(tmp_path, few_digits, finished, capsys):
    folder = shutil.copytree(finished, tmp_path / "run")
    assert cli.main(["explore", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder / 'explorer.html'}\n"
    data = data_of((folder / "explorer.html").read_text())
    assert data["title"] == "Latent space of digits"
    assert data["subtitle"] == "vae_gluon_2d1l16h, digits"
    assert data["classes"] == [str(digit) for digit in range(10)]


# In a browser

STATE = "() => Array.from(explorer.state.z)"


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shown(browser, tmp_path_factory):
    """The net, its images, their page, and what that page has said."""
    net = make_conv_net()
    images = np.random.default_rng(0).random((60, 1, *SHAPE)).astype(np.float32)
    explorer = explore(net, images, np.arange(60) % 3, subtitle="three dimensions")
    path = tmp_path_factory.mktemp("explorer") / "page.html"
    explorer.save(path)
    page = browser.new_page(locale="en-US", reduced_motion="reduce")
    page.set_default_timeout(10 * 60 * 1000)  # for a page that is broken, not for a busy machine
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield net, images, explorer, page, f"file://{path}", said
    page.close()


@pytest.fixture
def page(shown):
    """The page, opened anew; in the end it has said nothing."""
    *_, page, address, said = shown
    said.clear()
    page.set_viewport_size({"width": 1280, "height": 800})
    open_page(page, address)
    yield page
    assert said == []


def open_page(page, address):
    page.goto("about:blank")  # else the browser may only move within the page that it has
    page.goto(address)


def draw(page, *points):
    """Draw a stroke with the mouse, through points in shares of the pad."""
    box = page.locator("#pad").bounding_box()
    for i, (x, y) in enumerate(points):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
        if i == 0:
            page.mouse.down()
    page.mouse.up()


def ink_and_code(page):
    return [
        np.array(page.evaluate(f"() => Array.from({what})"))
        for what in ("explorer.ink()", "explorer.state.drawn")
    ]


def put(page, grey, event=None):
    """Drop or paste a grey picture, (height, width) in [0, 1], or else choose its file."""
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * grey).astype(np.uint8)).save(file, "PNG")
    page.evaluate("() => { explorer.state.drawn = null; }")
    if event:
        page.evaluate(
            "bytes => { const data = new DataTransfer(); data.items.add("
            "new File([Uint8Array.from(bytes)], 'a.png', {type: 'image/png'})); "
            f"dispatchEvent(new {event}); }}",
            list(file.getvalue()),
        )
    else:
        choose(page, file.getvalue())
    page.wait_for_function("() => explorer.state.drawn")


def choose(page, content):
    file = {"name": "a.png", "mimeType": "image/png", "buffer": content}
    page.locator("#file").set_input_files(file)


def assert_in_view(page, *names):
    size = page.viewport_size
    for name in names:
        box = page.locator(name).bounding_box()
        assert 0 <= box["x"] <= size["width"] - box["width"], name
        assert 0 <= box["y"] <= size["height"] - box["height"], name


def test_a_browser_decodes_and_encodes_as_the_net_does_with_axes_for_its_codes(page, shown):
    net, images, *_ = shown
    z = np.random.default_rng(0).normal(size=(10, 3))
    decoded = page.evaluate("rows => rows.map((z) => Array.from(explorer.decode(z)))", z.tolist())
    np.testing.assert_allclose(decoded, decode(net, z), atol=TOLERANCE)
    assert np.ptp(decoded) > 0.1
    rows = images.reshape(60, -1)[:5].tolist()
    encoded = page.evaluate("rows => rows.map((x) => Array.from(explorer.encode(x)))", rows)
    mu, _ = encode(net, images)
    np.testing.assert_allclose(encoded, mu[:5], atol=TOLERANCE * abs(mu[:5]).max())
    # Axes and sliders are as long as the codes are large.
    projections = np.array(page.evaluate("() => POINTS"))
    for axis in (0, 1):
        ticks = [value for value, _ in page.evaluate(f"() => ticks({axis})")]
        assert 4 <= len(ticks) <= 12
        assert 2 * ticks[0] - ticks[1] < projections[:, axis].min()
        assert 2 * ticks[-1] - ticks[-2] > projections[:, axis].max()
    sliders = page.evaluate(
        "() => Array.from(document.querySelectorAll('#sliders input'),"
        " (s) => [Number(s.dataset.dimension), Number(s.max)])"
    )
    order = np.argsort(-mu.var(axis=0))
    assert sliders == [[i, max(4, np.ceil(abs(mu[:, i]).max()))] for i in order]


def test_a_drawing_is_encoded_as_the_net_encodes_it(page, shown):
    net, *_ = shown
    draw(page, (0.3, 0.3), (0.5, 0.6))
    draw(page, (0.6, 0.3), (0.6, 0.4))
    ink, code = ink_and_code(page)
    assert ink.sum() > 1
    mu, _ = encode(net, ink.reshape(1, -1))
    np.testing.assert_allclose(code, mu[0], atol=TOLERANCE * abs(mu).max())
    page.click("#clear")
    assert page.evaluate("() => explorer.state.drawn") is None


def test_a_picture_is_encoded_whether_chosen_dropped_or_pasted(page, shown):
    net, images, *_ = shown
    image = np.rint(255 * images[0, 0]) / 255
    image[[0, -1]] = image[:, [0, -1]] = 0
    mu, _ = encode(net, image.reshape(1, -1))
    drop = "DragEvent('drop', {dataTransfer: data})"
    paste = "ClipboardEvent('paste', {clipboardData: data})"
    for event in (None, drop, paste):
        put(page, image, event)
        ink, code = ink_and_code(page)
        np.testing.assert_allclose(ink, image.ravel(), atol=1e-6)
        np.testing.assert_allclose(code, mu[0], atol=TOLERANCE * abs(mu).max())

    put(page, 1 - image)  # dark on white
    np.testing.assert_allclose(ink_and_code(page)[0], image.ravel(), atol=1e-6)

    # A large one is fitted and centred.
    paper = np.full((300, 400), 0.9)  # grey paper, with a black bar in a corner
    paper[20:140, 30:50] = 0
    put(page, paper)
    ink = ink_and_code(page)[0].reshape(SHAPE)
    rows, columns = np.nonzero(ink > 0.3)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (pytest.approx(12 * 20 / 28, abs=1), 2)
    mass = [(ink.sum(axis=1 - axis) @ (np.arange(side) + 0.5)) for axis, side in enumerate(SHAPE)]
    np.testing.assert_allclose(np.array(mass) / ink.sum(), (6, 4), atol=0.6)

    # A file that is none is named.
    choose(page, b"no picture")
    page.locator("#code", has_text="cannot read").wait_for()


def test_keys_move_the_point_and_a_passing_mouse_leaves_it(page):
    page.focus("#plane")
    before = np.array(page.evaluate(STATE))
    for key in ("ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    moved = np.linalg.norm(np.array(page.evaluate(STATE)) - before)
    assert moved == pytest.approx(np.hypot(0.5, 2.5), abs=1e-3)  # longer steps for larger codes

    box = page.locator("#plane").bounding_box()
    page.mouse.click(box["x"] + 100, box["y"] + 150)
    put = page.evaluate(STATE)
    page.mouse.move(box["x"] + 300, box["y"] + 250)
    assert page.evaluate(STATE) != put
    page.mouse.move(box["x"] + 300, box["y"] - 20)
    assert page.evaluate(STATE) == put


def test_a_link_shows_the_same_point_and_view(page, shown):
    page.focus("#sliders input")
    page.keyboard.press("ArrowLeft")
    page.click("#prior")
    page.click("#images")
    z = page.evaluate(STATE)
    page.wait_for_function("() => location.hash.includes('images=0')")
    open_page(page, page.url)
    np.testing.assert_allclose(page.evaluate(STATE), z, atol=1e-3)
    assert page.evaluate("() => [explorer.state.prior, explorer.state.images]") == [True, False]
    page.evaluate("() => { location.hash = '#z=1,2,3'; }")
    page.wait_for_function("() => explorer.state.z[2] === 3 && explorer.state.images")
    page.click("#reset")
    page.wait_for_function("() => location.hash === ''")
    for unreadable in ("#z=1,2", "#z=a,,2"):
        open_page(page, shown[4] + unreadable)
        assert page.evaluate("() => explorer.state.z.every(Number.isFinite)")


def test_surprise_me_draws_a_code_reset_returns_and_a_walk_moves_by_itself(page):
    origin = page.evaluate(STATE)
    page.click("#surprise")
    page.wait_for_function("z => explorer.state.z.every((v, i) => v !== z[i])", arg=origin)
    page.click("#reset")
    assert page.evaluate(STATE) == origin

    box = page.locator("#plane").bounding_box()
    page.click("#walk")
    for share in (0.3, 0.6):
        page.mouse.click(box["x"] + share * box["width"], box["y"] + share * box["height"])
    first = page.evaluate(STATE)
    page.wait_for_function("z => explorer.state.z[0] !== z", arg=first[0])
    page.click("#walk")
    assert page.inner_text("#walk") == "Walk between two points"


def test_a_phone_shows_all_that_belongs_together_with_targets_large_enough(page):
    page.set_viewport_size({"width": 390, "height": 664})
    assert_in_view(page, "#plane", "#decoded", "#nearest")
    assert page.locator("#plane").bounding_box()["width"] > 300
    page.click("#draw")
    assert_in_view(page, "#pad", "#plane", "#back", "#code")
    draw(page, (0.3, 0.3), (0.5, 0.95))
    assert page.evaluate("() => explorer.state.drawn.length") == 3
    assert page.evaluate("() => scrollY") == 0
    for canvas in ("#pad", "#plane"):
        assert page.locator(canvas).evaluate("e => getComputedStyle(e).touchAction") == "none"
    page.set_viewport_size({"width": 320, "height": 568})
    for mode in ("#draw", "#explore"):
        page.click(mode)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 320
        for target in page.locator(":is(button, input, summary, a):visible").all():
            box = target.bounding_box()
            assert min(box["width"], box["height"]) >= 24


def test_the_page_speaks_the_browsers_chinese_in_a_notebooks_frame_offline(page, browser, shown):
    phrases = re.findall(r'phrase\(\s*"([^"]+)"', page.content())
    assert set(phrases) <= set(page.evaluate("() => Object.keys(CHINESE)"))

    context = browser.new_context(locale="zh-CN", offline=True)
    page = context.new_page()
    page.set_default_timeout(10 * 60 * 1000)
    page.set_content(shown[2]._repr_html_())
    frame = page.frame_locator("iframe")
    frame.locator("#walk").click()
    frame.locator("#surprise").click()
    text = frame.locator("body").inner_text()
    labels = frame.locator("[aria-label]").evaluate_all("es => es.map((e) => e.ariaLabel)")
    assert "隐空间" in text
    english = re.findall("[A-Za-z]{2,}", " ".join([text, *labels]))
    assert set(english) <= {"vae", "gluon", "three", "dimensions", "Shift"}
    assert frame.locator("html").get_attribute("lang") == "zh"
    context.close()
