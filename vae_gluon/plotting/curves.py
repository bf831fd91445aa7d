"""How training went."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator


def plot_elbo(train: Sequence[float], val: Sequence[float], ax: Axes | None = None) -> Axes:
    """Draw the ELBO, which is minus the loss, against the epoch.

    Parameters
    ----------
    train, val : sequences of float
        Losses of each epoch in nats per image, as a ``History`` has them.
    ax : Axes, optional
        Where to draw; a new figure's if not given.

    Returns
    -------
    Axes
        One line for each, the first epoch at 1.
    """
    if ax is None:
        ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")[1]
    for losses, name in ((train, "train"), (val, "validation")):
        epochs = np.arange(1, len(losses) + 1)
        marker = "." if len(losses) == 1 else None  # a line of one point does not show
        ax.plot(epochs, -np.asarray(losses, float), label=name, marker=marker)
    ax.set_xlabel("epoch")
    ax.set_ylabel("ELBO (nats per image)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    ax.grid(alpha=0.3)
    ax.legend()
    return ax
