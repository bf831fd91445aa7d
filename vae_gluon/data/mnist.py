"""MNIST: the four files, found or downloaded -> arrays.

``load_mnist`` takes the place of ``mx.test_utils.get_mnist``, which the tutorial calls and whose
download is gone.
"""

from __future__ import annotations

import os
from pathlib import Path

import mxnet as mx
import numpy as np

from vae_gluon.data.download import FILES, download_mnist
from vae_gluon.data.idx import read_images, read_labels

NAMES = ", ".join(name for name, _ in FILES.values())
WHOLE = (FILES.keys(), {"train_data", "test_data"})  # the files of a data set, with labels or not


class MNISTUnavailableError(FileNotFoundError):
    """MNIST is in none of the usual places, and no mirror could provide it.

    Attributes
    ----------
    looked_in : list of Path
        The folders that do not have it.
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

    Without ``root`` it looks in the folder that the environment variable ``VAE_GLUON_DATA``
    names, then in MXNet's cache (``datasets/mnist`` under ``MXNET_HOME``, by default
    ``~/.mxnet``). If the files are in neither, it downloads them into that cache, from the public
    mirrors or from the one that ``MXNET_GLUON_REPO`` names.

    Parameters
    ----------
    root : path, optional
        The folder of the four files, each plain or ``.gz``. Only their content is checked, so
        Fashion-MNIST, EMNIST's letters and your own files in this format load too. Names with a
        dot, ``train-images.idx3-ubyte``, are the same; the two files of labels may be missing.

    Returns
    -------
    dict
        As ``mx.test_utils.get_mnist()`` returned it: ``train_data`` and ``test_data``,
        float32 in [0, 1], (N, 1, 28, 28); ``train_label`` and ``test_label``, int8 (uint8 if
        there are more than 127), (N,), if there are labels.

    Raises
    ------
    FileNotFoundError
        If ``root`` has none of the files, a folder lacks some of them (other than both files of
        labels), or ``VAE_GLUON_DATA`` does not name a folder.
    MNISTUnavailableError
        If MNIST is in neither folder and cannot be downloaded (a FileNotFoundError too).
    ValueError
        If a file is not what its name says. The message names the file, what was found and what
        was expected.
    """
    return read_mnist(find_mnist(root))


def find_mnist(root: str | os.PathLike[str] | None = None) -> dict[str, Path]:
    """Return the paths of the four files, which are in one folder, by the names of their arrays.

    ``root``, the download and the errors about missing files are those of ``load_mnist``.
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
    if paths.keys() in WHOLE:  # and what has been downloaded in part is downloaded again
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
    """Read the files that ``find_mnist`` has found; return and raise what ``load_mnist`` does."""
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
    """Return the paths of the files in ``folder``: of all four, of both with images, or of none."""
    paths = _found_in(folder)
    if paths and paths.keys() not in WHOLE:
        missing = [name for key, (name, _) in FILES.items() if key not in paths]
        raise FileNotFoundError(
            f"{folder}: expected the four files of MNIST, or the two of images, got "
            f"{', '.join(path.name for path in paths.values())}, without {', '.join(missing)}"
        )
    return paths


def _found_in(folder: Path) -> dict[str, Path]:
    """Return the paths of those of the four files that are in ``folder``."""
    found = {}
    for key, (name, _) in FILES.items():
        dotted = name.replace("-idx", ".idx")  # as some programs unpack them
        for path in (folder / f"{stem}{end}" for stem in (name, dotted) for end in ("", ".gz")):
            if path.is_file():
                found[key] = path
                break
    return found
