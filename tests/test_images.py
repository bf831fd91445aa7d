"""Your own pictures: a folder of files, or an .npz file, in; arrays out, or the reason why not."""

import contextlib
import io

import numpy as np
import pytest
from damage import damaged
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vae_gluon import conv_decoder, conv_encoder, load_images, load_run
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
    assert (len(dataset["train_data"]), len(dataset["test_data"])) == (27, 3)
    images, labels, files = (
        np.concatenate([dataset[f"train_{kind}"], dataset[f"test_{kind}"]])
        for kind in ("data", "label", "file")
    )
    numbers = np.rint(255 * (1 - images[:, 0, 0, 0])).astype(int)
    assert sorted(numbers) == list(range(30))  # each picture once
    assert list(labels) == ["dog" if n >= 15 else "cat" for n in numbers]
    assert list(files) == [names[n] for n in numbers]
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
    ("names", "n_train", "n_test", "labels", "n_test_labels"),
    [
        ("Training/a Training/b Testing/a", 4, 2, "a b", 1),
        ("seg_train/seg_train/a seg_train/seg_train/b seg_test/seg_test/a", 4, 2, "a b", 1),
        ("train/a train/b val/a val/b test/a", 4, 6, "a b", 2),
        ("train/a train/b dev/a unlabeled", 4, 2, "a b", 1),
        ("train/a train/b test", 4, 2, "a b", 0),
        ("train/images valid/images", 2, 2, "", 0),
        ("archive/data/train/a archive/data/train/b archive/data/val/a", 4, 2, "a b", 1),
        ("train", 1, 1, "", 0),
        ("valid/a test/a test/b", 5, 1, "a b", 1),
        ("car train", 3, 1, "car train", 1),  # a class may be called so
        ("freight_train night_train", 3, 1, "freight_train night_train", 1),
        ("a/x/y b/z", 3, 1, "a b", 1),
    ],
)
@pytest.mark.filterwarnings("ignore:.*; left out")
def test_folders_are_parts_or_labels_by_their_names(
    tmp_path, names, n_train, n_test, labels, n_test_labels
):
    *found, test_labels = layout(tmp_path, *names.split())
    assert found == [n_train, n_test, labels.split()]
    assert len(test_labels) == n_test_labels


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
    (root / "test/dogs/4.png").symlink_to(root / "test/dogs/3.png")
    (root / "test/gone.png").symlink_to(root / "nowhere.png")
    with pytest.warns(UserWarning, match="left out: ") as caught:
        dataset = load_images(root)
    assert sorted(dataset["train_label"]) == ["cats", "cats", "dogs", "dogs"]
    assert list(dataset["test_label"]) == ["dogs", "dogs"]
    text = str(caught[0].message)
    assert all(name in text for name in ("1 all (a link)", "1 current (a link)", "1 *.png"))


def test_too_few_pictures_are_refused(tmp_path):
    for name in ("readme.txt", ".hidden.png", "c.gif"):
        (tmp_path / name).write_bytes(b"text")
    with pytest.raises(FileNotFoundError, match=r"expected pictures \(.png.*got none"):
        load_images(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"nowhere: expected pictures .* no such folder"):
        load_images(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"expected at least two images, one for testing, got 1"):
        load_images(draw(tmp_path / "one", "a.png"))
    draw(tmp_path / "mixed", "a.png", "b/c.png")
    with pytest.raises(ValueError, match=r"a.png: expected all pictures in subfolders"):
        load_images(tmp_path / "mixed")


# Pictures of every kind


GREY = Image.fromarray(np.array([[51, 204]], np.uint8))
DEEP = Image.frombytes("I;16", (2, 1), (np.array([51, 204], "<u2") * 257).tobytes())
CLEAR = GREY.copy()
CLEAR.putalpha(Image.fromarray(np.array([[128, 255]], np.uint8)))  # half of the first is paper
TURNED = Image.Exif()
TURNED[0x0112] = 6  # a quarter to the right


@pytest.mark.parametrize(
    ("picture", "suffix", "options", "expected"),
    [
        (GREY.point(lambda grey: 255 * (grey > 99)).convert("1"), "png", {}, [[1, 0]]),
        (GREY.convert("P"), "png", {}, [[0.8, 0.2]]),
        (GREY.convert("RGB"), "tif", {}, [[0.8, 0.2]]),
        (GREY.convert("CMYK"), "tif", {}, [[0.8, 0.2]]),
        (CLEAR, "png", {}, [[0.4, 0.2]]),
        (CLEAR.convert("RGBA"), "tif", {}, [[0.4, 0.2]]),
        (CLEAR.convert("RGBA"), "webp", {"lossless": True}, [[0.4, 0.2]]),
        (DEEP, "png", {}, [[0.8, 0.2]]),
        (DEEP, "tiff", {}, [[0.8, 0.2]]),
        (DEEP, "png", {"transparency": 51 * 257}, [[0, 0.2]]),
        # Of colours of 16 bits Pillow reads the upper bytes, but all of the transparent one.
        (GREY.convert("RGB"), "png", {"transparency": (51 * 257,) * 3}, [[0, 0.2]]),
        (GREY, "png", {"exif": TURNED}, [[0.8], [0.2]]),
    ],
)
def test_pictures_of_every_kind_become_grey(tmp_path, picture, suffix, options, expected):
    for name in "ab":
        picture.save(tmp_path / f"{name}.{suffix}", **options)
    np.testing.assert_allclose(read_one(tmp_path), expected, atol=0.005)


def encoded(pixels, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


FRAMES = {"save_all": True, "append_images": [Image.fromarray(255 - GREYS)]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.png", b"not a picture", r"\(PNG, JPEG, TIFF, WEBP\), got: Unidentified"),
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


def test_pictures_of_all_sizes_are_brought_to_one(tmp_path):
    draw(tmp_path, "a.png")
    draw(tmp_path, "b.png", pixels=np.kron(GREYS.T, np.ones((5, 5))).astype(np.uint8))
    for size, expected in (((12, 8), (12, 8)), (7, (7, 7))):
        images = load_images(tmp_path, size=size)
        assert images["train_data"].shape == images["test_data"].shape == (1, 1, *expected)
        assert 0 <= images["train_data"].min() < images["train_data"].max() <= 1
    for wrong, message in (((0, 8), "size"), ("8x8", "size"), ((8, 8, 8), "broadcast .*3")):
        with pytest.raises(ValueError, match=message):
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
    with pytest.raises(ValueError, match=r"images.npz: size and invert are for folders"):
        load_images(tmp_path / "images.npz", size=8)


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
        ({"x_train": np.zeros((3, 5))}, r"train_data: .* \(N, side \* side\), got \(3, 5\)"),
        ({"x_train": np.zeros((3, 2, 4, 4))}, r"got \(3, 2, 4, 4\)"),
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


# Nets and runs of any size


def test_convolutions_take_multiples_of_4():
    for build in (conv_encoder, conv_decoder):
        with pytest.raises(ValueError, match=r"multiples of 4 .*got 27 x 8$"):
            build(shape=(27, 8))


def test_pictures_become_a_run(tmp_path, monkeypatch, capsys, no_pictures):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 255, (30, 24, 16)).astype(np.uint8)
    for i, image in enumerate(pixels):
        draw(tmp_path, f"my shapes/{'circles' if i < 15 else 'crosses'}/{i}.png", pixels=image)
    words = ["train", "--data-dir", "my shapes", "--size", "12x8", "--arch", "conv", "--epochs"]
    assert cli.main([*words, "1", "--n-hidden", "16"]) == 0
    out = capsys.readouterr().out
    assert "Training on 27 images of my_shapes (12 x 8), validating on 3" in out
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("my_shapes_vae_gluon_2d")
    assert cli.main(["train", "--resume", "--epochs", "2", "--out", str(folder)]) == 0
    assert cli.main(["evaluate", str(folder), "--k", "5"]) == 0
    assert load_run(folder).net.n_output == 96
