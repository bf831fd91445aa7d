"""Your own pictures: a folder of files, or an .npz file, in; arrays out, or the reason why not."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from damage import damaged
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vae_gluon import (
    VAE,
    conv_decoder,
    conv_encoder,
    load_images,
    load_run,
    reconstruct,
)
from vae_gluon.command import cli
from vae_gluon.data.datasets import load_dataset

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


def test_white_is_paper_and_black_is_ink(tmp_path, monkeypatch):
    folder = draw(tmp_path, "a.png", "b.png")
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    image = read_one(f"~/{tmp_path.name}")
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, 1 - GREYS / 255, atol=1e-7)
    assert (image[0, 0], image[-1, -1]) == (1, 0)
    np.testing.assert_allclose(read_one(folder, invert=True), GREYS / 255, atol=1e-7)


def test_folders_are_labels_and_a_tenth_is_held_out(tmp_path):
    names = [f"{kind}/{i}.png" for kind in ("cat", "dog") for i in range(15)]
    for number, name in enumerate(names):
        draw(tmp_path, name, pixels=np.full((4, 4), number, np.uint8))
    dataset = load_images(tmp_path)
    assert {part: len(dataset[f"{part}_data"]) for part in ("train", "test")} == {
        "train": 27,
        "test": 3,
    }
    numbers = [
        np.rint(255 * (1 - dataset[f"{part}_data"][:, 0, 0, 0])).astype(int)
        for part in ("train", "test")
    ]
    assert sorted(np.concatenate(numbers)) == list(range(30))  # each picture once
    labels = np.concatenate([dataset["train_label"], dataset["test_label"]])
    assert list(labels) == ["dog" if n >= 15 else "cat" for n in np.concatenate(numbers)]
    files = np.concatenate([dataset["train_file"], dataset["test_file"]])
    assert list(files) == [names[n] for n in np.concatenate(numbers)]
    assert len(set(dataset["train_label"][:10])) == 2  # mixed
    again, other = load_images(tmp_path), load_images(tmp_path, seed=1)
    assert all((dataset[name] == again[name]).all() for name in dataset)
    assert (dataset["test_data"] != other["test_data"]).any()


# Layouts of folders


def layout(folder, *names):
    """Write two pictures into each of the folders; return what is read: counts and labels."""
    draw(folder, *(f"{name}/{i}.png" for name in names for i in range(2)))
    dataset = load_images(folder)
    labels = [sorted(set(dataset.get(f"{part}_label", ()))) for part in ("train", "test")]
    return len(dataset["train_data"]), len(dataset["test_data"]), *labels


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train/a", "train/b", "valid/a", "valid/b"], (4, 4, ["a", "b"], ["a", "b"])),
        (["Training/a", "Training/b", "Testing/a"], (4, 2, ["a", "b"], ["a"])),
        (["seg_train/seg_train/a", "seg_train/seg_train/b", "seg_test/seg_test/a", "seg_pred"],
         (4, 2, ["a", "b"], ["a"])),
        (["train/a", "train/b", "val/a", "val/b", "test/a"], (4, 6, ["a", "b"], ["a", "b"])),
        (["train/a", "train/b", "dev/a", "unlabeled"], (4, 2, ["a", "b"], ["a"])),
        (["train/a", "train/b", "test"], (4, 2, ["a", "b"], [])),
        (["train/images", "valid/images"], (2, 2, [], [])),
        (["archive/data/train/a", "archive/data/train/b", "archive/data/val/a"],
         (4, 2, ["a", "b"], ["a"])),
        (["train"], (1, 1, [], [])),
        (["train/a", "train/b"], (3, 1, ["a", "b"], ["a"])),
        (["valid/a", "test/a", "test/b"], (5, 1, ["a", "b"], ["a"])),
        (["car", "train"], (3, 1, ["car", "train"], ["train"])),  # a class may be called so
        (["freight_train", "night_train"], (3, 1, ["freight_train", "night_train"],
                                            ["night_train"])),
        (["a/x/y", "b/z"], (3, 1, ["a", "b"], ["a"])),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*; left out")
def test_folders_are_parts_or_labels_by_their_names(tmp_path, names, expected):
    train, test, train_labels, test_labels = layout(tmp_path, *names)
    assert (train, test, train_labels) == expected[:3]
    assert set(test_labels) <= set(train_labels) or test_labels == expected[3]
    assert bool(test_labels) == bool(expected[3])


def test_what_is_left_out_is_a_warning_of_one_printable_line(tmp_path, capsys):
    root = draw(tmp_path / "\x1b]0;x\x07\nok", "Train/a/.ipynb_checkpoints/0.png", "@eaDir/0.png")
    draw(root, ".hidden/0.png", "Train/a/.0.png")
    assert layout(root, "Train/a", "Train/b", "valid/a", "test/b")[:2] == (4, 4)  # no warning
    draw(root, "extra/0.png")
    (root / "\x1b[2J").write_text("")
    (root / "Train/a/x.gif").write_bytes(b"GIF89a")
    with pytest.warns(UserWarning, match=r"ok: pictures; left out: 1 .*1 ") as caught:
        load_images(root)
    (text,) = (str(warning.message) for warning in caught)
    assert text.isprintable()
    assert all(name in text for name in (r"1 \x1b[2J", "1 *.gif", "1 extra"))
    load_dataset(path=root)
    assert capsys.readouterr() == ("", text + "\n")


def test_links_are_followed_but_not_in_circles(tmp_path):
    draw(tmp_path / "elsewhere", "cats/1.png", "cats/2.png")
    root = draw(tmp_path / "root", "train/dogs/1.png", "train/dogs/2.png", "test/dogs/3.png")
    (root / "train/cats").symlink_to(tmp_path / "elsewhere/cats")
    (root / "train/all").symlink_to(root)
    (root / "current").symlink_to(root / "train")
    (root / "test/gone.png").symlink_to(root / "nowhere.png")
    (root / "test/4.png").symlink_to(root / "test/dogs/3.png")
    with pytest.raises(ValueError, match=r"4.png: expected all pictures in subfolders"):
        load_images(root)
    (root / "test/4.png").rename(root / "test/dogs/4.png")
    with pytest.warns(UserWarning, match="left out: ") as caught:
        dataset = load_images(root)
    assert sorted(dataset["train_label"]) == ["cats", "cats", "dogs", "dogs"]
    assert list(dataset["test_label"]) == ["dogs", "dogs"]
    text = str(caught[0].message)
    assert all(name in text for name in ("1 all (a link)", "1 current (a link)", "1 *.png"))


@pytest.mark.parametrize("name", ["readme.txt", ".hidden.png", "c.gif"])
def test_a_folder_without_pictures_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"text")
    with pytest.raises(FileNotFoundError, match=r"expected pictures \(.png.*got none"):
        load_images(tmp_path)
    folder = draw(tmp_path / "one", "a.png")
    with pytest.raises(ValueError, match=r"expected at least two images, one for testing, got 1"):
        load_images(folder)
    with pytest.raises(FileNotFoundError, match=r"nowhere: expected pictures .* no such folder"):
        load_images(tmp_path / "nowhere")


# Pictures of every kind


def of_mode(mode):
    """Return two pixels of grey 51 and 204, or what is nearest; half of the first is paper."""
    greys = np.array([[51, 204]], np.uint8)
    picture = Image.fromarray(greys)
    if mode.startswith("I;16"):
        order = ">u2" if mode == "I;16B" else "<u2"
        return Image.frombytes(mode, (2, 1), (greys.astype(np.uint16) * 257).astype(order))
    if mode in ("RGBA", "LA"):
        picture.putalpha(Image.fromarray(np.array([[128, 255]], np.uint8)))
    return (
        picture.point(lambda grey: 255 * (grey > 99)).convert(mode)
        if mode == "1"
        else (picture.convert(mode))
    )


@pytest.mark.parametrize(
    ("mode", "suffix", "expected"),
    [
        ("1", "png", [1, 0]),
        ("P", "png", [0.8, 0.2]),
        *(("RGBA", suffix, [0.4, 0.2]) for suffix in ("png", "tif", "webp")),
        ("LA", "png", [0.4, 0.2]),
        *(("I;16", suffix, [0.8, 0.2]) for suffix in ("png", "tiff")),
        *((mode, "tif", [0.8, 0.2]) for mode in ("I;16B", "RGB", "CMYK")),
    ],
)
def test_pictures_of_every_kind_become_grey(tmp_path, mode, suffix, expected):
    for name in "ab":
        lossless = {"lossless": True} if suffix == "webp" else {}
        of_mode(mode).save(tmp_path / f"{name}.{suffix}", **lossless)
    np.testing.assert_allclose(read_one(tmp_path), [expected], atol=0.005)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize(("colour", "n"), [(0, 1), (2, 3)])
def test_what_is_transparent_by_its_value_of_16_bits_is_paper(tmp_path, colour, n):
    values = [0x1234, 51 * 257, 204 * 257]
    row = b"\0" + b"".join(struct.pack(">H", value) * n for value in values)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", len(values), 1, 16, colour, 0, 0, 0)),
        (b"tRNS", struct.pack(">H", values[0]) * n),
        (b"IDAT", zlib.compress(row)),
        (b"IEND", b""),
    ]
    for name in "ab":
        content = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)
        (tmp_path / f"{name}.png").write_bytes(content)
    np.testing.assert_allclose(read_one(tmp_path), [[0, 0.8, 0.2]], atol=0.005)


def test_a_photograph_is_turned_as_the_camera_was_held(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    for name in "ab":
        Image.fromarray(GREYS).save(tmp_path / f"{name}.png", exif=exif)
    np.testing.assert_allclose(read_one(tmp_path), 1 - np.rot90(GREYS, -1) / 255, atol=1e-6)


def encoded(pixels, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


FRAMES = {"save_all": True, "append_images": [Image.fromarray(255 - GREYS)]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.png", b"not a picture", r"\(PNG, JPEG, TIFF, WEBP\), got: Unidentified"),
        ("c.png", b"", r"\(PNG, JPEG, TIFF, WEBP\), got: Unidentified"),
        ("c.png", encoded(GREYS)[:60], r"expected a whole picture .*, got: \w+"),
        ("c.png", encoded(GREYS, **FRAMES), "got: .*2 frames"),
        ("c.tif", encoded(GREYS, "TIFF", **FRAMES), "got: .*2 frames"),
        ("c.tif", encoded(GREYS, "TIFF", compression="tiff_lzw"), "got: .*a compressed TIFF"),
        ("c.tif", encoded(GREYS / np.float32(9), "TIFF"), "got: .*of 32 bits"),
        ("c.png", encoded(np.zeros((1, 2**25 + 1), np.uint8)), "got: .*33554433 x 1 pixels"),
        ("c.png", encoded(GREYS.T), r"of \(6, 4\) pixels, .* as a.png, got \(4, 6\); .*--size 6x4"),
    ],
)
def test_a_bad_picture_gets_its_reason(tmp_path, name, content, message):
    draw(tmp_path, "a.png", "b.png")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: .*{message}"):
        load_images(tmp_path)


@settings(max_examples=40)
@given(data=st.data(), kind=st.sampled_from(["PNG", "JPEG", "TIFF", "WEBP"]))
def test_a_damaged_picture_gives_an_image_or_its_reason(tmp_path_factory, data, kind):
    folder = tmp_path_factory.getbasetemp() / "damaged_picture"
    draw(folder, "a.png", "b.png")
    (folder / "c.png").write_bytes(data.draw(damaged(encoded(GREYS, kind))))
    with contextlib.suppress(ValueError):
        assert load_images(folder)["train_data"].shape == (2, 1, 6, 4)


@pytest.mark.parametrize(("size", "expected"), [((12, 8), (12, 8)), (7, (7, 7))])
def test_pictures_of_all_sizes_are_brought_to_one(tmp_path, size, expected):
    draw(tmp_path, "a.png")
    draw(tmp_path, "b.png", pixels=np.kron(GREYS.T, np.ones((5, 5))).astype(np.uint8))
    images = load_images(tmp_path, size=size)
    assert images["train_data"].shape == images["test_data"].shape == (1, 1, *expected)
    assert 0 <= images["train_data"].min() < images["train_data"].max() <= 1
    for wrong in (0, (0, 8), (8, 8, 8), "8x8", 7.5):
        with pytest.raises(ValueError, match="size"):
            load_images(tmp_path, size=wrong)


# Files of arrays


@pytest.mark.parametrize("compress", [np.savez, np.savez_compressed])
def test_an_npz_file_of_the_same_images_gives_the_same_bits(tmp_path, compress):
    dataset = load_images(draw(tmp_path / "p", *(f"{kind}/{i}.png" for kind in "ab" for i in "12")))
    compress(tmp_path / "images.npz", **dataset)
    again = load_images(tmp_path / "images.npz")
    assert again.keys() == dataset.keys() - {"train_file", "test_file"}
    for name, array in again.items():
        assert dataset[name].dtype == array.dtype
        np.testing.assert_array_equal(dataset[name], array)
    for options in ({"size": 8}, {"invert": True}):
        with pytest.raises(ValueError, match=r"images.npz: size and invert are for folders"):
            load_images(tmp_path / "images.npz", **options)


def test_a_file_of_keras_is_read_in_bytes_or_greys_of_any_layout(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (4, 5, 5)).astype(np.uint8)
    for x in (images, images.reshape(4, 25), images[:, None], images[..., None], images / 255):
        np.savez(tmp_path / "mnist.npz", x_train=x, x_test=x[:1], y_train=np.arange(4))
        for path in ("mnist.npz", "."):
            dataset = load_images(tmp_path / path)
            assert set(dataset) == {"train_data", "train_label", "test_data"}
            np.testing.assert_allclose(dataset["train_data"][:, 0], images / 255, rtol=1e-6)
            np.testing.assert_array_equal(dataset["train_label"], np.arange(4))


BYTES = np.zeros((4, 5, 5), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": BYTES}, r"expected arrays named train_data, .*, got \['images'\]"),
        ({"x_train": np.zeros((3, 5))}, r"train_data: .* \(N, height, width\), got \(3, 5\)"),
        ({"x_train": np.zeros((3, 2, 4, 4))}, r"got \(3, 2, 4, 4\)"),
        ({"x_train": BYTES.astype("U")}, r"train_data: expected pixels .* got an array of <U"),
        ({"x_train": np.array([{}])}, r"expected an .npz file of arrays, got: .*Object arrays"),
        ({"x_train": BYTES + 255.0}, r"train_data: expected pixels in \[0, 1\], got from 255"),
        ({"x_train": BYTES, "x_test": BYTES[:, 1:]}, r"test_data: expected .*\(1, 5, 5\).* 4, 5\)"),
        ({"x_train": BYTES, "y_train": np.arange(5)}, r"train_label: expected 4 labels"),
    ],
)
def test_arrays_that_are_no_data_set_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=f"a.npz: .*{message}"):
        load_images(tmp_path / "a.npz")


@settings(max_examples=60)
@given(data=st.data(), compressed=st.booleans())
def test_a_damaged_npz_file_gives_images_or_its_reason(tmp_path_factory, data, compressed):
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    content = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(content, x_train=BYTES, y_train=np.arange(4))
    path.write_bytes(data.draw(damaged(content.getvalue())))
    with contextlib.suppress(ValueError):
        assert load_images(path)["train_data"].ndim == 4


# Nets and runs of any size


def test_convolutions_take_any_size_of_fours_and_name_the_next():
    shape = (12, 8)
    net = VAE(n_output=96, encoder=conv_encoder(2, 16, shape), decoder=conv_decoder(2, 16, shape))
    net.initialize()
    assert reconstruct(net, np.zeros((3, 1, *shape))).shape == (3, 96)
    for build in (conv_encoder, conv_decoder):
        with pytest.raises(ValueError, match=r"multiples of 4 .*got 27 x 8; 28x8 fits"):
            build(shape=(27, 8))


def test_pictures_become_a_run(tmp_path, monkeypatch, capsys, no_pictures):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for kind in ("circles", "crosses"):
        for i in range(15):
            pixels = rng.integers(0, 255, (12, 8)).astype(np.uint8)
            draw(tmp_path, f"my shapes/{kind}/{i}.png", pixels=pixels)
    words = ["train", "--data-dir", "my shapes", "--epochs", "1", "--n-hidden", "16"]
    words += ["--arch", "conv"]
    assert cli.main(words) == 0
    out = capsys.readouterr().out
    assert "Training on 27 images of my_shapes (12 x 8), validating on 3" in out
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("my_shapes_vae_gluon_2d")
    assert cli.main([*words, "--resume", "--epochs", "2"]) == 0
    assert cli.main(["evaluate", str(folder), "--k", "5"]) == 0
    assert load_run(folder).net.n_output == 96
