"""Your own pictures: a folder of files, or an .npz file, in; arrays out, or the reason why not."""

import io

import numpy as np
import pytest
from PIL import Image

from vae_gluon import VAE, conv_decoder, conv_encoder, load_images, make_digits, reconstruct
from vae_gluon.command import cli, run

GREYS = np.linspace(0, 255, 6 * 4).round().astype(np.uint8).reshape(6, 4)  # 6 high, 4 wide


def draw(folder, *names, pixels=GREYS):
    """Write pictures of the same pixels; return their folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


def read_one(folder, **options):
    """Return the first picture that is read from a folder, (height, width)."""
    return load_images(folder, **options)["train_data"][0, 0]


def test_white_is_paper_and_black_is_ink(tmp_path):
    folder = draw(tmp_path, "a.png", "b.png")
    image = read_one(folder)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, 1 - GREYS / 255, atol=1e-7)
    assert (image[0, 0], image[-1, -1]) == (1, 0)
    np.testing.assert_allclose(read_one(folder, invert=True), GREYS / 255, atol=1e-7)


def test_folders_are_labels_and_a_tenth_is_held_out(tmp_path):
    names = [f"{kind}/{i}.png" for kind in ("cat", "dog") for i in range(15)]
    for number, name in enumerate(names):
        draw(tmp_path, name, pixels=np.full((4, 4), number, np.uint8))
    mnist = load_images(tmp_path)
    assert {part: len(mnist[f"{part}_data"]) for part in ("train", "test")} == {
        "train": 27,
        "test": 3,
    }
    numbers = [
        np.rint(255 * (1 - mnist[f"{part}_data"][:, 0, 0, 0])).astype(int)
        for part in ("train", "test")
    ]
    assert sorted(np.concatenate(numbers)) == list(range(30))  # each picture once
    labels = np.concatenate([mnist["train_label"], mnist["test_label"]])
    assert list(labels) == ["dog" if n >= 15 else "cat" for n in np.concatenate(numbers)]
    assert len(set(mnist["train_label"][:10])) == 2  # mixed
    again, other = load_images(tmp_path), load_images(tmp_path, seed=1)
    assert all((mnist[name] == again[name]).all() for name in mnist)
    assert (mnist["test_data"] != other["test_data"]).any()


@pytest.mark.parametrize("test", ["test", "val"])
def test_folders_of_both_parts_are_taken_as_they_are(tmp_path, test):
    draw(tmp_path, "train/a.png", "train/b.jpg", f"{test}/c.jpeg")
    mnist = load_images(tmp_path)
    assert set(mnist) == {"train_data", "test_data"}
    assert len(mnist["train_data"]), len(mnist["test_data"]) == (2, 1)
    draw(tmp_path, "more/d.png", "train/x/e.png")
    with pytest.raises(ValueError, match=r"[ab].(png|jpg): expected all pictures in subfolders"):
        load_images(tmp_path)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("1", [[1, 0]]),
        ("P", [[0.8, 0.2]]),
        ("RGB", [[0.8, 0.2]]),
        ("RGBA", [[0.4, 0.2]]),  # the first pixel is half transparent
        ("LA", [[0.4, 0.2]]),
        ("I;16", [[0.8, 0.2]]),
    ],
)
def test_pictures_of_every_kind_become_grey(tmp_path, mode, expected):
    greys = np.array([[51, 204]], np.uint8)
    picture = Image.fromarray(greys)
    if mode == "1":
        picture = Image.fromarray(np.array([[False, True]]))
    elif mode == "I;16":
        picture = Image.fromarray(greys.astype(np.uint16) * 257)
    elif mode in ("RGBA", "LA"):
        picture.putalpha(Image.fromarray(np.array([[128, 255]], np.uint8)))
        picture = picture.convert(mode)
    else:
        picture = picture.convert(mode)
    for name in "ab":
        picture.save(tmp_path / f"{name}.png")
    np.testing.assert_allclose(read_one(tmp_path), expected, atol=0.005)


def test_a_picture_in_the_colours_of_print_becomes_grey(tmp_path):
    pixels = np.full((8, 8, 4), 0, np.uint8)
    pixels[:, :, 3] = 255  # black ink
    for name in "ab":
        Image.fromarray(pixels, "CMYK").save(tmp_path / f"{name}.jpg")
    assert (read_one(tmp_path) > 0.95).all()


def test_a_photograph_is_turned_as_the_camera_was_held(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    for name in "ab":
        Image.fromarray(GREYS).save(tmp_path / f"{name}.png", exif=exif)
    np.testing.assert_allclose(read_one(tmp_path), 1 - np.rot90(GREYS, -1) / 255, atol=1e-6)


def packed(content):
    file = io.BytesIO()
    content.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.png", b"not a picture", r"c.png: expected a PNG file, found something else"),
        ("c.png", b"", r"c.png: expected a PNG file, found something else"),
        ("c.jpg", packed(Image.fromarray(GREYS)), r"c.jpg: expected a JPEG file, found something"),
        ("c.png", packed(Image.fromarray(GREYS))[:60], r"c.png: expected a whole PNG file, found"),
        ("c.gif", b"GIF89a", r"c.gif: expected PNG or JPEG files; convert it, or take it away"),
        (
            "c.png",
            packed(Image.fromarray(GREYS.T)),
            r"expected a picture . high and . wide, as .* found . and .; size=.*--size .x., brings",
        ),
    ],
)
def test_a_bad_picture_is_named(tmp_path, name, content, message):
    draw(tmp_path, "a.png", "b.png")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_images(tmp_path)


def test_a_picture_of_several_frames_is_refused(tmp_path):
    draw(tmp_path, "a.png", "b.png")
    frames = [Image.fromarray(GREYS), Image.fromarray(255 - GREYS)]
    frames[0].save(tmp_path / "c.png", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match=r"c.png: expected a whole PNG file, found: 2 frames"):
        load_images(tmp_path)


@pytest.mark.parametrize("name", ["readme.txt", ".hidden.png"])
def test_a_folder_without_pictures_is_refused_and_other_files_do_not_matter(tmp_path, name):
    (tmp_path / name).write_bytes(b"text")
    with pytest.raises(FileNotFoundError, match=r"expected .png or .jpg files in .*, found none"):
        load_images(tmp_path)
    draw(tmp_path, "a.png")
    with pytest.raises(ValueError, match=r"expected two images at least, one for testing, found 1"):
        load_images(tmp_path)
    assert read_one(draw(tmp_path, "b.png")).shape == (6, 4)


def test_pictures_of_all_sizes_are_brought_to_one(tmp_path):
    draw(tmp_path, "a.png")
    draw(tmp_path, "b.png", pixels=np.kron(GREYS.T, np.ones((5, 5))).astype(np.uint8))
    images = load_images(tmp_path, size=(12, 8))
    assert images["train_data"].shape == images["test_data"].shape == (1, 1, 12, 8)
    assert 0 <= images["train_data"].min() < images["train_data"].max() <= 1
    with pytest.raises(ValueError, match="expected size to be an integer of at least 1, got 0"):
        load_images(tmp_path, size=(0, 8))


# Files of arrays


@pytest.mark.parametrize("compress", [np.savez, np.savez_compressed])
def test_an_npz_file_of_the_same_images_gives_the_same_bits(tmp_path, compress):
    mnist = load_images(draw(tmp_path / "p", *(f"{kind}/{i}.png" for kind in "ab" for i in "12")))
    compress(tmp_path / "images.npz", **mnist)
    again = load_images(tmp_path / "images.npz")
    assert list(again) == list(mnist)
    for name, array in mnist.items():
        assert again[name].dtype == array.dtype
        np.testing.assert_array_equal(again[name], array)


def test_a_file_of_keras_is_read(tmp_path):
    digits = make_digits(30, 10)
    arrays = {
        theirs: np.rint(255 * digits[ours][:, 0]).astype(np.uint8)
        for ours, theirs in (("train_data", "x_train"), ("test_data", "x_test"))
    }
    np.savez(tmp_path / "mnist.npz", y_train=digits["train_label"], **arrays)
    mnist = load_images(tmp_path / "mnist.npz")
    assert set(mnist) == {"train_data", "train_label", "test_data"}
    np.testing.assert_array_equal(mnist["train_data"][:, 0], arrays["x_train"] / np.float32(255))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": GREYS}, r"expected arrays named train_data, .*, found \['images'\]"),
        ({"x_train": np.zeros((3, 5))}, r"\(N, height, width\), got float64 \(3, 5\)"),
        ({"x_train": np.zeros((3, 2, 4, 4))}, r"got float64 \(3, 2, 4, 4\)"),
        ({"x_train": np.zeros((0, 4, 4))}, r"got float64 \(0, 4, 4\)"),
        ({"x_train": np.array(["a"])}, r"got <U1 \(1,\)"),
        ({"x_train": np.array([{}])}, r"expected an .npz file of arrays, found: Object arrays"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        load_images(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x93NUMPY"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a.npz: expected an .npz file of arrays, found: "):
        load_images(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="size and invert are for folders"):
        load_images(tmp_path / "a.npz", invert=True)


def test_an_archive_that_unpacks_to_much_more_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x_train=np.zeros((10**4, 28, 28), np.uint8))
    with pytest.raises(ValueError, match=r"found: its \d+ bytes unpack to 78401\d\d"):
        load_images(tmp_path / "a.npz")


# Nets and runs of any size


def test_convolutions_take_any_size_of_fours_and_name_the_next():
    shape = (12, 8)
    net = VAE(n_output=96, encoder=conv_encoder(2, 16, shape), decoder=conv_decoder(2, 16, shape))
    net.initialize()
    assert reconstruct(net, np.zeros((3, 1, *shape))).shape == (3, 96)
    for build in (conv_encoder, conv_decoder):
        with pytest.raises(ValueError, match=r"multiples of 4 .*got 27 x 8; 28x8 fits"):
            build(shape=(27, 8))


@pytest.mark.parametrize("arch", [["--n-layers", "1"], ["--arch", "conv"]])
def test_pictures_become_a_run_with_all_its_figures(tmp_path, monkeypatch, capsys, arch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for kind in ("circles", "crosses"):
        for i in range(15):
            pixels = rng.integers(0, 255, (12, 8)).astype(np.uint8)
            draw(tmp_path, f"my shapes/{kind}/{i}.png", pixels=pixels)
    words = ["train", "--data-dir", "my shapes", "--epochs", "1", "--n-hidden", "16", *arch]
    assert cli.main(words) == 0
    out = capsys.readouterr().out
    assert "Training on 27 images of my_shapes (12 x 8), validating on 3" in out
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("my_shapes_vae_gluon_2d")
    assert len(list(folder.glob("*.png"))) == 8
    assert cli.main([*words, "--resume", "--epochs", "2"]) == 0
    assert cli.main(["evaluate", str(folder), "--k", "5"]) == 0
    assert cli.main(["export", str(folder), "--format", "symbol"]) == 0
    assert run.finished_net(folder)[1].n_output == 96


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dataset", "mnist", "--data-dir", "own"], "--dataset mnist contradicts --data-dir own"),
        (["--dataset", "digits", "--size", "8x8"], "--size and --invert are for pictures of your"),
        (["--data-dir", "own", "--size", "0x8"], "expected a height and a width such as 48x32"),
    ],
)
def test_options_that_do_not_fit_the_images_are_refused(
    tmp_path, monkeypatch, capsys, words, message
):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "own", "a.png", "b.png")
    try:
        code = cli.main(["train", *words])
    except SystemExit as end:  # argparse's way
        code = end.code
    assert code == 2
    assert message in capsys.readouterr().err
