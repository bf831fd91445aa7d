"""The curves of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

from vae_gluon._checks import check_numbers
from vae_gluon.plotting.axes import axes_or_new


def plot_elbo(
    train: Sequence[float],
    val: Sequence[float],
    ax: Axes | None = None,
    label: str | None = None,
) -> Axes:
    """Plot the ELBO, which is minus the loss, against the epoch.

    Parameters
    ----------
    train, val : sequences of float
        Losses of each epoch in nats per image: ``history.train`` and ``history.val``.
    ax : Axes, optional
        Where to draw; by default in a new figure.
    label : str, optional
        What the run is called in the legend, where several runs are drawn on the same axes.

    Returns
    -------
    Axes
        One line for each; the first epoch is at 1.
    """
    run = "" if label is None else f"{label}, "
    losses = {f"{run}train": train, f"{run}validation": val}
    lines = {name: -np.asarray(values, float) for name, values in losses.items()}
    return _plot_lines(lines, "ELBO (nats per image)", ax)


def plot_elbo_terms(loss: Sequence[float], kl: Sequence[float], ax: Axes | None = None) -> Axes:
    """Plot the two terms of the validation loss against the epoch.

    They are the reconstruction term and the KL divergence. A KL divergence near zero is a sign of
    posterior collapse: the codes carry no information.

    Parameters
    ----------
    loss, kl : sequences of float
        Loss and KL divergence of each epoch in nats per image: ``history.val`` and
        ``history.val_kl``.
    ax : Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    Axes
        One line for each term, on a logarithmic scale; the legend gives the last values.

    Raises
    ------
    ValueError
        If they are empty, or not one loss and one KL divergence for each epoch.
    """
    whole, divergence = np.asarray(loss, float), np.asarray(kl, float)
    if whole.shape != divergence.shape or whole.ndim != 1 or not len(whole):
        raise ValueError(
            "expected a loss and a KL divergence for each epoch, got "
            f"{whole.shape} and {divergence.shape}"
        )
    terms = {"reconstruction": whole - divergence, "KL divergence": divergence}
    lines = {f"{term}, {values[-1]:.2f} at the end": values for term, values in terms.items()}
    ax = _plot_lines(lines, "validation loss (nats per image)", ax)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())
    return ax


def _plot_lines(lines: Mapping[str, np.ndarray], ylabel: str, ax: Axes | None) -> Axes:
    """Plot lines, (epochs,) each, against the epoch; their names are in the legend."""
    for values in lines.values():
        check_numbers("losses", values)
    ax = axes_or_new(ax, 6.4, 4.8)
    for name, values in lines.items():
        epochs = np.arange(1, len(values) + 1)
        marker = "." if len(values) == 1 else None  # a line of one point does not show
        ax.plot(epochs, values, label=name, marker=marker)
    ax.set_xlabel("epoch")
    ax.set_ylabel(ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    ax.grid(alpha=0.3)
    ax.legend()
    return ax
