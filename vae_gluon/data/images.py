"""Your own pictures: a folder of them, or an ``.npz`` file of arrays -> arrays.

Pillow, which matplotlib brings, reads the pictures.
"""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from vae_gluon._checks import LIMIT, check_integer, quoted
from vae_gluon._files import open_file, read_npz
from vae_gluon.data.arrays import PARTS, as_dataset
from vae_gluon.data.folders import find_pictures

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
TEST_SHARE = 10  # one image of so many is held out, where there is no part for it

KERAS = "mnist.npz"  # what Keras calls its file
# The names of a data set's arrays here, and in that file.
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

    White is paper, 0, and black is ink, 1; grey lies between, and what is transparent is paper.
    A warning lists files of other kinds, and folders, that are left out.

    Parameters
    ----------
    root : path
        A folder of pictures: PNG, JPEG, WebP, and TIFF that is not compressed. If they are in
        subfolders, the names of these are labels; in folders for training and testing (``train``,
        ``Training``, ``test``, ``valid`` and the like), if it has those, all of this holds for
        each. Links are followed; hidden files are left out. Or an ``.npz`` file, or a folder with
        Keras's ``mnist.npz``, of the arrays that this function returns, or of those in that file
        (``x_train``, ``y_train``, ``x_test``, ``y_test``): numbers in [0, 1] as they are, or
        bytes, of which 255 is 1.
    size : int or (int, int), optional
        Height and width to bring all pictures to. Without it all must be of one size.
    invert : bool, default False
        Take black for paper, as in pictures of MNIST.
    seed : int, default 0
        Mixes the pictures of a folder, and chooses the tenth that is held out for testing where
        there is no part for it.

    Returns
    -------
    dict
        As ``load_mnist`` returns it: ``train_data`` and ``test_data``, float32 in [0, 1],
        (N, 1, height, width); if there are labels, ``train_label`` and ``test_label``, (N,); of a
        folder ``train_file`` and ``test_file``, (N,), the paths in it.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file, or no picture in it.
    ValueError
        If a file is no picture, has several frames, or is of another size than the first; or the
        arrays are not such. The message names the file.
    """
    root = Path(os.path.expanduser(root))
    check_integer("seed", seed, least=0)
    if size is not None and np.shape(size) not in ((), (2,)):
        raise ValueError(f"size: expected a height and a width, or one number, got {size!r}")
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
    """Take a part of the images, (N, 1, height, width), and of their labels, (N,), for testing."""
    n = len(dataset["train_data"])
    if n < 2:
        raise ValueError(f"{root}: expected at least two images, one for testing, got {n}")
    order, n_test = rng.permutation(n), max(1, n // TEST_SHARE)
    rows = {"train": np.sort(order[n_test:]), "test": np.sort(order[:n_test])}
    return {
        f"{part}_{kind}": dataset[f"train_{kind}"][rows[part]]
        for part in PARTS
        for kind in ("data", "label", "file")
        if f"train_{kind}" in dataset
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
        # Mixed, because a batch of one label alone is a poor one to learn from.
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
        warnings.simplefilter("ignore")  # of Pillow, about entries that do not matter
        try:
            with Image.open(file, formats=FORMATS) as picture:  # which reads no pixel yet
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
        except Exception as error:  # whatever its parsers raise: it is no such picture
            formats = ", ".join(FORMATS)
            raise ValueError(
                f"{path}: expected a whole picture ({formats}), got: {quoted(error)}"
            ) from error
    return np.clip(grey / np.float32(255), 0, 1, dtype=np.float32)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz`` file by the names that they have here."""
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
    """Return an array of images as (N, 1, height, width); bytes become float32 up to 1."""
    shape = array.shape
    if array.ndim == 4 and 1 in (shape[1], shape[3]):
        shape = (shape[0], *(shape[2:] if shape[1] == 1 else shape[1:3]))
    elif array.ndim == 2 and math.isqrt(shape[1]) ** 2 == shape[1]:
        shape = (shape[0], *[math.isqrt(shape[1])] * 2)
    if len(shape) != 3:
        raise ValueError(
            f"{name}: expected an array of shape (N, height, width), got {array.shape}"
        )
    if array.dtype == np.uint8:
        array = np.divide(array, np.float32(255), dtype=np.float32)
    return array.reshape(shape[0], 1, *shape[1:])
