"""Data sets by name or by path: what is loaded, what it is called, what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vae_gluon.command import cli
from vae_gluon.data import datasets
from vae_gluon.data.datasets import DATASETS, load_dataset, name_of

pytestmark = pytest.mark.usefixtures("few_digits")


@pytest.fixture
def mnist(monkeypatch):
    """The digits are now known as MNIST: their checksum."""
    monkeypatch.setitem(datasets.CHECKSUMS, load_dataset("digits").crc32, "mnist")


def keras_file(folder, digits):
    folder.mkdir()
    pixels = {f"x_{part}": np.rint(255 * digits[f"{part}_data"]) for part in ("train", "test")}
    np.savez(folder / "mnist.npz", **{name: array.astype("u1") for name, array in pixels.items()})
    return folder


def test_files_of_mnist_are_mnist_if_they_have_its_images(
    digits_folder, digits, tmp_path, monkeypatch, mnist
):
    assert load_dataset(path=digits_folder)[:2] == ("mnist", digits_folder)
    assert load_dataset("mnist", digits_folder).name == "mnist"
    assert load_dataset("mnist", keras_file(tmp_path / "keras", digits)).name == "mnist"
    monkeypatch.setenv("VAE_GLUON_DATA", str(digits_folder))
    assert load_dataset()[:2] == load_dataset("mnist")[:2] == ("mnist", digits_folder)


def test_other_images_are_named_after_their_folder(digits_folder, monkeypatch):
    assert load_dataset(path=digits_folder)[:2] == ("own_mnist", digits_folder)
    assert load_dataset("own_mnist", digits_folder).name == "own_mnist"
    monkeypatch.setenv("VAE_GLUON_DATA", str(digits_folder))
    assert load_dataset().name == "own_mnist"
    with pytest.raises(ValueError, match=r"--dataset mnist: expected its .*, got others"):
        load_dataset("mnist")
    with pytest.raises(ValueError, match=r"--dataset digits: expected its .*, got others"):
        load_dataset("digits", digits_folder)


def test_a_folder_of_keras_is_a_data_set_of_its_own_name(
    tmp_path, digits, monkeypatch, no_pictures
):
    keras_file(tmp_path / "shapes", digits)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_dataset(path="~/shapes").name == "shapes"
    monkeypatch.chdir(tmp_path)
    words = ["train", "--data-dir", "shapes", "--n-hidden", "8", "--n-layers", "1", "--epochs"]
    assert cli.main([*words, "1"]) == cli.main([*words, "2", "--resume"]) == 0
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_without_mnist_the_digits_stand_in_and_that_is_said(tmp_path, monkeypatch, capsys):
    home = str(tmp_path / ("a-long-path-" * 9))
    monkeypatch.setenv("MXNET_HOME", home)
    assert load_dataset().name == "digits"
    text = " ".join(capsys.readouterr().err.splitlines())
    for part in ("NOT MNIST", "could not be downloaded", home):
        assert part in text  # no path is broken where a line ends


def test_mnist_asked_for_is_not_replaced(capsys):
    with pytest.raises(FileNotFoundError, match=r"could not be downloaded.*--dataset digits"):
        load_dataset("mnist")
    assert capsys.readouterr().err == ""


def test_another_data_set_by_name_is_one_entry(monkeypatch):
    other = load_dataset("digits")._replace(name="other")
    monkeypatch.setitem(DATASETS, "other", lambda: other)
    assert load_dataset("other") is other
    assert name_of(Path("other")) == "own_other"


@pytest.mark.parametrize("options", [{"size": 8}, {"invert": True}])
def test_options_for_pictures_are_refused_for_others(digits_folder, options):
    for name, path in (("digits", None), (None, digits_folder)):
        with pytest.raises(ValueError, match="--size and --invert are for pictures"):
            load_dataset(name, path, **options)


@pytest.mark.parametrize(
    ("path", "name"),
    [("my pictures", "my_pictures"), ("digits", "own_digits"), ("a.npz", "a"), ("..?", "own")],
)
def test_a_name_is_part_of_a_folders_name(tmp_path, path, name):
    assert name_of(tmp_path / path) == name


def test_pictures_are_read_as_asked_for(tmp_path):
    for name in "ab":
        Image.fromarray(np.full((4, 4), 255, np.uint8)).save(tmp_path / f"{name}.png")
    dataset = load_dataset(path=tmp_path, size=(8, 6), invert=True)
    assert dataset.arrays["train_data"].shape == (1, 1, 8, 6)
    assert dataset.arrays["train_data"].min() == 1
