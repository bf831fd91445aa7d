"""The pictures of a run as PNG files: net and data -> ``latent`` -> ``plotting`` -> disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.style
import mxnet as mx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from vae_gluon import plotting
from vae_gluon._files import replacing
from vae_gluon.command.overview import Picture, overview
from vae_gluon.inference import latent
from vae_gluon.training import History

N_ROW = 10  # images in a row of samples or reconstructions
N_PAIRS = 5  # rows of steps between two images
N_CANVAS = 10  # images along each side of the canvas drawn from the prior
N_SCAN = 20  # images along each side of the grid scan
MARGIN = 0.4  # around images, for a title, in inches
DPI = 120
FONTS: tuple[Any, ...] = ("font.family", "font.sans-serif", "font.serif", "font.monospace")


def draw_figures(
    net: mx.gluon.Block,
    dataset: Mapping[str, np.ndarray],
    history: History,
    seed: int,
    folder: Path,
) -> list[Path]:
    """Draw all pictures of the tutorial, and interpolations between test images, into ``folder``.

    ``seed`` selects the images and the codes, and seeds MXNet's generator. The pictures of the
    latent plane need an ``n_latent`` of 2; if it is larger, the first two principal components
    replace them.
    """
    mx.random.seed(seed)
    rng = np.random.default_rng(seed)
    pictures = [_samples(dataset, rng), *_pictures(net, dataset, history, rng)]
    if net.n_latent != 2:
        print(f"No pictures of a latent plane: n_latent is {net.n_latent}, not 2")
    return [_write(picture, folder) for picture in [*pictures, overview(pictures)]]


def draw_samples(dataset: Mapping[str, np.ndarray], seed: int, folder: Path) -> Path:
    """Draw the picture that needs no net, before training."""
    return _write(_samples(dataset, np.random.default_rng(seed)), folder)


def draw_curves(groups: Mapping[str, Sequence[History]], folder: Path, plane: bool) -> Path:
    """Draw the curves of several runs into ``folder``, with ``plane`` their final terms too.

    The runs of a group, named in the legend, become one line, as long as the shortest run.
    """

    def curves(ax: Axes) -> None:
        for name, runs in groups.items():
            n = min(len(run.val) for run in runs)
            train, val = [run.train[:n] for run in runs], [run.val[:n] for run in runs]
            plotting.plot_elbo(train, val, ax, label=name)

    def terms(ax: Axes) -> None:
        for name, runs in groups.items():
            kl = [run.val_kl[-1] for run in runs]
            reconstruction = [run.val[-1] - run.val_kl[-1] for run in runs]
            plotting.plot_rate_distortion(kl, reconstruction, ax, label=name)

    if plane:
        return _write(_panels("curves", 18, 7, curves, terms), folder)
    return _write(_panels("curves", 10, 7, curves), folder)


def draw_traversals(steps: np.ndarray, folder: Path) -> Path:
    """Draw sweeps, (n_latent, n, height, width), into ``folder``."""
    n_latent, n, height, width = steps.shape
    plot = partial(plotting.plot_traversals, steps)
    rows_height = 8 / n * n_latent * height / width
    return _write(_panels("traversals", 8 + MARGIN, rows_height + MARGIN, plot), folder)


def _write(picture: Picture, folder: Path) -> Path:
    """Draw a picture into the file of its name."""
    path = folder / f"{picture.name}.png"
    # In matplotlib's default style, but with this machine's fonts, for other scripts.
    fonts: dict[Any, Any] = {name: matplotlib.rcParams[name] for name in FONTS}
    with matplotlib.style.context(["default", fonts]), replacing(path) as partial_path:
        # pyplot does not manage this figure, so it need not be closed.
        figure = Figure(figsize=(picture.width, picture.height), layout="constrained")
        picture.draw(figure)
        figure.savefig(partial_path, dpi=DPI, format="png")
    return path


def _samples(dataset: Mapping[str, np.ndarray], rng: np.random.Generator) -> Picture:
    """Show N_ROW of the training images, (N, 1, height, width)."""
    images = _choose(dataset["train_data"], rng)
    plot = partial(plotting.plot_samples, images)
    return _images("data_samples", "training images", 14, 1, N_ROW, images, plot)


def _pictures(
    net: mx.gluon.Block,
    dataset: Mapping[str, np.ndarray],
    history: History,
    rng: np.random.Generator,
) -> Iterator[Picture]:
    """Yield the other pictures, in the overview's order."""
    images, labels = dataset["test_data"], dataset.get("test_label")
    shape = images.shape[2:]

    originals = _choose(images, rng)
    plot = partial(plotting.plot_reconstructions, originals, latent.reconstruct(net, originals))
    yield _images("reconstructions", "test images", 14, 2, N_ROW, images, plot)

    elbo = partial(plotting.plot_elbo, history.train, history.val)
    terms = partial(plotting.plot_elbo_terms, history.val, history.val_kl)
    yield _panels("elbo", 12, 4.8, elbo, terms)

    mu, _ = latent.encode(net, images)  # (N, n_latent)
    if net.n_latent == 2:
        plane = partial(plotting.plot_latent, mu, labels)
        square = partial(plotting.plot_latent_cdf, mu, labels)
        yield _panels("2d_latent_space_for_test_samples", 13, 5.6, plane, square)
    elif min(mu.shape) > 1:
        components, shares = latent.principal_components(mu)
        plot = partial(plotting.plot_components, components, labels, shares)
        yield _panels("principal_components_for_test_samples", 6.8, 5.6, plot)

    z = latent.sample_prior(N_CANVAS**2, net.n_latent, rng)
    plot = partial(plotting.plot_grid, latent.decode(net, z).reshape(-1, *shape))
    name = f"generated_samples_with_{net.n_latent}D_latent_space"
    yield _images(name, "drawn from the prior", 6, N_CANVAS, N_CANVAS, images, plot)

    plot = partial(plotting.plot_interpolations, _interpolations(net, images, labels, rng))
    title = "from one test image to another"
    yield _images("latent_interpolations", title, 8, N_PAIRS, N_ROW, images, plot)

    if net.n_latent == 2:
        z = latent.ndtri_grid(N_SCAN)
        plot = partial(plotting.plot_scan, latent.decode(net, z).reshape(-1, *shape), z)
        name, title = "2d_latent_space_scan_for_generation", "the latent plane, decoded"
        yield _images(name, title, 8, N_SCAN, N_SCAN, images, plot)


def _interpolations(
    net: mx.gluon.Block, images: np.ndarray, labels: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Interpolate between images of different labels: (N_PAIRS, N_ROW, height, width)."""
    labels = np.arange(len(images)) if labels is None else labels
    rows = []
    for first in rng.choice(len(images), N_PAIRS):
        others = np.flatnonzero(labels != labels[first])
        last = rng.choice(others) if len(others) else first
        rows.append(latent.interpolate(net, images[first], images[last], n=N_ROW))
    return np.stack(rows).reshape(N_PAIRS, N_ROW, *images.shape[2:])


def _choose(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return up to N_ROW of the images, (N, ...)."""
    return images[rng.choice(len(images), min(N_ROW, len(images)), replace=False)]


def _images(
    name: str,
    title: str,
    width: float,
    n_rows: int,
    n_columns: int,
    images: np.ndarray,
    plot: Callable[..., Axes],
) -> Picture:
    """Return a picture of rows of images, (N, 1, height, width), as high as needed."""
    height, image_width = images.shape[2:]
    rows_height = width * n_rows * height / (n_columns * image_width)
    return _panels(name, width, rows_height + MARGIN, lambda ax: plot(ax=ax).set_title(title))


def _panels(name: str, width: float, height: float, *plots: Callable[..., Any]) -> Picture:
    """Return a picture of plots, functions of ``ax``, side by side."""

    def draw(figure: FigureBase) -> None:
        for ax, plot in zip(figure.subplots(1, len(plots), squeeze=False).flat, plots):
            plot(ax=ax)

    return Picture(name, width, height, draw)
