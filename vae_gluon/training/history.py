"""The history of a training run, and the state to resume it from."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae_gluon._files import write_bytes


class Loss(NamedTuple):
    """Losses (negative ELBOs) and their KL terms, in nats: of images, (N,), or means.

    ``kl`` is None if the net has no ``kl_loss``.
    """

    loss: Any
    kl: Any = None


class History(NamedTuple):
    """Measurements of ``train``, one value per epoch.

    Losses are negative ELBOs in nats per image, averaged over the images; each image counts once,
    for any batch size. A loss minus its KL divergence is the reconstruction term;
    ``train_kl`` and ``val_kl`` are empty if the net has no ``kl_loss``.

    Attributes
    ----------
    train : list of float
        Mean over the training images, while the weights change.
    val : list of float
        Mean over the validation images, after the epoch.
    seconds : list of float
        Wall time of the epoch, validation included.
    train_kl, val_kl : lists of float
        The KL divergence in ``train`` and in ``val``.
    kl_weight : list of float
        The weight of the KL divergence at the last step of the epoch. The losses are unweighted.
    """

    train: list[float]
    val: list[float]
    seconds: list[float]
    train_kl: list[float]
    val_kl: list[float]
    kl_weight: list[float]

    @classmethod
    def empty(cls) -> History:
        """Return an empty history."""
        return cls([], [], [], [], [], [])

    def copy(self) -> History:
        """Return a copy with new lists."""
        return History(*map(list, self))

    def add(self, train: Loss, val: Loss, seconds: float, kl_weight: float) -> None:
        """Add an epoch: mean training and validation losses, wall time, KL weight."""
        self.train.append(train.loss)
        self.val.append(val.loss)
        self.seconds.append(seconds)
        if train.kl is not None:
            self.train_kl.append(train.kl)
            self.val_kl.append(val.kl)
        self.kl_weight.append(kl_weight)

    @property
    def best_epoch(self) -> int:
        """The epoch, from 0, with the lowest validation loss, the first in a tie."""
        return int(np.argmin(self.val))


class TrainingState(NamedTuple):
    """All that resuming training needs apart from the net's parameters.

    Attributes
    ----------
    history : History
        The epochs so far.
    updates : int
        Steps taken by Adam.
    moments : dict
        Adam's two moments of each parameter, arrays of its shape, by its name.
    """

    history: History
    updates: int
    moments: dict[str, tuple[Any, Any]]

    def __repr__(self) -> str:
        """Leave out the values of the moments."""
        epochs = len(self.history.train)
        return f"<TrainingState epochs={epochs} updates={self.updates} moments={len(self.moments)}>"


def write_csv(path: Path, history: History) -> None:
    """Write a history as CSV: a row for each epoch, a column for each non-empty field."""
    columns = {name: numbers for name, numbers in history._asdict().items() if numbers}
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["epoch", *columns])
    writer.writerows(zip(range(len(history.train)), *columns.values()))
    write_bytes(path, file.getvalue().encode())
