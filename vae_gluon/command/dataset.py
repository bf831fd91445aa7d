"""The data set of a run: MNIST, or the embedded digits in its place."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import numpy as np

from vae_gluon.data import MNISTUnavailableError, find_mnist, make_digits, read_mnist

RULE = "=" * 80


def load_data(
    dataset: str | None, data_dir: str | Path | None
) -> tuple[str, Path | None, dict[str, np.ndarray]]:
    """Load a data set; return its name, its folder, and what ``load_mnist`` returns.

    If ``dataset`` is None, that is MNIST, or the embedded digits if MNIST cannot be had.

    Raises
    ------
    FileNotFoundError
        If the files are not there.
    ValueError
        If a file is not what its name says, or a folder is named for the digits.
    """
    if dataset == "digits":
        if data_dir is not None:
            raise ValueError("--data-dir is for the files of MNIST; digits are drawn, not read")
        return "digits", None, make_digits()
    try:
        paths = find_mnist(data_dir)
        return "mnist", paths["train_data"].parent, read_mnist(paths)
    except MNISTUnavailableError as error:
        message = f"{error.problem} --data-dir or VAE_GLUON_DATA"
        if dataset == "mnist":
            raise FileNotFoundError(f"{message}; or train with --dataset digits") from error
        _say_that_digits_stand_in(message)
        return "digits", None, make_digits()


def _say_that_digits_stand_in(message: str) -> None:
    wrap = textwrap.TextWrapper(80, break_long_words=False, break_on_hyphens=False)
    print(
        f"{RULE}\nNOT MNIST: this run uses the embedded digits, which this package draws.\n"
        f"Its losses cannot be compared with those of MNIST.\n\n{wrap.fill(message)}.\n{RULE}",
        file=sys.stderr,
    )
