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
    train_elbo, val_elbo = (-_checked("losses", losses) for losses in (train, val))
    ax = _epoch_axes(ax)
    ax.set_ylabel("ELBO (nats per image)")
    if label is None:
        _plot_line(ax, train_elbo, "train")
        _plot_line(ax, val_elbo, "validation")
        ax.legend()
    else:
        dashed = _plot_line(ax, train_elbo, "_train", linestyle="--", alpha=0.6)
        end = f", {val_elbo[-1]:.2f} at the end" if len(val_elbo) else ""
        _plot_line(ax, val_elbo, f"{label}{end}", color=dashed.get_color())
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
        smaller, has an axis of its own on the right. The legend gives the last values.

    Raises
    ------
    ValueError
        If they are empty, or not one loss and one KL divergence for each epoch.
    """
    whole, divergence = _checked("losses", loss), _checked("KL divergences", kl)
    if whole.shape != divergence.shape or whole.ndim != 1 or not len(whole):
        raise ValueError(
            "expected a loss and a KL divergence for each epoch, got "
            f"{whole.shape} and {divergence.shape}"
        )
    left = _epoch_axes(ax)
    left.set_title("terms of the validation loss (nats per image)")
    lines = []
    terms = {"reconstruction": whole - divergence, "KL divergence": divergence}
    for number, (axes, term) in enumerate(zip((left, left.twinx()), terms)):
        colour, values = f"C{number}", terms[term]
        lines.append(_plot_line(axes, values, f"{term}, {values[-1]:.2f} at the end", color=colour))
        axes.set_ylabel(term, color=colour)
        axes.tick_params(axis="y", colors=colour)
    left.legend(handles=lines, loc="center right")
    return left


def _checked(name: str, numbers: Sequence[float]) -> np.ndarray:
    """Return numbers, one for each epoch, as an array, (epochs,), if they are finite."""
    array = np.asarray(numbers, float)
    check_numbers(name, array)
    return array


def _epoch_axes(ax: Axes | None) -> Axes:
    """Return axes for lines against the epoch."""
    ax = axes_or_new(ax, 6.4, 4.8)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    ax.grid(alpha=0.3)
    return ax


def _plot_line(ax: Axes, values: np.ndarray, label: str, **style: Any) -> Line2D:
    """Plot a value of each epoch, (epochs,)."""
    epochs = np.arange(1, len(values) + 1)
    marker = "." if len(values) == 1 else None  # a line of one point does not show
    return ax.plot(epochs, values, label=label, marker=marker, **style)[0]
