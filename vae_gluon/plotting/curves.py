"""The curves of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from vae_gluon._checks import as_array, check_shape
from vae_gluon.plotting.axes import add_legend, as_label, axes_or_new, set_texts

# The two plots may stand side by side, so no two lines have the same colour.
TRAIN, VALIDATION, RECONSTRUCTION, KL = "tab:blue", "tab:orange", "tab:green", "tab:purple"


def plot_elbo(
    train: Sequence[float] | Sequence[Sequence[float]],
    val: Sequence[float] | Sequence[Sequence[float]],
    ax: Axes | None = None,
    label: str | None = None,
) -> Axes:
    """Plot the ELBO (minus the loss) against the epoch, counted from 1.

    Parameters
    ----------
    train, val : sequences of float
        Losses of each epoch in nats per image: ``history.train`` and ``history.val``. For n
        runs with different seeds, (n, epochs), the means, validation with a band of one standard
        deviation.
    ax : Axes, optional
        Where to draw; by default in a new figure.
    label : str, optional
        The run's name, if several are drawn on the same axes. Its two lines then have one colour,
        training is dashed, and the legend gives the last validation value.
    """
    train_elbo, val_elbo = (-np.atleast_2d(as_array(loss)).astype(float) for loss in (train, val))
    check_shape("train", train_elbo, "n", "epochs")
    check_shape("val", val_elbo, "n", "epochs")
    ax = _epoch_axes(ax, "evidence lower bound (ELBO)")
    ax.set_ylabel("ELBO (nats per image)")
    if label is None:
        _plot_line(ax, train_elbo, label="train", color=TRAIN)
        _plot_line(ax, val_elbo, label="validation", color=VALIDATION)
        ax.legend()
    else:
        dashed = _plot_line(ax, train_elbo, linestyle="--", alpha=0.6)
        end, n = val_elbo[:, -1], len(val_elbo)
        sd, number = (f" \N{PLUS-MINUS SIGN} {_sd(end):.2f}", f", n = {n}") if n > 1 else ("", "")
        name = f"{as_label(label, 60)}, {end.mean():.2f}{sd} at the end{number}"
        _plot_line(ax, val_elbo, label=name, color=dashed.get_color())
        add_legend(ax, title="validation (dashed: train)", alignment="left")
    return ax


def plot_elbo_terms(loss: Sequence[float], kl: Sequence[float], ax: Axes | None = None) -> Axes:
    """Plot the reconstruction term and the KL divergence of validation against the epoch.

    A KL divergence near zero is a sign of posterior collapse: the codes carry no information. It
    is often thirty times smaller, and so has a separate axis, on the right.

    Parameters
    ----------
    loss, kl : sequences of float
        Loss and KL divergence of each epoch in nats per image: ``history.val`` and
        ``history.val_kl``.
    ax : Axes, optional
        The left axis; by default in a new figure.
    """
    whole, divergence = as_array(loss).astype(float), as_array(kl).astype(float)
    check_shape("loss", whole, "epochs")
    check_shape("kl", divergence, len(whole))
    left = _epoch_axes(ax, "terms of the validation loss (nats per image)")
    right = left.twinx()
    right.grid(False)  # the left axis has one
    # Points of a single epoch coincide in the middle: the lower one is larger.
    _plot_term(left, whole - divergence, "reconstruction", RECONSTRUCTION, markersize=12)
    _plot_term(right, divergence, "KL divergence", KL)
    return left


def plot_rate_distortion(
    kl: float | Sequence[float],
    reconstruction: float | Sequence[float],
    ax: Axes | None = None,
    label: str | None = None,
) -> Axes:
    """Plot the reconstruction term against the KL divergence: distortion against rate.

    Runs with different weights of the KL term lie along a curve (Alemi et al.,
    arXiv:1711.00464). Call it once for each, with the same axes.

    Parameters
    ----------
    kl, reconstruction : float or sequence of float
        The two terms of the loss in nats per image; for n runs with different seeds,
        (n,), the means, with bars of one standard deviation.
    ax : Axes, optional
        Where to draw; by default in a new figure.
    label : str, optional
        The point's name in the legend.
    """
    terms = [np.atleast_1d(as_array(term)).astype(float) for term in (kl, reconstruction)]
    check_shape("kl", terms[0], "n")
    check_shape("reconstruction", terms[1], len(terms[0]))
    ax = axes_or_new(ax, 6.4, 4.8)
    (x, x_sd), (y, y_sd) = ((term.mean(keepdims=True), _sd(term)) for term in terms)
    name = None if label is None else as_label(label, 60)
    ax.errorbar(x, y, y_sd, x_sd, fmt="o", capsize=3, label=name)
    ax.grid(alpha=0.3)
    if label is not None:
        add_legend(ax)
    distortion = "reconstruction term (nats per image)"
    return set_texts(ax, "KL divergence (nats per image)", distortion, "rate and distortion")


def _sd(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each column of values, (n, ...), 0 for a single row."""
    return values.std(axis=0, ddof=min(1, len(values) - 1))


def _epoch_axes(ax: Axes | None, title: str) -> Axes:
    """Return axes for lines against the epoch."""
    ax = axes_or_new(ax, 6.4, 4.8)
    ax.set_title(title)
    ax.set_xlabel("epochs trained")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    ax.grid(alpha=0.3)
    return ax


def _plot_term(ax: Axes, values: np.ndarray, term: str, color: str, **style: Any) -> None:
    """Plot a term of each epoch, (epochs,), on an axis in its colour."""
    _plot_line(ax, values[np.newaxis], color=color, **style)
    ax.set_ylabel(f"{term}, {values[-1]:.2f} at the end", color=color)
    ax.tick_params(axis="y", colors=color)


def _plot_line(ax: Axes, values: np.ndarray, linestyle: str = "-", **style: Any) -> Line2D:
    """Plot the mean of n runs, (n, epochs), against the epoch, a solid line with a band."""
    mean, sd = values.mean(axis=0), _sd(values)
    epochs = np.arange(1, len(mean) + 1)
    marker = "." if len(mean) == 1 else ""  # a line of one point is invisible
    (line,) = ax.plot(epochs, mean, linestyle=linestyle, marker=marker, **style)
    if len(values) > 1 and linestyle == "-":
        colour = line.get_color()
        ax.fill_between(epochs, mean - sd, mean + sd, color=colour, alpha=0.2, linewidth=0)
    return line
