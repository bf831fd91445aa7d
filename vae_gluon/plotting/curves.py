"""How training went."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter


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
    lines = {"train": -np.asarray(train, float), "validation": -np.asarray(val, float)}
    return _plot_lines(lines, "ELBO (nats per image)", ax)


def plot_elbo_terms(
    loss: Sequence[float], kl: Sequence[float], ax: Axes | None = None, name: str = "validation"
) -> Axes:
    """Draw the two halves of the loss against the epoch: reconstruction and KL divergence.

    A KL divergence near zero is the sign of posterior collapse: the latent code says nothing.

    Parameters
    ----------
    loss, kl : sequences of float
        Loss and KL divergence of each epoch in nats per image, as a ``History`` has them.
    ax : Axes, optional
        Where to draw; a new figure's if not given.
    name : str, default "validation"
        Of what they are the loss.

    Returns
    -------
    Axes
        One line for each half, on a logarithmic scale, the last values in the legend.

    Raises
    ------
    ValueError
        If there are not as many numbers of one as of the other.
    """
    whole, divergence = np.asarray(loss, float), np.asarray(kl, float)
    if whole.shape != divergence.shape or whole.ndim != 1 or not len(whole):
        raise ValueError(
            "expected a loss and a KL divergence for each epoch, got "
            f"{whole.shape} and {divergence.shape}"
        )
    terms = {"reconstruction": whole - divergence, "KL divergence": divergence}
    lines = {f"{term}, {values[-1]:.2f} at the end": values for term, values in terms.items()}
    ax = _plot_lines(lines, f"{name} loss (nats per image)", ax)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())
    return ax


def _plot_lines(lines, ylabel, ax):
    if ax is None:
        ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")[1]
    for name, values in lines.items():
        epochs = np.arange(1, len(values) + 1)
        marker = "." if len(values) == 1 else None  # a line of one point does not show
        ax.plot(epochs, values, label=name, marker=marker)
    ax.set_xlabel("epoch")
    ax.set_ylabel(ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    ax.grid(alpha=0.3)
    ax.legend()
    return ax
