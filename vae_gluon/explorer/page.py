"""The page: one file with the net's weights, which decodes and encodes in a browser.

It needs no server, no network and no library.
"""

from __future__ import annotations

import base64
import html
import io
import json
import os
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from vae_gluon._checks import as_array, check_shape, printable
from vae_gluon._files import replacing
from vae_gluon.explorer.layers import describe_layers, to_base64
from vae_gluon.inference import decode, encode, ndtri_grid
from vae_gluon.inference.latent import principal_directions
from vae_gluon.model import VAE
from vae_gluon.plotting.images import as_images, tile
from vae_gluon.plotting.latent import N_IMAGES, classes_of, colours_of

SPRITE_COLUMNS = 50  # of the picture with all images


@dataclass
class Explorer:
    """An interactive page, for a notebook or a file."""

    title: str
    page: str
    still: str  # a picture, as a data URL

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file, atomically."""
        with replacing(Path(path)) as partial:
            partial.write_text(self.page, encoding="utf-8")

    def __repr__(self) -> str:
        """Return the text for where no page can be shown."""
        return (
            f"<Explorer {self.title!r}, {len(self.page) / 1e6:.1f} MB: shown in a notebook that is "
            "trusted, or saved to a file by .save(path)>"
        )

    def _repr_html_(self) -> str:
        """Return the page in a frame, for a notebook.

        A notebook that is not trusted drops the frame and shows its content, a still picture.
        """
        title, page = html.escape(printable(self.title)), html.escape(self.page)
        style = "width: 100%; height: 760px; border: 0"
        still = (
            "<p>This is a still picture. Run the cell, or trust the notebook, to get the "
            f'interactive page.</p><img alt="{title}" src="{self.still}">'
        )
        return f'<iframe title="{title}" srcdoc="{page}" style="{style}">{still}</iframe>'


def explore(
    net: VAE,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    title: str | None = "Latent space",
    *,
    subtitle: str = "",
) -> Explorer:
    """Make an interactive page of the latent space of a trained net.

    A notebook shows it as the last expression of a cell; ``save`` writes it to a file.

    Parameters
    ----------
    net : VAE
        Trained. Its encoder and decoder are sequences of layers: dense, convolutions, activations
        and reshapes.
    images : array
        Test images in [0, 1], (N, 1, height, width) or (N, height, width), or flattened square
        ones, or a single image; the page holds the first 2,000.
    labels : array, optional
        As for ``plotting.plot_latent``.
    title : str or None, default 'Latent space'
        The heading.
    subtitle : str, default ''
        A small line below it, such as the net's name.

    Returns
    -------
    Explorer
        The page.

    Raises
    ------
    ValueError
        If the net computes more than these layers, or the net, images and labels do not fit.
    """
    images = as_array(images)
    alone = images.size == net.n_output and images.shape[0] != 1
    images = as_images(images[np.newaxis] if alone else images)
    if labels is not None:
        labels = classes_of(labels)
        check_shape("labels", labels, len(images))
    images, title = images[:N_IMAGES], title or "Latent space"
    height, width = images.shape[1:]
    mu, _ = encode(net, images)
    origin, axes = _plane(mu.astype(float))
    data = {
        "title": title,
        "subtitle": subtitle,
        "shape": (height, width),
        "n_latent": net.n_latent,
        **describe_layers(net),
        "mu": to_base64(mu),
        "sprite": {"source": _png(images, SPRITE_COLUMNS), "columns": SPRITE_COLUMNS},
        "origin": to_base64(origin),
        "axes": [to_base64(axis) for axis in axes],
        **_labels(labels),
    }
    spread = ((mu - origin) @ axes.T).std(axis=0)
    grid = ndtri_grid(12) * spread * [1, -1]  # the first row is on top
    decoded = decode(net, origin + grid @ axes).reshape(-1, height, width)
    return Explorer(title, _page(data), _png(decoded, 12))


def _page(data: dict[str, Any]) -> str:
    """Insert the data and the files of the page where page.html names them: {{name}}."""
    # Without "<", no tag can begin or end within the script with the data.
    parts = {"data": json.dumps(data, allow_nan=False).replace("<", "\\u003c")}
    for file in resources.files("vae_gluon.explorer").iterdir():
        if file.name.endswith((".html", ".css", ".js")):
            parts[file.name] = file.read_text(encoding="utf-8")
    return re.sub(r"\{\{([\w.]+)\}\}", lambda match: parts[match[1]], parts["page.html"])


def _plane(mu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the plane through codes, (N, n_latent): the whole space, or of largest variance.

    The origin is (n_latent,), the two axes are (2, n_latent).
    """
    n_latent = mu.shape[1]
    if n_latent <= 2:
        return np.zeros(n_latent), np.eye(2, n_latent)
    directions, _ = principal_directions(mu)
    return mu.mean(axis=0), directions.T


def _labels(labels: np.ndarray | None) -> dict[str, Any]:
    """Describe labels, (N,): the class of each image on the page, all classes and their colours.

    All images determine the classes and colours, as in the other pictures of the net.
    """
    if labels is None:
        return {"labels": None, "classes": None, "colours": ["#1f77b4"]}
    classes, numbers, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    colours = np.rint(255 * colours_of(classes, sizes)[:, :3]).astype(int)
    return {
        "labels": numbers[:N_IMAGES].tolist(),
        "classes": [str(name) for name in classes],
        "colours": ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours],
    }


def _png(images: np.ndarray, n_columns: int) -> str:
    """Return images, (N, height, width), in rows of one picture, black on white, as a URL."""
    from PIL import Image

    blank = np.zeros((-len(images) % n_columns, *images.shape[1:]))  # the rest of the last row
    grey = np.rint(255 * (1 - tile(np.concatenate([images, blank]), n_columns)))
    file = io.BytesIO()
    Image.fromarray(grey.astype(np.uint8)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
