"""Your own pictures: a folder of PNG or JPEG files, or an ``.npz`` file of arrays -> arrays.

Pillow, which matplotlib brings, reads the pictures.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae_gluon._checks import LIMIT, check_integer, quoted
from vae_gluon._files import open_file
from vae_gluon.data.idx import MAX_RATIO

READ = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
NOT_READ = {".bmp", ".gif", ".heic", ".ppm", ".tif", ".tiff", ".webp"}
PARTS = {"train": ("train",), "test": ("test", "val")}  # the folders of each
TEST_SHARE = 10  # one image of so many is held out, where there is no part for it

# The names of a data set's arrays here, and in the mnist.npz of Keras.
NAMES = {
    "train_data": "x_train",
    "train_label": "y_train",
    "test_data": "x_test",
    "test_label": "y_test",
}


def load_images(
    root: str | os.PathLike[str],
    size: tuple[int, int] | None = None,
    invert: bool = False,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Load your own pictures.

    White is paper, 0, and black is ink, 1; grey lies between, and what is transparent is paper.

    Parameters
    ----------
    root : path
        A folder of ``.png`` and ``.jpg`` files. If it has subfolders, their names are the labels
        of the pictures in them; in folders ``train`` and ``test`` (or ``val``), if it has those,
        all of this holds for each. Or an ``.npz`` file of the arrays that this function returns,
        or of those in the ``mnist.npz`` of Keras (``x_train``, ``y_train``, ``x_test``,
        ``y_test``): numbers in [0, 1] as they are, or bytes, of which 255 is 1.
    size : (int, int), optional
        Height and width to bring all pictures to. Without it all must be of one size.
    invert : bool, default False
        Take black for paper, as in pictures of MNIST.
    seed : int, default 0
        Mixes the pictures of a folder, and chooses the tenth that is held out for testing where
        there is no ``test``.

    Returns
    -------
    dict
        As ``load_mnist`` returns it: ``train_data`` and ``test_data``, float32 in [0, 1],
        (N, 1, height, width); if there are labels, ``train_label`` and ``test_label``, (N,).

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file, or no picture in it.
    ValueError
        If a file is no picture, has several frames, or is of another size than the first; or the
        arrays are not such. The message names the file.
    """
    root = Path(root)
    check_integer("seed", seed, least=0)
    if size is not None and (isinstance(size, str) or len(size) != 2):
        raise ValueError(f"expected size to be a height and a width, got {size!r}")
    for number in size or ():
        check_integer("size", number)
    if not root.exists():
        raise FileNotFoundError(
            f"{root} is no folder of pictures and no .npz file: it is not there"
        )
    rng = np.random.default_rng(seed)
    if root.is_dir():
        parts = _read_folder(root, size, invert, rng)
    elif size is not None or invert:
        raise ValueError(f"{root}: size and invert are for folders of pictures")
    else:
        parts = _read_npz(root)
    return parts if "test_data" in parts else _hold_out(root, parts, rng)


def has_pictures(folder: Path) -> bool:
    """Return whether there is a picture in a folder, or in one of its subfolders."""
    return any(path.suffix.lower() in READ for path in _walk(folder))


def _hold_out(
    root: Path, parts: dict[str, np.ndarray], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Take a part of the images, (N, 1, height, width), and of their labels, (N,), for testing."""
    n = len(parts["train_data"])
    if n < 2:
        raise ValueError(f"{root}: expected two images at least, one for testing, found {n}")
    order, n_test = rng.permutation(n), max(1, n // TEST_SHARE)
    rows = {"train": np.sort(order[n_test:]), "test": np.sort(order[:n_test])}
    return {
        f"{part}_{kind}": parts[f"train_{kind}"][rows[part]]
        for part in PARTS
        for kind in ("data", "label")
        if f"train_{kind}" in parts
    }


# Folders of pictures


def _read_folder(
    root: Path, size: tuple[int, int] | None, invert: bool, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Read the pictures of a folder: both parts if it has both, else all as those to train on."""
    folders = {
        part: root / name
        for part, names in PARTS.items()
        for name in reversed(names)
        if (root / name).is_dir()
    }
    if len(folders) < len(PARTS):
        folders = {"train": root}
    read: dict[str, np.ndarray] = {}
    for part, folder in folders.items():
        paths = _pictures(folder)
        # Mixed, because a batch of one label alone is a poor one to learn from.
        paths = [paths[i] for i in rng.permutation(len(paths))]
        read[f"{part}_data"] = _read_pictures(paths, size or _size(read), invert)
        labels = [path.relative_to(folder).parts[:-1] for path in paths]
        if all(labels):
            read[f"{part}_label"] = np.array([label[0] for label in labels])
        elif any(labels):
            flat = next(path for path, label in zip(paths, labels) if not label)
            raise ValueError(
                f"{flat}: expected all pictures in subfolders, whose names are labels, or none"
            )
    if len(folders) > 1 and ("train_label" in read) != ("test_label" in read):
        raise ValueError(f"{root}: expected labels (subfolders) in both parts, or in none")
    return read


def _size(read: dict[str, np.ndarray]) -> tuple[int, int] | None:
    """Return the size of the pictures that were read before, if there were any."""
    return read["train_data"].shape[2:] if read else None


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and its subfolders, without hidden ones."""
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names if not name.startswith("."))


def _pictures(folder: Path) -> list[Path]:
    """Return the pictures in a folder."""
    files = sorted(_walk(folder))
    others = [path for path in files if path.suffix.lower() in NOT_READ]
    if others:
        raise ValueError(f"{others[0]}: expected PNG or JPEG files; convert it, or take it away")
    pictures = [path for path in files if path.suffix.lower() in READ]
    if not pictures:
        raise FileNotFoundError(f"expected .png or .jpg files in {folder}, found none")
    return pictures


def _read_pictures(paths: Sequence[Path], size: tuple[int, int] | None, invert: bool) -> np.ndarray:
    """Read pictures into one array, (N, 1, height, width), in [0, 1]."""
    first = _read_picture(paths[0], size)
    if len(paths) * first.size >= LIMIT:
        raise ValueError(
            f"expected fewer than {LIMIT} pixels, the limit of MXNet's arrays, found {len(paths)} "
            f"pictures of {first.shape}; a smaller size may do"
        )
    images = np.empty((len(paths), 1, *first.shape), np.float32)
    for image, path in zip(images, paths):
        grey = _read_picture(path, size)
        if grey.shape != first.shape:
            (height, width), found = first.shape, grey.shape
            raise ValueError(
                f"{path}: expected a picture {height} high and {width} wide, as {paths[0].name}, "
                f"found {found[0]} and {found[1]}; size=({height}, {width}), or --size "
                f"{height}x{width}, brings all to one"
            )
        image[0] = grey if invert else 1 - grey
    return images


def _read_picture(path: Path, size: tuple[int, int] | None) -> np.ndarray:
    """Read the grey values of a picture, (height, width), 0 for black and 1 for white."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    kind = READ[path.suffix.lower()]
    picture: Any
    with open_file(path) as file:
        try:
            with Image.open(file, formats=[kind]) as picture:
                if kind == "PNG" and picture.n_frames > 1:
                    raise ValueError(f"{picture.n_frames} frames")
                picture = _in_grey(ImageOps.exif_transpose(picture))  # as the camera was held
                if size:
                    picture = picture.resize(size[::-1], Image.Resampling.LANCZOS)
                grey = np.asarray(picture)
        except UnidentifiedImageError as error:  # whose message is about Python's objects
            raise ValueError(f"{path}: expected a {kind} file, found something else") from error
        except Exception as error:  # whatever its parsers raise: it is no such picture
            raise ValueError(f"{path}: expected a whole {kind} file, found: {error}") from error
    return np.clip(grey / np.float32(255), 0, 1, dtype=np.float32)


def _in_grey(picture: Any) -> Any:
    """Return a picture of Pillow's in grey, on white paper, with values up to 255."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits
        return Image.fromarray(np.asarray(picture, np.float32) * np.float32(255 / 65535))
    if picture.mode in ("PA", "LA", "RGBA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture)
    return picture.convert("RGB").convert("L") if picture.mode != "L" else picture


# Files of arrays


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz`` file by the names that they have here."""
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            with zipfile.ZipFile(file) as archive:
                unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > MAX_RATIO * size:
                raise ValueError(f"its {size} bytes unpack to {unpacked}")
            with np.load(file, allow_pickle=False) as arrays:
                found = {
                    ours: arrays[name]
                    for ours, theirs in NAMES.items()
                    for name in (ours, theirs)
                    if name in arrays
                }
                names = list(arrays)
        except (OSError, ValueError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            raise ValueError(f"{path}: expected an .npz file of arrays, found: {error}") from error
    if "train_data" not in found:
        raise ValueError(
            f"{path}: expected arrays named {', '.join(NAMES)} or {', '.join(NAMES.values())}, "
            f"found {quoted(names)}"
        )
    for part in PARTS:
        if f"{part}_data" in found:
            name = f"{part}_data"
            found[name] = _as_images(f"{path}: {name}", found[name])
    return found


def _as_images(name: str, array: np.ndarray) -> np.ndarray:
    """Return an array of images as float32 in [0, 1], (N, 1, height, width)."""
    shape = array.shape
    if array.ndim == 4 and 1 in (shape[1], shape[3]):
        shape = (shape[0], *(shape[2:] if shape[1] == 1 else shape[1:3]))
    elif array.ndim == 2 and math.isqrt(shape[1]) ** 2 == shape[1]:
        shape = (shape[0], *[math.isqrt(shape[1])] * 2)
    if len(shape) != 3 or array.dtype.kind not in "buf" or 0 in shape:
        raise ValueError(
            f"{name}: expected bytes or numbers in [0, 1], (N, height, width), got {array.dtype} "
            f"{array.shape}"
        )
    if array.dtype == np.uint8:
        array = np.divide(array, np.float32(255), dtype=np.float32)
    return array.astype(np.float32, copy=False).reshape(shape[0], 1, *shape[1:])
