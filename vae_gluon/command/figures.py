"""The pictures of a run as PNG files: net and data -> ``latent`` -> ``plotting`` -> disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np
from matplotlib.figure import Figure

from vae_gluon import plotting
from vae_gluon._files import replacing
from vae_gluon.command.overview import write_overview
from vae_gluon.inference import latent
from vae_gluon.training import History

N_ROW = 10  # images in a row of samples or reconstructions
N_PAIRS = 5  # rows of steps between two images
N_CANVAS = 10  # images along each side of the canvas drawn from the prior
N_SCAN = 20  # images along each side of the grid scan
DPI = 120


def draw_figures(
    net: mx.gluon.Block,
    mnist: Mapping[str, np.ndarray],
    history: History,
    seed: int,
    folder: Path,
) -> list[Path]:
    """Draw all pictures of the tutorial, and interpolations between test images, into ``folder``.

    Parameters
    ----------
    net : Block
        A trained net with ``n_latent``, ``encode`` and ``decode``. The two pictures of the latent
        plane need an ``n_latent`` of 2: if it is larger, one of the first two principal components
        takes their place, if it is 1, none.
    mnist : dict
        What ``load_mnist`` returns.
    history : History
        Losses and KL divergence of each epoch.
    seed : int
        Determines which images are shown and which codes are drawn, so that the pictures can be
        drawn again. MXNet's generator is seeded with it.
    folder : Path
        Where to write.

    Returns
    -------
    list of Path
        The files, under the tutorial's names, and ``overview.png``, which has them all.
    """
    mx.random.seed(seed)
    rng = np.random.default_rng(seed)
    figures = [_samples(mnist, rng), *_figures(net, mnist, history, rng)]
    paths = [_write(name, figure, folder) for name, figure in figures]
    return [*paths, write_overview(paths, folder)]


def draw_samples(mnist: Mapping[str, np.ndarray], seed: int, folder: Path) -> Path:
    """Draw the picture that needs no net, so that it is there before the training.

    The data set is what ``load_mnist`` returns.
    """
    name, figure = _samples(mnist, np.random.default_rng(seed))
    return _write(name, figure, folder)


def draw_curves(runs: Mapping[str, History], folder: Path) -> Path:
    """Draw the curves of several runs, by what the legend calls them, into ``folder``."""
    figure, ax = _subplots(10, 7)
    for name, history in runs.items():
        plotting.plot_elbo(history.train, history.val, ax, label=name)
    return _write("curves", figure, folder)


def _write(name: str, figure: Figure, folder: Path) -> Path:
    path = folder / f"{name}.png"
    with replacing(path) as partial:
        figure.savefig(partial, dpi=DPI, format="png")
    return path


def _samples(mnist: Mapping[str, np.ndarray], rng: np.random.Generator) -> tuple[str, Figure]:
    """Draw N_ROW of the training images, (N, 1, 28, 28)."""
    figure, ax = _subplots_for(mnist, "training images", 14, 1, N_ROW, margin=0.4)
    plotting.plot_samples(_choose(mnist["train_data"], rng), ax)
    return "data_samples", figure


def _figures(
    net: mx.gluon.Block, mnist: Mapping[str, np.ndarray], history: History, rng: np.random.Generator
) -> Iterator[tuple[str, Figure]]:
    """Draw the pictures of the losses and of the test images, (N, 1, 28, 28), and their codes."""
    figure, axes = _subplots(12, 4.8, n_columns=2)
    plotting.plot_elbo(history.train, history.val, axes[0])
    plotting.plot_elbo_terms(history.val, history.val_kl, axes[1])
    yield "elbo", figure

    originals = _choose(mnist["test_data"], rng)
    shape = originals.shape[2:]
    figure, ax = _subplots_for(mnist, "test images", 14, 2, N_ROW, margin=0.4)
    plotting.plot_reconstructions(originals, latent.reconstruct(net, originals), ax)
    yield "reconstructions", figure

    z = latent.sample_prior(N_CANVAS**2, net.n_latent, rng)  # (N_CANVAS**2, n_latent)
    figure, ax = _subplots_for(mnist, "drawn from the prior", 6, N_CANVAS, N_CANVAS)
    plotting.plot_grid(latent.decode(net, z).reshape(-1, *shape), ax)
    yield f"generated_samples_with_{net.n_latent}D_latent_space", figure

    figure, ax = _subplots_for(mnist, "from one test image to another", 8, N_PAIRS, N_ROW)
    plotting.plot_interpolations(_interpolations(net, mnist, rng), ax)
    yield "latent_interpolations", figure

    if net.n_latent == 2:
        yield from _plane_figures(net, mnist)
    elif net.n_latent > 2 and len(mnist["test_data"]) > 1:
        yield _components_figure(net, mnist)


def _interpolations(
    net: mx.gluon.Block, mnist: Mapping[str, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Interpolate between images of different labels: (N_PAIRS, N_ROW, height, width)."""
    images, labels = mnist["test_data"], mnist.get("test_label")
    labels = np.arange(len(images)) if labels is None else labels
    rows = []
    for first in rng.choice(len(images), N_PAIRS):
        others = np.flatnonzero(labels != labels[first])
        last = rng.choice(others) if len(others) else first
        rows.append(latent.interpolate(net, images[first], images[last], n=N_ROW))
    return np.stack(rows).reshape(N_PAIRS, N_ROW, *images.shape[2:])


def _plane_figures(
    net: mx.gluon.Block, mnist: Mapping[str, np.ndarray]
) -> Iterator[tuple[str, Figure]]:
    """Draw the two pictures that need a latent plane, from the test images, (N, 1, 28, 28)."""
    mu, _ = latent.encode(net, mnist["test_data"])  # (N, 2)
    figure, axes = _subplots(13, 5.6, n_columns=2)
    plotting.plot_latent(mu, mnist.get("test_label"), axes[0])
    plotting.plot_latent_cdf(mu, mnist.get("test_label"), axes[1])
    yield "2d_latent_space_for_test_samples", figure

    z = latent.ndtri_grid(N_SCAN)
    figure, ax = _subplots_for(mnist, "the latent plane, decoded", 8, N_SCAN, N_SCAN)
    images = latent.decode(net, z).reshape(-1, *mnist["test_data"].shape[2:])
    plotting.plot_scan(images, z, ax)
    yield "2d_latent_space_scan_for_generation", figure


def _components_figure(net: mx.gluon.Block, mnist: Mapping[str, np.ndarray]) -> tuple[str, Figure]:
    """Draw what takes their place in a latent space of more than two dimensions."""
    mu, _ = latent.encode(net, mnist["test_data"])  # (N, n_latent)
    components, shares = latent.principal_components(mu)  # (N, 2), (2,)
    figure, ax = _subplots(6.8, 5.6)
    plotting.plot_components(components, mnist.get("test_label"), shares, ax)
    return "principal_components_for_test_samples", figure


def _subplots_for(
    mnist: Mapping[str, np.ndarray],
    title: str,
    width: float,
    n_rows: int,
    n_columns: int,
    margin: float = 0.3,
) -> tuple[Figure, Any]:
    """Make a figure of this width for rows of images, as high as they need, plus a margin."""
    image_height, image_width = mnist["test_data"].shape[2:]
    height = width * n_rows * image_height / (n_columns * image_width) + margin
    figure, ax = _subplots(width, height)
    ax.set_title(title)
    return figure, ax


def _subplots(width: float, height: float, n_columns: int = 1) -> tuple[Figure, Any]:
    """Make a figure that pyplot does not manage, so that it need not be closed."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, n_columns)


def _choose(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw up to N_ROW of the images, (N, ...)."""
    return images[rng.choice(len(images), min(N_ROW, len(images)), replace=False)]
