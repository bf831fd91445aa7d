"""What a training has measured, and where it stands."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class History(NamedTuple):
    """What ``train`` measured, one number for each epoch.

    Losses are negative ELBOs in nats per image, averaged over the images, each of which counts
    once whatever the batch size. A loss minus its KL divergence is the reconstruction term;
    ``train_kl`` and ``val_kl`` are empty if the net has no ``kl_loss``.

    Attributes
    ----------
    train : list of float
        Mean over the training images, while the weights moved.
    val : list of float
        Mean over the validation images, after the epoch.
    seconds : list of float
        Wall time of the epoch, validation included.
    train_kl, val_kl : lists of float
        The KL divergence in ``train`` and in ``val``.
    kl_weight : list of float
        The weight of the KL divergence at the last step of the epoch. The losses are without it.
    """

    train: list[float]
    val: list[float]
    seconds: list[float]
    train_kl: list[float]
    val_kl: list[float]
    kl_weight: list[float] = []  # noqa: RUF012 (nobody appends to it)


class TrainingState(NamedTuple):
    """What a training needs to be resumed, besides the parameters of the net.

    Attributes
    ----------
    history : History
        Of the epochs so far.
    updates : int
        Steps that Adam has taken.
    moments : dict
        Adam's two moments of each parameter, arrays of its shape, by its name.
    """

    history: History
    updates: int
    moments: dict[str, tuple[Any, Any]]

    def __repr__(self) -> str:
        """Leave out the moments, whose numbers fill pages."""
        epochs = len(self.history.train)
        return f"<TrainingState epochs={epochs} updates={self.updates} moments={len(self.moments)}>"


def epochs_without_gain(history: History) -> int:
    """Return for how many epochs the validation loss has not fallen below its lowest."""
    return len(history.val) - 1 - int(np.argmin(history.val)) if history.val else 0
