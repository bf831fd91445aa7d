"""Data sets by name, or from the user's folder or file."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae_gluon._checks import checksum
from vae_gluon.data.digits import make_digits
from vae_gluon.data.images import load_images
from vae_gluon.data.mnist import MNISTUnavailableError, files_in, find_mnist, read_mnist

CHECKSUMS = {686102934: "mnist"}  # names of known data sets, by the CRC-32 of their images


class Dataset(NamedTuple):
    """A data set, as ``load_mnist`` returns it, and its source."""

    name: str
    path: Path | None  # None for the embedded digits
    arrays: dict[str, np.ndarray]
    crc32: int  # of all images


def _mnist() -> Dataset:
    paths = find_mnist()
    return _named(paths["train_data"].parent, read_mnist(paths))


def _digits() -> Dataset:
    return _named(None, make_digits())


DATASETS: dict[str, Callable[[], Dataset]] = {"mnist": _mnist, "digits": _digits}


def load_dataset(
    name: str | None = None,
    path: str | os.PathLike[str] | None = None,
    size: int | tuple[int, int] | None = None,
    invert: bool = False,
) -> Dataset:
    """Load a data set: by name, from a folder or a file, or by default MNIST.

    Without a ``name``, if MNIST is unavailable, use the embedded digits. Pictures are read by
    ``load_images``. An unknown data set is named after its path.

    Raises a ValueError if ``path`` has another data set than ``name``, or an option for pictures
    is given for other data, and the loaders' errors.
    """
    folder = None if path is None else Path(os.path.expanduser(path))
    mnist = files_in(folder) if folder else {}
    if (size is not None or invert) and (mnist or not folder):
        raise ValueError("--size and --invert are for pictures, in the folder of --data-dir")
    if not folder:
        dataset = _load_known(name)
    elif mnist:
        dataset = _named(folder, read_mnist(mnist))
    else:
        with warnings.catch_warnings(record=True) as left_out:
            warnings.simplefilter("always", UserWarning)
            dataset = _named(folder, load_images(folder, size, invert))
        for warning in left_out:
            print(warning.message, file=sys.stderr)
    if name in DATASETS and name != dataset.name:
        raise ValueError(f"--dataset {name}: expected its images in {dataset.path}, got others")
    return dataset


def _load_known(name: str | None) -> Dataset:
    """Load a data set by name; without one, MNIST or else the embedded digits."""
    try:
        return DATASETS.get(name or "mnist", _mnist)()
    except MNISTUnavailableError as error:
        if name is not None:
            raise
        print(
            "\nNOT MNIST: this run uses the embedded digits, which this package draws. Its losses "
            f"cannot be compared with MNIST's.\n{error}.\n",
            file=sys.stderr,
        )
    return _digits()


def _named(path: Path | None, arrays: dict[str, np.ndarray]) -> Dataset:
    crc32 = checksum(arrays["train_data"], arrays["test_data"])
    name = CHECKSUMS.get(crc32) or ("digits" if path is None else name_of(path))
    return Dataset(name, path, arrays, crc32)


def name_of(path: Path) -> str:
    """Return a name for an unknown data set, for use in a folder's name."""
    name = re.sub(r"[^\w.-]+", "_", path.resolve().stem).strip("._") or "own"
    return f"own_{name}" if name in DATASETS else name
