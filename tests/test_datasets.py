"""Data sets by name or by path: what is loaded, what it is called, what is refused."""

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
    crc32 = load_dataset("digits").crc32
    monkeypatch.setitem(datasets.CHECKSUMS, crc32, "mnist")


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
    folder = keras_file(tmp_path / "shapes", digits)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in (folder, "~/shapes"):
        assert load_dataset(path=path).name == "shapes"
    monkeypatch.chdir(tmp_path)
    words = ["train", "--data-dir", "shapes", "--n-hidden", "8", "--n-layers", "1"]
    assert cli.main([*words, "--epochs", "1"]) == 0
    assert cli.main([*words, "--epochs", "2", "--resume"]) == 0
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_without_mnist_the_digits_stand_in_and_that_is_said(capsys):
    assert load_dataset().name == "digits"
    lines = capsys.readouterr().err.splitlines()
    assert lines[1].startswith("NOT MNIST")
    assert max(map(len, lines)) <= 80 or all(" " not in line for line in lines if len(line) > 80)
    text = " ".join(lines)
    assert "could not be downloaded" in text
    assert "t10k-labels-idx1-ubyte" in text  # no name is broken where a line ends


def test_mnist_asked_for_is_not_replaced(capsys):
    with pytest.raises(FileNotFoundError, match=r"could not be downloaded.*--dataset digits"):
        load_dataset("mnist")
    assert capsys.readouterr().err == ""


def test_another_data_set_by_name_is_one_entry(monkeypatch, digits):
    monkeypatch.setitem(DATASETS, "other", lambda: datasets._digits()._replace(name="other"))
    assert load_dataset("other").name == "other"
    assert name_of(datasets.Path("other")) == "own_other"


@pytest.mark.parametrize("options", [{"size": 8}, {"invert": True}])
@pytest.mark.parametrize("name", ["mnist", "digits", None])
def test_options_for_pictures_are_refused_for_others(digits_folder, name, options):
    path = None if name else digits_folder
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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dataset", "mnist", "--data-dir", "own"], "mnist: expected its images in own"),
        (["--data-dir", "own", "--size", "0x8"], "expected a height and a width such as 48x32"),
    ],
)
def test_words_that_do_not_fit_the_images_are_refused(
    tmp_path, monkeypatch, capsys, words, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    np.savez(tmp_path / "own/mnist.npz", x_train=np.zeros((2, 4, 4)))
    try:
        code = cli.main(["train", *words])
    except SystemExit as end:  # argparse's way
        code = end.code
    assert code == 2
    assert message in capsys.readouterr().err
