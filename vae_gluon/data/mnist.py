"""MNIST: the four files, found or downloaded -> arrays.

``load_mnist`` replaces the tutorial's ``mx.test_utils.get_mnist``, whose download is gone.
"""

from __future__ import annotations

import os
from pathlib import Path

import mxnet as mx
import numpy as np

from vae_gluon.data.download import FILES, download_mnist
from vae_gluon.data.idx import read_images, read_labels

NAMES = ", ".join(name for name, _ in FILES.values())
WHOLE = (FILES.keys(), {"train_data", "test_data"})  # a data set's files, with or without labels


class MNISTUnavailableError(FileNotFoundError):
    """MNIST is in none of the usual places, and no mirror could provide it.

    Attributes
    ----------
    looked_in : list of Path
        The folders that were searched.
    reason : str
        Why it could not be downloaded.
    """

    def __init__(self, looked_in: list[Path], reason: str) -> None:
        super().__init__(
            f"MNIST is not in {' or '.join(map(str, looked_in))}, and could not be downloaded: "
            f"{reason}. Put {NAMES} (each plain or .gz) into one folder and name it by "
            "VAE_GLUON_DATA, --data-dir or load_mnist(root). The embedded digits need no files: "
            "--dataset digits or make_digits()"
        )
        self.looked_in = looked_in
        self.reason = reason


def load_mnist(root: str | os.PathLike[str] | None = None) -> dict[str, np.ndarray]:
    """Load MNIST, or any data set in its format, from IDX files.

    Without ``root`` it looks in the folder named by the environment variable ``VAE_GLUON_DATA``,
    then in MXNet's cache (``datasets/mnist`` under ``MXNET_HOME``, by default ``~/.mxnet``), and
    otherwise downloads the files into that cache, from public mirrors or from the one in
    ``MXNET_GLUON_REPO``.

    Parameters
    ----------
    root : path, optional
        The folder of the four files, each plain or ``.gz``. Only their content is checked, so
        Fashion-MNIST, EMNIST's letters and your own files in this format load too. Names with a
        dot, ``train-images.idx3-ubyte``, work too; the two files of labels may be missing.

    Returns
    -------
    dict
        As ``mx.test_utils.get_mnist()`` returned it: ``train_data`` and ``test_data``,
        float32 in [0, 1], (N, 1, 28, 28); with labels, ``train_label`` and ``test_label``, (N,),
        int8, or uint8 if one is above 127.

    Raises
    ------
    FileNotFoundError
        If ``root`` has none of the files, a folder lacks some of them (other than both files of
        labels), or ``VAE_GLUON_DATA`` is not a folder.
    MNISTUnavailableError
        If MNIST is in neither folder and cannot be downloaded (a FileNotFoundError too).
    ValueError
        If a file is not an IDX file of the expected kind. The message names the file, with what was
        expected and found.
    """
    return read_mnist(find_mnist(root))


def find_mnist(root: str | os.PathLike[str] | None = None) -> dict[str, Path]:
    """Return the paths of the four files, all in one folder, by the names of their arrays.

    ``root``, the download and the errors about missing files are as in ``load_mnist``.
    """
    looked_in = []
    named = os.environ.get("VAE_GLUON_DATA") if root is None else root
    if named:
        folder = Path(os.path.expanduser(named))
        paths = files_in(folder)
        if paths:
            return paths
        if root is not None or not folder.is_dir():
            got = "none of them" if folder.is_dir() else "no such folder"
            raise FileNotFoundError(f"{folder}: expected {NAMES} (each plain or .gz), got {got}")
        looked_in.append(folder)
    cache = Path(os.path.expanduser(mx.base.data_dir()), "datasets", "mnist")
    paths = _found_in(cache)
    if paths.keys() in WHOLE:  # incomplete files are downloaded again
        return paths
    looked_in.append(cache)
    if cache.parts[0] == "~":
        raise MNISTUnavailableError(looked_in, "this user has no home folder to keep it in")
    try:
        download_mnist(cache)
    except OSError as error:
        raise MNISTUnavailableError(looked_in, str(error)) from error
    return files_in(cache)


def read_mnist(paths: dict[str, Path]) -> dict[str, np.ndarray]:
    """Read the files from ``find_mnist``; return and raise the same as ``load_mnist``."""
    mnist = {
        name: read_images(path) if name.endswith("data") else read_labels(path)
        for name, path in paths.items()
    }
    for name, path in paths.items():
        n, n_images = len(mnist[name]), len(mnist[f"{name.split('_')[0]}_data"])
        if n != n_images:
            raise ValueError(f"{path}: expected a label for each of {n_images} images, got {n}")
    return mnist


def files_in(folder: Path) -> dict[str, Path]:
    """Return the paths of the files in ``folder``: all four, both files of images, or none."""
    paths = _found_in(folder)
    if paths and paths.keys() not in WHOLE:
        missing = [name for key, (name, _) in FILES.items() if key not in paths]
        raise FileNotFoundError(
            f"{folder}: expected the four files of MNIST, or the two of images, got "
            f"{', '.join(path.name for path in paths.values())}, without {', '.join(missing)}"
        )
    return paths


def _found_in(folder: Path) -> dict[str, Path]:
    """Return the paths of any of the four files in ``folder``."""
    found = {}
    for key, (name, _) in FILES.items():
        dotted = name.replace("-idx", ".idx")  # as unpacked by some programs
        for path in (folder / f"{stem}{end}" for stem in (name, dotted) for end in ("", ".gz")):
            if path.is_file():
                found[key] = path
                break
    return found
