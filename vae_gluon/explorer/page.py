"""The page: one file that holds the net's weights and decodes and encodes in a browser.

It needs no server, no network and no library.
"""

from __future__ import annotations

import base64
import contextlib
import html
import io
import json
import os
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np
from mxnet.gluon import nn

from vae_gluon._checks import as_array
from vae_gluon._files import replacing
from vae_gluon.inference import encode
from vae_gluon.inference.latent import principal_directions
from vae_gluon.model import VAE, context_of, dtype_of, numbers_of
from vae_gluon.plotting.images import image_shape, tile
from vae_gluon.plotting.latent import classes_of, colours_of

N_IMAGES = 2000  # more dots than that cannot be told apart
N_PROBES = 4  # inputs on which the layers are compared with the net
TOLERANCE = 1e-4  # of that comparison, as a share of the largest result
STEPS = 2**15 - 1  # a weight is stored as an integer; the largest of its row is this one
KINDS = {
    nn.Dense: "dense",
    nn.Conv2D: "conv",
    nn.Conv2DTranspose: "deconv",
    nn.Activation: "activation",
}
SETTINGS = ("kernel", "stride", "pad", "dilate", "num_group")  # of a convolution


class Explorer:
    """A page, to be shown in a notebook or saved to a file."""

    def __init__(self, title: str, page: str) -> None:
        self.title = title
        self.page = page

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file, whole or not at all."""
        with replacing(Path(path)) as partial:
            partial.write_text(self.page, encoding="utf-8")

    def __repr__(self) -> str:
        """Say what a notebook shows where it may not show the page."""
        return (
            f"<Explorer {self.title!r}, {len(self.page) / 1e6:.1f} MB: shown in a notebook that is "
            "trusted, or saved to a file by .save(path)>"
        )

    def _repr_html_(self) -> str:
        """Return the page in a frame, as a notebook shows it."""
        title, page = html.escape(self.title), html.escape(self.page)
        style = "width: 100%; height: 760px; border: 0"
        return f'<iframe title="{title}" srcdoc="{page}" style="{style}"></iframe>'


def explore(
    net: VAE,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    title: str | None = "Latent space",
    *,
    subtitle: str = "",
) -> Explorer:
    """Make an interactive page of the latent space of a trained net.

    The last expression of a notebook's cell shows it; ``save`` writes it to a file.

    Parameters
    ----------
    net : VAE
        Trained. Its encoder and its decoder are layers one after the other: dense, convolutions,
        activations, and what only reshapes.
    images : array
        Test images in [0, 1], (N, 1, height, width) or (N, height, width), or square ones that are
        flat, or one of them; the page holds the first 2,000.
    labels : array, optional
        As ``plotting.plot_latent`` takes them.
    title : str or None, default 'Latent space'
        The heading.
    subtitle : str, default ''
        A line in small print below it, such as the net's name.

    Returns
    -------
    Explorer
        The page.

    Raises
    ------
    ValueError
        If the net computes something else than such layers, or it, the images and the labels do
        not fit.
    """
    images = as_array(images)
    if images.size == net.n_output and len(images) > 1:
        images = images[np.newaxis]
    height, width = image_shape(images)
    if height * width != net.n_output:
        raise ValueError(
            f"expected images of a height and width, {net.n_output} pixels in all, got the shape "
            f"{images.shape}"
        )
    if labels is not None:
        labels = classes_of(labels)
        if labels.shape != (len(images),):
            raise ValueError(f"expected {len(images)} labels, got the shape {labels.shape}")
        labels = labels[:N_IMAGES]
    images, title = images[:N_IMAGES], title or "Latent space"
    mu, _ = encode(net, images)
    data = {
        "title": title,
        "subtitle": subtitle,
        "shape": (height, width),
        "n_latent": net.n_latent,
        **_networks(net),
        "mu": _text(mu),
        "sprite": _sprite(images.reshape(-1, height, width)),
        **_plane(mu.astype(float)),
        **_labels(labels),
    }
    return Explorer(title, _page(data))


def _page(data: dict[str, Any]) -> str:
    """Join the files of the page, and the data, where page.html names them: {{name}}."""
    # No tag can begin or end within the script that holds the data.
    parts = {"data": json.dumps(data, allow_nan=False).replace("<", "\\u003c")}
    for file in resources.files("vae_gluon.explorer").iterdir():
        if file.name.endswith((".html", ".css", ".js")):
            parts[file.name] = file.read_text(encoding="utf-8")
    return re.sub(r"\{\{([\w.]+)\}\}", lambda match: parts[match[1]], parts["page.html"])


def _text(array: np.ndarray, dtype: str = "<f4") -> str:
    """Return the numbers of an array, of any shape, in base64."""
    return base64.b64encode(np.asarray(array, dtype).tobytes()).decode()


# The net


def _networks(net: VAE) -> dict[str, Any]:
    """Describe the layers of the encoder and the decoder."""
    rng = np.random.default_rng(0)
    kind = {"ctx": context_of(net), "dtype": dtype_of(net)}
    x = mx.nd.array(rng.random((N_PROBES, net.n_output)), **kind)
    z = mx.nd.array(rng.normal(size=(N_PROBES, net.n_latent)), **kind)
    return {
        "encoder": _network(net.encoder, x, net.encode(x)[0], lambda y: y[:, : net.n_latent]),
        "decoder": _network(net.decoder, z, net.decode(z), mx.nd.sigmoid),
    }


def _network(
    block: mx.gluon.Block,
    x: mx.nd.NDArray,
    expected: mx.nd.NDArray,
    finish: Callable[[mx.nd.NDArray], mx.nd.NDArray],
) -> list[dict[str, Any]]:
    """Describe the layers of a block, if with ``finish`` they map x, (N, _), to what is expected.

    A block's layers do not tell what else its forward pass does, such as a skip connection. It
    shows in the results, or in layers that do not fit each other.
    """
    with contextlib.suppress(mx.base.MXNetError):
        layers, y = _layers(block, x)
        found = finish(y.reshape((N_PROBES, -1)))
        if abs(found - expected).max().asscalar() <= TOLERANCE * abs(expected).max().asscalar():
            return layers
    raise ValueError(
        f"expected layers one after the other, got a {type(block).__name__} with something between "
        "them or around them, such as a function or a skip connection"
    )


def _layers(block: mx.gluon.Block, x: mx.nd.NDArray) -> tuple[list[dict[str, Any]], mx.nd.NDArray]:
    """Describe the layers of a block; return them, and what they map x, (N, ...), to."""
    layers = []
    for layer in block._children.values():
        if type(layer) not in KINDS and layer._children:
            inner, x = _layers(layer, x)
            layers += inner
            continue
        y = layer(x)
        if type(layer) in KINDS:
            layers.append(_layer(layer, x, y))
        elif x.size != y.size or (x.reshape(-1) != y.reshape(-1)).sum().asscalar():
            raise ValueError(
                "expected layers that are dense, convolutions or activations, got "
                f"{type(layer).__name__}"
            )
        x = y
    return layers, x


def _layer(layer: mx.gluon.Block, x: mx.nd.NDArray, y: mx.nd.NDArray) -> dict[str, Any]:
    """Describe a layer that has mapped x, (N, ...), to y, (N, ...)."""
    kind = KINDS[type(layer)]
    if kind == "activation":
        return {"kind": kind, "activation": layer._act_type}
    weight = numbers_of(layer.weight)
    # A row of a transposed convolution belongs to a channel of the input.
    rows = weight.reshape(len(weight), -1)
    scales = np.maximum(abs(rows).max(axis=1), np.finfo("f4").tiny) / STEPS
    settings = {} if kind == "dense" else {name: layer._kwargs[name] for name in SETTINGS}
    return {
        "kind": kind,
        "in": x.shape[1:],
        "out": y.shape[1:],
        "activation": layer.act._act_type if layer.act is not None else None,
        "weight": _text(np.rint(rows / scales[:, None]), "<i2"),
        "scales": _text(scales),
        "bias": None if layer.bias is None else _text(numbers_of(layer.bias)),
        **settings,
    }


# What is on the plane


def _plane(mu: np.ndarray) -> dict[str, Any]:
    """Describe the plane through codes, (N, n_latent): all of their space, or where most vary."""
    n_latent = mu.shape[1]
    origin, axes = np.zeros(n_latent), np.eye(2, n_latent)
    if n_latent > 2:
        directions, _ = principal_directions(mu)
        origin, axes = mu.mean(axis=0), directions.T
    return {"origin": _text(origin), "axes": [_text(axis) for axis in axes]}


def _labels(labels: np.ndarray | None) -> dict[str, Any]:
    """Describe labels, (N,): the number of each one's class, the classes' names and colours."""
    if labels is None:
        return {"labels": None, "classes": None, "colours": ["#1f77b4"]}
    classes, numbers, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    colours = np.rint(255 * colours_of(classes, sizes)[:, :3]).astype(int)
    return {
        "labels": numbers.tolist(),
        "classes": [str(name) for name in classes],
        "colours": ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours],
    }


def _sprite(images: np.ndarray, n_columns: int = 50) -> dict[str, Any]:
    """Return images, (N, height, width), in rows of one picture, black on white."""
    from PIL import Image

    n, height, width = images.shape
    blank = np.zeros((-n % n_columns, height, width))  # the rest of the last row
    grey = np.rint(255 * (1 - tile(np.concatenate([images, blank]), n_columns)))
    file = io.BytesIO()
    Image.fromarray(grey.astype(np.uint8)).save(file, "PNG", optimize=True)
    source = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return {"source": source, "columns": n_columns}
