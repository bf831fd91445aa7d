"""Callbacks that draw the latent plane after each epoch, to a GIF or a notebook's cell."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageSequence

from vae_gluon._checks import as_array, image_shape
from vae_gluon._files import open_file, replacing
from vae_gluon.inference import decode, encode, ndtri_grid
from vae_gluon.model import VAE
from vae_gluon.plotting import plot_elbo, plot_latent, plot_scan
from vae_gluon.plotting.latent import N_IMAGES
from vae_gluon.training import Callback, Training

N_FRAMES = 50  # of a film, about
N_SCAN = 12  # images along each side of the scan
LIMITS = (-4, 4)  # of the scatter plot, in standard deviations of the prior


class _Pictures(Callback):
    """Draws test images on the latent plane, and the plane decoded."""

    def __init__(self, images: np.ndarray, labels: np.ndarray | None = None) -> None:
        self.images = as_array(images)[:N_IMAGES]
        self.labels = None if labels is None else as_array(labels)[:N_IMAGES]

    def draw_plane(self, net: VAE, left: Axes, right: Axes) -> None:
        """Draw both, with constant limits."""
        plane = np.eye(2, net.n_latent)  # the first two latent dimensions
        mu, _ = encode(net, self.images)
        plot_latent(np.clip(mu @ plane.T, *LIMITS), self.labels, left)
        left.set(adjustable="box", xlim=LIMITS, ylim=LIMITS, title="means of the images")
        z = ndtri_grid(N_SCAN)
        plot_scan(decode(net, z @ plane).reshape(-1, *image_shape(self.images)), z, right)
        right.set_title("the plane, decoded")

    def render(self, training: Training, title: str, curves: bool = False) -> Image.Image:
        """Return both, side by side, 800 x 400 pixels, or 1200 x 400 after the loss curves."""
        n = 3 if curves else 2
        with matplotlib.style.context("default"):
            figure = Figure((4 * n, 4), 100, layout="constrained")
            canvas = FigureCanvasAgg(figure)
            figure.suptitle(title)
            axes = figure.subplots(1, n)
            if curves:
                plot_elbo(training.history.train, training.history.val, axes[0])
            self.draw_plane(training.net, *axes[-2:])
            canvas.draw()
            return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


class Film(_Pictures):
    """Write a GIF of the latent plane, 800 x 400 pixels, with a frame for each epoch.

    All frames have the same limits; means beyond them are drawn at the edge. Of more than two
    latent dimensions the first two are shown, of more than 50 epochs every second, third and so on.
    The file is complete after each epoch. A resumed run continues it, without the frames of epochs
    that it repeats.

    Parameters
    ----------
    path : path
        The file, replaced atomically.
    images : array
        Test images in [0, 1], (N, 1, height, width), or flat and square; the first 2,000 are shown.
    labels : array, optional
        As for ``plotting.plot_latent``.
    """

    def __init__(
        self, path: str | os.PathLike[str], images: np.ndarray, labels: np.ndarray | None = None
    ) -> None:
        super().__init__(images, labels)
        self.path = Path(path)

    def before_training(self, training: Training) -> None:
        """Read the film that a resumed run continues; begin anew if it is damaged."""
        self.frames: dict[int, Image.Image] = {}  # by their epoch, counted from 1
        if training.epoch and self.path.exists():
            with suppress(OSError), open_file(self.path) as file, Image.open(file) as film:
                epochs = map(int, film.info.get("comment", "").split())
                for epoch, frame in zip(epochs, ImageSequence.Iterator(film)):
                    if epoch <= training.epoch:
                        self.frames[epoch] = _in_palette(frame)

    def after_epoch(self, training: Training) -> None:
        """Add a frame, and write the film."""
        if training.epoch % math.ceil(training.epochs / N_FRAMES):
            return
        title = f"epoch {training.epoch}, validation loss {training.history.val[-1]:.2f}"
        self.frames[training.epoch] = _in_palette(self.render(training, title))
        durations = [200] * (len(self.frames) - 1) + [2000]
        write_gif(self.path, [*self.frames.values()], durations, " ".join(map(str, self.frames)))


class LivePictures(_Pictures):
    """Show the curves and the latent plane in a notebook's cell, redrawn after each epoch.

    Takes the ``images`` and ``labels`` of ``Film``. Outside a notebook it does nothing.
    """

    def before_training(self, training: Training) -> None:
        """Begin a new picture."""
        self._handle: Any = None

    def after_epoch(self, training: Training) -> None:
        """Replace the last picture."""
        ipython = sys.modules.get("IPython")  # a notebook has imported it
        if ipython is None or not hasattr(ipython.get_ipython(), "kernel"):
            return
        title = f"epoch {training.epoch} of {training.epochs}"
        picture = self.render(training, title, curves=True)
        if self._handle:
            self._handle.update(picture)
        else:
            self._handle = ipython.display.display(picture, display_id=True)


def write_gif(
    path: Path, frames: Sequence[Image.Image], durations: list[int], comment: str = ""
) -> None:
    """Write a looping GIF; durations are in milliseconds."""
    options: dict[str, Any] = {"append_images": frames[1:], "duration": durations}
    with replacing(path) as partial:
        frames[0].save(partial, "GIF", save_all=True, loop=0, comment=comment, **options)


def _in_palette(frame: Image.Image) -> Image.Image:
    """Reduce a frame to greys and tints of the classes' colours, idempotently."""
    tints = np.array([1, 0.8, 0.6, 0.3])[:, np.newaxis, np.newaxis]
    classes = 1 - tints * (1 - colormaps["tab20"](range(20))[:, :3])
    colours = np.vstack([np.linspace([0] * 3, [1] * 3, 24), classes.reshape(-1, 3)])
    numbers = np.minimum(4 * np.rint(64 * colours), 255)  # multiples of 4 are matched exactly
    palette = Image.new("P", (1, 1))
    palette.putpalette(numbers.astype(np.uint8).tobytes())
    return frame.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
