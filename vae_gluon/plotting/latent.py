"""Scatter plots of the latent means."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from scipy.special import ndtr

from vae_gluon._checks import as_array, check_shape
from vae_gluon.plotting.axes import add_legend, as_label, axes_or_new, set_texts

N_IMAGES = 2000  # more dots cannot be distinguished
GREY = (0.75, 0.75, 0.75, 1.0)  # of the smaller classes, if there are too many for colours
MANY_COLOURS = np.delete(colormaps["tab20"](range(20)), [14, 15], axis=0)  # without its two greys


def plot_latent(mu: np.ndarray, labels: np.ndarray | None = None, ax: Axes | None = None) -> Axes:
    """Draw the latent means of images, coloured by label, with a legend.

    Parameters
    ----------
    mu : array
        (N, 2).
    labels : array, optional
        Numbers or names, (N,), or one-hot rows, (N, classes). Of more than eighteen classes,
        the largest have colours and the others are grey.
    ax : Axes, optional
        Where to draw; by default in a new figure.
    """
    ax = _scatter("mu", as_array(mu), labels, ax)
    return set_texts(ax, r"$\mu_1$", r"$\mu_2$", r"$\mu$ of the images")


def plot_latent_cdf(
    mu: np.ndarray, labels: np.ndarray | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the normal cdf of the latent means, on the unit square.

    The cdf makes the prior uniform: points are dense where the encoder puts more images than
    the prior. Parameters as for ``plot_latent``.
    """
    ax = _scatter("mu", ndtr(as_array(mu)), labels, ax)
    ax.set(adjustable="box", xlim=(0, 1), ylim=(0, 1))
    return set_texts(ax, r"norm.cdf($\mu_1$)", r"norm.cdf($\mu_2$)", r"norm.cdf($\mu$)")


def plot_components(
    components: np.ndarray, labels: np.ndarray | None, shares: np.ndarray, ax: Axes | None = None
) -> Axes:
    """Draw the first two principal components of the latent means.

    Parameters as for ``plot_latent``, and from ``principal_components`` the components, (N, 2),
    and their shares of the variance, (2,).
    """
    check_shape("shares", as_array(shares), 2)
    ax = _scatter("components", as_array(components), labels, ax)
    first, second = (f"{share:.0%} of the variance" for share in as_array(shares))
    return set_texts(ax, f"first, {first}", f"second, {second}", r"principal components of $\mu$")


def classes_of(labels: np.ndarray) -> np.ndarray:
    """Return labels, (N,), (N, 1) or one-hot, (N, classes), as names or numbers of classes, (N,).

    Other shapes are kept.
    """
    labels = as_array(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and labels.dtype.kind in "biuf":
        classes = labels.argmax(axis=1)
        labels = classes if (labels == np.eye(labels.shape[1])[classes]).all() else labels
    if labels.dtype.kind == "f":  # as NDArrayIter gives them
        with np.errstate(invalid="ignore"):  # one may be NaN
            whole = labels.astype(int)
        return whole if (whole == labels).all() else labels
    if labels.dtype.kind == "S":
        return np.char.decode(labels, "utf-8", "backslashreplace")
    return labels.astype(str) if labels.dtype.kind == "O" else labels


def colours_of(classes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the colours of classes, (n, 4), whose numbers of points are ``sizes``, (n,)."""
    if classes.dtype.kind in "iu" and set(classes.tolist()) <= set(range(10)):
        return colormaps["tab10"](classes)  # a digit always has the same colour
    palette = MANY_COLOURS if len(classes) > 10 else colormaps["tab10"](range(10))
    largest = np.sort(np.argsort(-sizes, kind="stable")[: len(palette)])
    colours = np.tile(GREY, (len(classes), 1))
    colours[largest] = palette[: len(largest)]
    return colours


def _scatter(name: str, points: np.ndarray, labels: np.ndarray | None, ax: Axes | None) -> Axes:
    """Check and draw points, (N, 2), coloured by label, with the same unit on both axes."""
    check_shape(name, points, "N", 2)
    classes = np.zeros(len(points)) if labels is None else classes_of(labels)
    check_shape("labels", classes, len(points))
    ax = axes_or_new(ax, 6.4, 5.6)
    # By the limits, unless other axes share them.
    groups = ax.get_shared_x_axes(), ax.get_shared_y_axes()
    shared = all(len(group.get_siblings(ax)) > 1 for group in groups)
    ax.set_aspect("equal", adjustable="box" if shared else "datalim")
    # In a random order, so that no class covers the others. Few points are larger.
    order = np.random.default_rng(0).permutation(len(points))
    area = np.clip(20_000 / len(points), 6, 30)
    names, numbers, sizes = np.unique(classes, return_inverse=True, return_counts=True)
    colours = colours_of(names, sizes)
    style: dict[str, Any] = {"marker": "o", "linewidths": 0}  # in any style
    x, y = points[order].T
    ax.scatter(x, y, area, colours[numbers[order]], alpha=0.6, **style)
    if labels is None:
        return ax
    grey = (colours == GREY).all(axis=1)
    for name, colour in zip(names[~grey], colours[~grey]):
        ax.scatter([], [], color=colour, label=as_label(str(name), 24), **style)
    if grey.any():
        ax.scatter([], [], color=GREY, label=f"{grey.sum()} others", **style)
    place: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "frameon": False}
    small: dict[str, Any] = {"fontsize": "x-small", "labelspacing": 0.2} if len(names) > 10 else {}
    add_legend(ax, title="label", **place, **small)
    return ax
