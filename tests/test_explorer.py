"""The page in which the latent plane is touched: what is in it, and what a browser makes of it."""

import base64
import json
import re
import shutil

import mxnet as mx
import numpy as np
import pytest
from mxnet.gluon import nn

import vae_gluon
from vae_gluon import VAE, Decoder, conv_decoder, conv_encoder, decode, encode
from vae_gluon.command import cli, dataset
from vae_gluon.explorer import explore

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
TOLERANCE = 2e-3  # of a pixel


def make_net(kind, n_latent=2, shape=(28, 28)):
    """A net with biases, whose activations are not all zero."""
    vae_gluon.seed(1)
    pair = {}
    if kind == "conv":
        pair = {
            "encoder": conv_encoder(n_latent, 32, shape),
            "decoder": conv_decoder(n_latent, 32, shape),
        }
    net = VAE(32, n_latent, 2, shape[0] * shape[1], act_type="tanh", **pair)
    net.initialize(mx.init.Xavier())
    for parameter in net.collect_params(".*bias").values():
        parameter.set_data(mx.nd.random.normal(0, 0.1, parameter.shape))
    return net


def data_of(page):
    """Return what is in a page."""
    text = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S)[1]
    return json.loads(text)


def numbers(text, dtype="<f4"):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_the_dense_layers_in_the_page_decode_as_the_net_does(digits):
    net = make_net("dense")
    z = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    x = z
    for layer in data_of(explore(net, digits["test_data"]).page)["decoder"]:
        scales, bias = numbers(layer["scales"]), numbers(layer["bias"])
        weight = numbers(layer["weight"], "<i2").reshape(len(scales), -1) * scales[:, None]
        x = x @ weight.T + bias
        x = np.tanh(x) if layer["activation"] == "tanh" else x
    np.testing.assert_allclose(1 / (1 + np.exp(-x)), decode(net, z), atol=TOLERANCE)


def test_the_page_holds_codes_labels_and_colours(digits):
    net = make_net("dense")
    names = np.array(["odd", "even", "</script>"])[digits["test_label"] % 3]
    page = explore(net, digits["test_data"], names, title="A <b> & title").page
    data = data_of(page)
    mu, _ = encode(net, digits["test_data"])
    np.testing.assert_array_equal(numbers(data["mu"]).reshape(-1, 2), mu)
    assert data["classes"] == ["</script>", "even", "odd"]
    assert [data["classes"][number] for number in data["labels"]] == list(names)
    assert (data["title"], data["shape"], len(set(data["colours"]))) == (
        "A <b> & title",
        [28, 28],
        3,
    )
    assert page.count("</script>") == 2  # what is in the data ends no tag
    assert "http" not in re.sub(r'"data:[^"]*"', "", page)  # it asks nobody for anything


def test_the_page_of_the_tutorials_net_is_small(digits):
    net = VAE(400, 2, 2)
    net.initialize()
    noise = np.random.default_rng(0).integers(0, 2, (2000, 784)).astype(np.float32)
    assert len(explore(net, noise).page) < 4e6


def test_a_notebook_shows_the_page_in_a_frame(digits, tmp_path):
    explorer = explore(make_net("dense"), digits["test_data"], title='"quoted"')
    frame = explorer._repr_html_()
    assert frame.startswith('<iframe title="&quot;quoted&quot;" srcdoc="&lt;!DOCTYPE html&gt;')
    explorer.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == explorer.page


def test_what_cannot_be_shown_is_refused(digits):
    net = make_net("dense")
    with pytest.raises(ValueError, match="expected 200 labels, got 199"):
        explore(net, digits["test_data"], digits["test_label"][:199])
    odd = VAE(decoder=Decoder())
    odd.decoder.add(nn.Dense(784, in_units=2), nn.LayerNorm(in_channels=784))
    odd.initialize()
    with pytest.raises(ValueError, match=r"dense, convolutions or activations, got LayerNorm"):
        explore(odd, digits["test_data"])
    with pytest.raises(ValueError, match="expected images of a height and width"):
        explore(VAE_of(90), np.zeros((5, 90)))


def VAE_of(n_output):  # noqa: N802
    net = VAE(4, n_output=n_output)
    net.initialize()
    return net


def test_the_command_writes_the_page_into_the_run(tmp_path, monkeypatch, digits, capsys):
    monkeypatch.setattr(dataset, "make_digits", lambda: digits)
    words = ["train", "--dataset", "digits", "--n-hidden", "8", "--epochs", "1"]
    assert cli.main([*words, "--out", str(tmp_path)]) == 0
    assert cli.main(["explore", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith(f"{tmp_path / 'explorer.html'}\n")
    data = data_of((tmp_path / "explorer.html").read_text())
    assert data["title"] == "The latent space of vae_gluon_2d2l8h, trained on digits"
    assert data["classes"] == [str(digit) for digit in range(10)]
    assert cli.main(["explore", str(tmp_path / "nowhere")]) == 2


# In a browser


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize(
    ("kind", "n_latent", "shape"), [("dense", 2, (28, 28)), ("conv", 3, (12, 8))]
)
def test_a_browser_decodes_and_encodes_as_the_net_does(browser, tmp_path, kind, n_latent, shape):
    net, rng = make_net(kind, n_latent, shape), np.random.default_rng(0)
    images = rng.random((60, 1, *shape)).astype(np.float32)
    explore(net, images, np.arange(60) % 3).save(tmp_path / "page.html")
    page, said, asked = browser.new_page(viewport={"width": 1100, "height": 800}), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"file://{tmp_path}/page.html")

    z = rng.normal(size=(10, n_latent))
    decoded = [page.evaluate("z => Array.from(explorer.decode(z))", row.tolist()) for row in z]
    np.testing.assert_allclose(decoded, decode(net, z), atol=TOLERANCE)
    rows = images[:5].reshape(5, -1).tolist()
    encoded = [page.evaluate("x => Array.from(explorer.encode(x))", row) for row in rows]
    np.testing.assert_allclose(encoded, encode(net, images[:5])[0], atol=TOLERANCE)

    # A drawing of the mouse is encoded as the net encodes it.
    pad = page.locator("#pad").bounding_box()
    page.mouse.move(pad["x"] + pad["width"] / 4, pad["y"] + pad["height"] / 4)
    page.mouse.down()
    page.mouse.move(pad["x"] + pad["width"] / 2, pad["y"] + pad["height"] / 2, steps=4)
    page.mouse.up()
    drawn = np.array(page.evaluate("() => Array.from(explorer.ink())"))
    assert drawn.sum() > 1
    code = page.evaluate("() => Array.from(explorer.state.drawn)")
    np.testing.assert_allclose(code, encode(net, drawn.reshape(1, -1))[0][0], atol=TOLERANCE)

    # The keys move the point, the width of a phone is enough.
    state = "() => Array.from(explorer.state.z)"
    page.focus("#plane")
    before = np.array(page.evaluate(state))
    for key in ("ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    moved = np.linalg.norm(np.array(page.evaluate(state)) - before)
    assert moved == pytest.approx(np.hypot(0.1, 0.5), abs=1e-3)
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    assert page.locator("#sliders input").count() == (n_latent if n_latent > 2 else 0)

    # A walk moves by itself.
    box = page.locator("#plane").bounding_box()
    page.click("#walk")
    for place in (0.3, 0.6):
        page.mouse.click(box["x"] + place * box["width"], box["y"] + place * box["height"])
    first = page.evaluate(state)
    page.wait_for_function("z => explorer.state.z[0] !== z", arg=first[0])
    assert said == []
    assert asked == [f"file://{tmp_path}/page.html"]
    page.close()
