"""Samples, codes, sweeps and walks out of a run, as files."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image
from run_files import run

from vae_gluon import decode, encode, interpolate, load_images, load_run, sample_prior

pytestmark = pytest.mark.usefixtures("few_digits")


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def net(finished):
    return load_run(finished).net


def grey(image):
    """Return an image as a file has it: black ink on white."""
    return np.rint(255 * (1 - image)).astype(np.uint8)


def pixels_of(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_samples_are_one_sheet_or_arrays_or_a_file_each(folder, net, tmp_path, capsys):
    assert run("sample", folder, "--n", "5", "--out", tmp_path / "s.npz") == 0
    with np.load(tmp_path / "s.npz") as arrays:
        images, z = arrays["images"], arrays["z"]
    np.testing.assert_array_equal(z, sample_prior(5, 2, 1))  # the seed of the run
    np.testing.assert_array_equal(images, decode(net, z).reshape(5, 28, 28))

    assert run("sample", folder, "--n", "5") == 0
    assert capsys.readouterr().out.endswith(f"\n{folder / 'samples.png'}\n")
    sheet = pixels_of(folder / "samples.png")
    assert sheet.shape == (2 * 28 + 2, 3 * 28 + 2 * 2)
    np.testing.assert_array_equal(sheet[:28, 30:58], grey(images[1]))
    np.testing.assert_array_equal(sheet[30:, 30:58], grey(images[4]))
    assert (sheet[30:, 60:] == 255).all()

    assert run("sample", folder, "--n", "5", "--seed", "2", "--out", tmp_path / "files") == 0
    files = sorted((tmp_path / "files").iterdir())
    assert len(files) == 5
    other = decode(net, sample_prior(5, 2, 2)).reshape(5, 28, 28)
    np.testing.assert_array_equal(pixels_of(files[4]), grey(other[4]))
    read = load_images(tmp_path / "files")  # as the package reads pictures
    assert read["train_data"].shape == (4, 1, 28, 28)


def test_an_ending_that_is_no_pictures_is_refused(folder, tmp_path, capsys):
    assert run("sample", folder, "--out", tmp_path / "x.what") == 2
    assert "unknown file extension: .what" in capsys.readouterr().err
    assert not (tmp_path / "x.what").exists()


def test_codes_are_those_of_all_images(folder, net, digits, tmp_path):
    assert run("encode", folder) == 0
    with open(folder / "codes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["part"], row["number"]) for row in rows] == [
        (part, str(i)) for part, n in (("train", 600), ("test", 200)) for i in range(n)
    ]
    labels = np.concatenate([digits["train_label"], digits["test_label"]])
    assert [int(row["label"]) for row in rows] == labels.tolist()
    mu, lv = encode(net, np.concatenate([digits["train_data"], digits["test_data"]]))
    for name, numbers in (("mu", mu), ("lv", lv)):
        written = [[float(row[f"{name}_{i}"]) for i in (1, 2)] for row in rows]
        np.testing.assert_array_equal(np.float32(written), numbers)

    assert run("encode", folder, "--out", tmp_path / "codes.npz") == 0
    with np.load(tmp_path / "codes.npz") as codes:
        assert set(codes) == {"part", "number", "label", "mu", "lv"}
        np.testing.assert_array_equal(codes["mu"], mu)
        np.testing.assert_array_equal(codes["label"], labels)


def test_codes_of_pictures_have_the_names_of_their_files(folder, net, digits, tmp_path):
    names = ["a, b.png", "caf\udce9.png", "\u96f6.png"]
    (tmp_path / "own").mkdir()
    for name, image in zip(names, digits["test_data"]):
        Image.fromarray(grey(image[0])).save(tmp_path / "own" / name)
    table = tmp_path / "codes.csv"
    assert run("encode", folder, "--data-dir", tmp_path / "own", "--out", table) == 0
    with open(table, newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert rows.keys() == set(names)
    assert "label" not in rows[names[0]]
    for name, image in zip(names, digits["test_data"]):
        (mu,), _ = encode(net, np.float32(1) - grey(image) / np.float32(255))
        written = [float(rows[name][f"mu_{i}"]) for i in (1, 2)]
        np.testing.assert_allclose(written, mu, rtol=1e-4, atol=1e-6)


def test_a_sweep_is_drawn_for_each_dimension(folder):
    assert run("traverse", folder) == 0
    height, width, _ = pixels_of(folder / "traversals.png").shape
    assert width > 2 * height > 350


def test_a_walk_goes_from_image_to_image_and_back(folder, net, digits, capsys):
    assert run("interpolate", folder, "--images", "4,9") == 0
    first, second = digits["test_data"][[4, 9]]
    there = interpolate(net, first, second, 21)
    with Image.open(folder / "interpolation.gif") as film:
        assert (film.size, film.n_frames) == ((280, 280), 40)
        for number, image in ((0, there[0]), (7, there[7]), (20, there[20]), (33, there[7])):
            film.seek(number)
            pixels = np.asarray(film.convert("L"))[5::10, 5::10]  # of the enlarged
            np.testing.assert_allclose(pixels, grey(image.reshape(28, 28)), atol=1)
    assert run("interpolate", folder, "--images", "4,200") == 2
    assert "--images: expected numbers below 200, got 200" in capsys.readouterr().err
