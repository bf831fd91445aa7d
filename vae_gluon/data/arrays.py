"""The arrays of a data set, checked where they enter the package."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real

import numpy as np

from vae_gluon._checks import as_array, check_finite, check_pixels

PARTS = ("train", "test")


def as_dataset(arrays: Mapping[str, object], source: str = "") -> dict[str, np.ndarray]:
    """Return the images and labels of a data set as NumPy arrays.

    ``arrays`` has ``train_data`` and perhaps ``test_data``, images in [0, 1], (N, ...), of any
    numeric type, and perhaps ``train_label`` and ``test_label``. ``source`` is their file, for
    messages.
    """
    checked: dict[str, np.ndarray] = {}
    for part in PARTS:
        images, labels = arrays.get(f"{part}_data"), arrays.get(f"{part}_label")
        if images is not None:
            name = f"{source}{part}_data"
            array = checked[f"{part}_data"] = as_array(images)
            if array.ndim < 2 or array.dtype == object:
                raise ValueError(
                    f"{name}: expected numbers of shape (N, ...), got {array.dtype} {array.shape}"
                )
            check_pixels(name, array)
            if labels is not None:
                checked[f"{part}_label"] = as_labels(f"{source}{part}_label", labels, len(array))
    train = checked["train_data"][0]
    test = checked.get("test_data", [train])[0]
    if train.size != test.size:
        raise ValueError(
            f"{source}test_data: expected images of {train.shape}, as in train_data, got "
            f"{test.shape}"
        )
    return checked


def as_labels(name: str, labels: object, n: int) -> np.ndarray:
    """Return the labels of ``n`` images, none missing, as an array of numbers or text, (n,)."""
    array = as_array(labels)
    if array.shape == (n, 1):  # as Keras and data frames have them
        array = array[:, 0]
    if array.shape != (n,):
        raise ValueError(f"{name}: expected {n} labels, got an array of shape {array.shape}")
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    elif array.dtype.kind in "OT":  # Python's objects, as in pandas, or NumPy's strings
        for kind in (str, Real):
            if all(isinstance(label, kind) for label in array):
                array = np.array(list(array))
    if array.dtype.kind not in "biufU":
        raise ValueError(f"{name}: expected numbers or names without gaps, got {array.dtype}")
    if array.dtype.kind == "f":
        check_finite(name, array)
    return array
