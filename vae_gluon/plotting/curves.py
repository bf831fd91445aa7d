"""The curves of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

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
        What the run is called, where several are drawn on the same axes.

    Returns
    -------
    Axes
        A line for training and one for validation; the first epoch is at 1. With a label the two
        have one colour, training is dashed, and the legend gives the last value of validation.
    """
    train_elbo, val_elbo = (-_numbers("losses", losses) for losses in (train, val))
    ax = _epoch_axes(ax)
    ax.set_ylabel("ELBO (nats per image)")
    if label is None:
        _plot_line(ax, train_elbo, "train")
        _plot_line(ax, val_elbo, "validation")
        ax.legend()
    else:
        if label.startswith("_"):
            label = f" {label}"  # matplotlib leaves it out of the legend otherwise
        dashed = _plot_line(ax, train_elbo, "_train", linestyle="--", alpha=0.6)
        name = f"{label}, {val_elbo[-1]:.2f} at the end"
        _plot_line(ax, val_elbo, name, color=dashed.get_color())
        ax.legend(title="validation (dashed: train)", alignment="left")
    return ax


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
        With the reconstruction term on the left axis. The KL divergence, often thirty times
        smaller, has an axis of its own on the right. Their labels give the last values.

    Raises
    ------
    ValueError
        If they are empty, or not one loss and one KL divergence for each epoch.
    """
    whole, divergence = _numbers("losses", loss), _numbers("KL divergences", kl)
    if whole.shape != divergence.shape:
        raise ValueError(
            "expected a loss and a KL divergence for each epoch, got "
            f"{whole.shape} and {divergence.shape}"
        )
    left = _epoch_axes(ax)
    left.set_title("terms of the validation loss (nats per image)")
    right = left.twinx()
    # A point of a single epoch is in the middle of each axis: the lower one is the larger.
    _plot_term(left, whole - divergence, "reconstruction", color="C0", markersize=12)
    _plot_term(right, divergence, "KL divergence", color="C1")
    return left


def _numbers(name: str, numbers: Sequence[float]) -> np.ndarray:
    """Return finite numbers, one for each epoch, as an array, (epochs,)."""
    array = np.asarray(numbers, float)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"expected {name}, one for each epoch, got an array {array.shape}")
    check_numbers(name, array)
    return array


def _epoch_axes(ax: Axes | None) -> Axes:
    """Return axes for lines against the epoch."""
    ax = axes_or_new(ax, 6.4, 4.8)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    ax.grid(alpha=0.3)
    return ax


def _plot_term(ax: Axes, values: np.ndarray, term: str, color: str, **style: Any) -> None:
    """Plot a term of each epoch, (epochs,), on an axis of its colour."""
    _plot_line(ax, values, term, color=color, **style)
    ax.set_ylabel(f"{term}, {values[-1]:.2f} at the end", color=color)
    ax.tick_params(axis="y", colors=color)


def _plot_line(ax: Axes, values: np.ndarray, label: str, **style: Any) -> Line2D:
    """Plot a value of each epoch, (epochs,)."""
    epochs = np.arange(1, len(values) + 1)
    marker = "." if len(values) == 1 else None  # a line of one point does not show
    return ax.plot(epochs, values, label=label, marker=marker, **style)[0]
