"""Your own pictures: a folder or an ``.npz`` file -> arrays.

Pillow, which matplotlib requires, reads the pictures.
"""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from vae_gluon._checks import LIMIT, as_matrices, check_integer, quoted
from vae_gluon._files import open_file, read_npz
from vae_gluon.data.arrays import as_dataset
from vae_gluon.data.folders import find_pictures

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
TEST_SHARE = 10  # without a part for testing, one image in ten is held out

KERAS = "mnist.npz"  # the name of Keras's file
# The names of a data set's arrays here and in that file.
NAMES = {
    "train_data": "x_train",
    "train_label": "y_train",
    "test_data": "x_test",
    "test_label": "y_test",
}
IMAGES = ("train_data", "test_data")
MAX_PIXELS = 2**25  # of a picture: 33 million


def load_images(
    root: str | os.PathLike[str],
    size: int | tuple[int, int] | None = None,
    invert: bool = False,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Load your own pictures.

    White is paper, 0, and black is ink, 1, with grey in between; transparent parts are paper.
    A warning lists other kinds of files, and folders, that are left out.

    Parameters
    ----------
    root : path
        A folder of pictures: PNG, JPEG, WebP and uncompressed TIFF. The names of subfolders are
        labels. If the folder has parts for training and testing (``train``, ``Training``,
        ``test``, ``valid`` and the like), each is read in the same way. Links are followed; hidden
        files are left out. Or an ``.npz`` file, or a folder with Keras's ``mnist.npz``: its arrays
        have the names that this function returns, or Keras's (``x_train``, ``y_train``,
        ``x_test``, ``y_test``), and hold numbers in [0, 1], or bytes, with 255 for 1.
    size : int or (int, int), optional
        Height and width to which all pictures are resized. Without it all must have one size.
    invert : bool, default False
        Treat black as paper, as in pictures of MNIST.
    seed : int, default 0
        Shuffles the pictures of a folder, and chooses the tenth that is held out for testing if
        there are no test images.

    Returns
    -------
    dict
        As ``load_mnist`` returns it: ``train_data`` and ``test_data``, float32 in [0, 1],
        (N, 1, height, width); with labels, ``train_label`` and ``test_label``, (N,); from a
        folder, ``train_file`` and ``test_file``, (N,), the paths in it.

    Raises
    ------
    FileNotFoundError
        If the folder or file does not exist, or has no pictures.
    ValueError
        If a file is not a picture, has several frames, or differs in size from the first; or the
        arrays do not fit. The message names the file.
    """
    root = Path(os.path.expanduser(root))
    check_integer("seed", seed, least=0)
    sides = None if size is None else tuple(np.broadcast_to(size, 2).tolist())
    for side in sides or ():
        check_integer("size", side)
    rng = np.random.default_rng(seed)
    if (root / KERAS).is_file():
        root /= KERAS
    if root.is_file() or root.suffix == ".npz":
        if size is not None or invert:
            raise ValueError(f"{root}: size and invert are for folders of pictures")
        dataset = _read_arrays(root)
    else:
        dataset = _read_folder(root, sides, invert, rng)
    return dataset if "test_data" in dataset else _hold_out(root, dataset, rng)


def _hold_out(
    root: Path, dataset: dict[str, np.ndarray], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Hold out some of the images, (N, 1, height, width), and their labels, (N,), for testing."""
    n = len(dataset["train_data"])
    if n < 2:
        raise ValueError(f"{root}: expected at least two images, one for testing, got {n}")
    test, train = np.split(rng.permutation(n), [max(1, n // TEST_SHARE)])
    return {
        **{name: array[np.sort(train)] for name, array in dataset.items()},
        **{name.replace("train", "test"): array[np.sort(test)] for name, array in dataset.items()},
    }


def _read_folder(
    root: Path, size: tuple[int, int] | None, invert: bool, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Read the pictures of a folder."""
    parts, left_out = find_pictures(root)
    if left_out:
        warnings.warn(left_out, stacklevel=3)
    (first, _), *_ = next(iter(parts.values()))
    shape = _read_picture(first, size).shape
    n = sum(map(len, parts.values()))
    if n * math.prod(shape) >= LIMIT:
        raise ValueError(
            f"{root}: expected fewer than {LIMIT} pixels, the limit of MXNet's arrays, got {n} "
            f"pictures of {shape}; a smaller size may do"
        )
    dataset: dict[str, np.ndarray] = {}
    for part, pictures in parts.items():
        # Shuffled, because training on batches of a single label works badly.
        paths, labels = zip(*(pictures[i] for i in rng.permutation(len(pictures))))
        images = dataset[f"{part}_data"] = np.empty((len(paths), 1, *shape), np.float32)
        for image, path in zip(images, paths):
            grey = _read_picture(path, size)
            if grey.shape != shape:
                raise ValueError(
                    f"{path}: expected a picture of {shape} pixels, height and width, as "
                    f"{first.name}, got {grey.shape}; size={shape}, or --size "
                    f"{shape[0]}x{shape[1]}, brings all to one"
                )
            image[0] = grey if invert else 1 - grey
        dataset[f"{part}_file"] = np.array([str(path.relative_to(root)) for path in paths])
        if all(labels):
            dataset[f"{part}_label"] = np.array(labels)
    return dataset


def _read_picture(path: Path, size: tuple[int, int] | None) -> np.ndarray:
    """Read the grey values of a picture, (height, width), 0 for black and 1 for white."""
    from PIL import Image, ImageOps

    picture: Any
    with open_file(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about unimportant metadata
        try:
            with Image.open(file, formats=FORMATS) as picture:  # reads no pixels yet
                if math.prod(picture.size) > MAX_PIXELS:
                    raise ValueError("{} x {} pixels".format(*picture.size))
                if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
                    raise ValueError(f"{picture.n_frames} frames")
                if picture.mode in ("F", "I") and picture.format != "PNG":
                    raise ValueError("values of 32 bits")
                if any(tile[0] == "libtiff" for tile in picture.tile):  # which writes to stderr
                    raise ValueError("a compressed TIFF")
                picture = ImageOps.exif_transpose(picture)  # as the camera was held
                clear = picture.info.get("transparency")
                if picture.mode.startswith("I"):  # 16 bits
                    greys = np.asarray(picture, np.float32) * np.float32(255 / 65535)
                    if clear is not None:
                        greys[np.asarray(picture) == clear] = 255
                    picture = Image.fromarray(greys)
                else:
                    if isinstance(clear, tuple) and max(clear) > 255:  # of 16 bits
                        picture.info["transparency"] = tuple(value >> 8 for value in clear)
                    coloured = picture.convert("RGBA")
                    picture = Image.new("L", picture.size, "white")
                    picture.paste(coloured.convert("L"), mask=coloured.getchannel("A"))
                if size:
                    picture = picture.resize(size[::-1], Image.Resampling.LANCZOS)
                grey = np.asarray(picture)
        except Exception as error:  # any of Pillow's parsers' errors
            raise ValueError(
                f"{path}: expected a whole picture ({', '.join(FORMATS)}), got: {quoted(error)}"
            ) from error
    return np.clip(grey / np.float32(255), 0, 1, dtype=np.float32)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz`` file, under the names used here."""
    found = read_npz(path, compressed=True)
    arrays = {
        ours: _as_images(f"{path}: {ours}", found[name]) if ours in IMAGES else found[name]
        for ours, theirs in NAMES.items()
        for name in (ours, theirs)
        if name in found
    }
    if "train_data" not in arrays:
        raise ValueError(
            f"{path}: expected arrays named {', '.join(NAMES)} or {', '.join(NAMES.values())}, "
            f"got {quoted(list(found))}"
        )
    return {
        name: array.astype(np.float32, copy=False) if name in IMAGES else array
        for name, array in as_dataset(arrays, f"{path}: ").items()
    }


def _as_images(name: str, array: np.ndarray) -> np.ndarray:
    """Return an array of images as (N, 1, height, width); bytes become float32 in [0, 1]."""
    if array.ndim == 4 and array.shape[3] == 1:  # as Keras has them
        array = array[..., 0]
    if array.dtype == np.uint8:
        array = np.divide(array, np.float32(255), dtype=np.float32)
    return as_matrices(name, array)[:, np.newaxis]
