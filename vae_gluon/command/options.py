"""The options that describe a run, on the command line and in its config."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, ClassVar

from vae_gluon.training import SEED_LIMIT

DATASETS = ("mnist", "digits")


@dataclass(frozen=True)
class Integer:
    """A whole number that describes a run."""

    least: int
    limit: int | None  # numbers must be below it
    default: int | None
    text: str

    parse: ClassVar = int

    @property
    def expected(self) -> str:
        """Describe the numbers that are allowed."""
        limit = "" if self.limit is None else f" and below {self.limit}"
        return f"an integer of at least {self.least}{limit}"

    def allows(self, value: Any) -> bool:
        """Return whether ``value`` is such a number."""
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        return is_integer and value >= self.least and (self.limit is None or value < self.limit)


@dataclass(frozen=True)
class Positive:
    """A number above 0 that describes a run."""

    default: float
    text: str

    parse: ClassVar = float
    expected: ClassVar = "a number above 0"

    def allows(self, value: Any) -> bool:
        """Return whether ``value`` is such a number, and finite."""
        return is_finite(value) and value > 0


OPTIONS: dict[str, Integer | Positive] = {
    "epochs": Integer(1, None, 50, "passes over the training images"),
    "batch_size": Integer(1, None, 100, "images in a step"),
    "n_latent": Integer(1, None, 2, "dimensions of the latent code"),
    "n_hidden": Integer(1, None, 400, "units of each hidden layer"),
    "n_layers": Integer(0, 1000, 2, "hidden layers of the encoder, and of the decoder"),
    "seed": Integer(0, SEED_LIMIT, 1, "of all random numbers: the same seed gives the same losses"),
    "checkpoint_every": Integer(1, None, 1, "epochs between checkpoints"),
    "lr": Positive(0.001, "learning rate of Adam"),
}
FLAGS = {
    "shuffle": "give the training images in a new order each epoch",
    "binarize": "train and evaluate on black and white pixels, drawn anew for each batch",
}
# What may change when a run is resumed: it affects the losses not at all, or in the last digits.
MAY_CHANGE = {"epochs", "checkpoint_every", "data_dir", "context", "version"}


def is_finite(value: Any) -> bool:
    """Return whether ``value``, read from JSON, is a number that fits into a float."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max  # integers in JSON have no limit
