"""The data set of a run: MNIST or the embedded digits in its place, or the user's own pictures."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae_gluon._checks import checksum
from vae_gluon.data.digits import make_digits
from vae_gluon.data.images import has_pictures, load_images
from vae_gluon.data.mnist import MNISTUnavailableError, find_mnist, has_idx, read_mnist

RULE = "=" * 80
KERAS = "mnist.npz"  # what Keras calls its file
MNIST, DIGITS = "mnist", "digits"
MNIST_CRC32 = 686102934  # of its images


DATASETS = {"mnist": 1, "digits": 2}


class Dataset(NamedTuple):
    """The images of a run, by the names that ``load_mnist`` gives them, and where they are from."""

    name: str
    path: Path | None
    arrays: dict[str, np.ndarray]
    crc32: int  # of all images


def load_dataset(
    name: str | None,
    data_dir: str | Path | None,
    size: tuple[int, int] | None = None,
    invert: bool = False,
) -> Dataset:
    """Load a data set: by its name, from a folder or a file, or MNIST wherever it is found.

    If no ``name`` is given and MNIST cannot be had, the embedded digits take its place. Pictures
    are read as ``load_images`` does; a data set of the user's own is named after its place.

    Raises
    ------
    FileNotFoundError
        If the files are not there.
    ValueError
        If a file is not what its name says, or an option is for other data.
    """
    own = _own(data_dir)
    if own is None and (size or invert):
        raise ValueError("--size and --invert are for pictures of your own, named by --data-dir")
    if own is not None:
        if name in DATASETS:
            raise ValueError(f"--dataset {name} contradicts --data-dir {own}, which is none of it")
        return _dataset(name_of(own), own, load_images(own, size, invert))
    if name == DIGITS:
        if data_dir is not None:
            raise ValueError("--data-dir is for files of images; digits are drawn, not read")
        return _dataset(DIGITS, None, make_digits())
    try:
        paths = find_mnist(data_dir)
    except MNISTUnavailableError as error:
        message = f"{error.problem} --data-dir or VAE_GLUON_DATA"
        if name is not None:
            raise FileNotFoundError(f"{message}; or train with --dataset digits") from error
        _say_that_digits_stand_in(message)
        return _dataset(DIGITS, None, make_digits())
    folder = paths["train_data"].parent
    dataset = _dataset(MNIST, folder, read_mnist(paths))
    return dataset if dataset.crc32 == MNIST_CRC32 else dataset._replace(name=name_of(folder))


def _own(data_dir: str | Path | None) -> Path | None:
    """Return a folder of pictures, or a file of arrays; None if it is neither."""
    if data_dir is None:
        return None
    path = Path(data_dir).expanduser()
    if path.suffix == ".npz" or path.is_file():
        return path
    if (path / KERAS).is_file():
        return path / KERAS
    return path if has_pictures(path) and not has_idx(path) else None


def _dataset(name: str, path: Path | None, arrays: dict[str, np.ndarray]) -> Dataset:
    return Dataset(name, path, arrays, checksum(arrays["train_data"], arrays["test_data"]))


def name_of(path: Path) -> str:
    """Return the name of a data set at a place, as a part of a folder's name."""
    name = re.sub(r"[^\w.-]+", "_", path.resolve().stem).strip("._") or "own"
    return f"own_{name}" if name in DATASETS else name


def _say_that_digits_stand_in(message: str) -> None:
    wrap = textwrap.TextWrapper(80, break_long_words=False, break_on_hyphens=False)
    print(
        f"{RULE}\nNOT MNIST: this run uses the embedded digits, which this package draws.\n"
        f"Its losses cannot be compared with those of MNIST.\n\n{wrap.fill(message)}.\n{RULE}",
        file=sys.stderr,
    )
