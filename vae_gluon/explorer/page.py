"""The page: one file with the net's weights in it, which a browser decodes and encodes with.

It needs no server, no network and no library.
"""

from __future__ import annotations

import base64
import html
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np
from mxnet.gluon import nn

from vae_gluon._checks import as_array
from vae_gluon._files import replacing
from vae_gluon.inference import encode, principal_components
from vae_gluon.model import VAE, context_of, numbers_of
from vae_gluon.plotting.images import image_shape, tile
from vae_gluon.plotting.latent import classes_of, colours_of

TEMPLATE = Path(__file__).with_name("page.html")
N_IMAGES = 2000  # test images, as many as can be told apart
STEPS = 2**15 - 1  # of a weight, as large as the largest of its row
ACTIVATIONS = ("relu", "tanh", "sigmoid", "softrelu", "softsign")
FRAME = (
    '<iframe title="{title}" srcdoc="{page}" style="width: 100%; height: 760px; border: 0">'
    "</iframe>"
)


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
        return FRAME.format(title=html.escape(self.title), page=html.escape(self.page))


def explore(
    net: VAE,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    title: str = "Latent space",
) -> Explorer:
    """Make a page in which the latent space of a trained net can be touched.

    At the end of a notebook's cell it is shown; ``save`` writes it to a file.

    Parameters
    ----------
    net : VAE
        Trained. Its layers are dense, convolutions, or activations.
    images : array
        Test images in [0, 1], (N, 1, height, width) or (N, height, width), or square ones that are
        flat; the first 2,000 are in the page.
    labels : array, optional
        As ``plotting.plot_latent`` takes them.
    title : str, default 'Latent space'
        What stands above it.

    Returns
    -------
    Explorer
        The page.

    Raises
    ------
    ValueError
        If the net has a layer of another kind, or it, the images and the labels do not fit.
    """
    images = as_array(images)
    if labels is not None:
        labels = as_array(labels)
        if len(labels) != len(images):
            raise ValueError(f"expected {len(images)} labels, got {len(labels)}")
        labels = labels[:N_IMAGES]
    images = images[:N_IMAGES]
    mu, _ = encode(net, images)
    shape = image_shape(images)
    if shape[0] * shape[1] != net.n_output:
        raise ValueError(f"expected images of a height and width, got the shape {images.shape}")
    data = {
        "title": title,
        "shape": shape,
        "n_latent": net.n_latent,
        "encoder": list(_layers(net, net.encoder, net.n_output)),
        "decoder": list(_layers(net, net.decoder, net.n_latent)),
        "mu": _text(mu),
        "sprite": _sprite(images.reshape(-1, *shape)),
        **_plane(mu),
        **_labels(labels),
    }
    text = json.dumps(data, allow_nan=False).replace("<", "\\u003c")  # no tag within the script
    return Explorer(title, TEMPLATE.read_text(encoding="utf-8").replace("DATA", text, 1))


def _text(array: np.ndarray, dtype: str = "<f4") -> str:
    """Return the numbers of an array, of any shape, as text."""
    return base64.b64encode(np.asarray(array, dtype).tobytes()).decode()


# The net


def _layers(net: VAE, block: mx.gluon.Block, n_input: int) -> Iterator[dict[str, Any]]:
    """Describe the layers of an encoder or a decoder whose input is (N, n_input)."""
    x = mx.nd.random.uniform(shape=(1, n_input), ctx=context_of(net))
    for layer in block._children.values():
        y = layer(x)
        yield from _layer(layer, x, y)
        x = y


def _layer(layer: mx.gluon.Block, x: mx.nd.NDArray, y: mx.nd.NDArray) -> Iterator[dict[str, Any]]:
    """Describe a layer that has mapped x, (1, ...), to y, (1, ...); nothing, if it reshapes."""
    kinds = {nn.Dense: "dense", nn.Conv2D: "conv", nn.Conv2DTranspose: "deconv"}
    if type(layer) is nn.Activation and layer._act_type in ACTIVATIONS:
        yield {"kind": "activation", "activation": layer._act_type}
    elif type(layer) in kinds:
        activation = layer.act._act_type if layer.act is not None else None
        if activation not in (None, *ACTIVATIONS):
            raise ValueError(f"expected activations of {', '.join(ACTIVATIONS)}, got {activation}")
        weight = numbers_of(layer.weight)
        # A row of a transposed convolution belongs to a channel of the input.
        rows = weight.reshape(len(weight), -1)
        scales = np.maximum(abs(rows).max(axis=1), np.finfo("f4").tiny) / STEPS
        described = {
            "kind": kinds[type(layer)],
            "in": x.shape[1:],
            "out": y.shape[1:],
            "activation": activation,
            "weight": _text(np.rint(rows / scales[:, None]), "<i2"),
            "scales": _text(scales),
            "bias": None if layer.bias is None else _text(numbers_of(layer.bias)),
        }
        if type(layer) is not nn.Dense:
            settings = layer._kwargs
            if settings["num_group"] != 1 or set(settings["dilate"]) != {1}:
                raise ValueError(f"expected convolutions without groups and dilation, got {layer}")
            described.update({name: settings[name] for name in ("kernel", "stride", "pad")})
        yield described
    elif x.size != y.size or (x.asnumpy().ravel() != y.asnumpy().ravel()).any():
        raise ValueError(
            "expected layers that are dense, convolutions or activations, got "
            f"{type(layer).__name__}"
        )


# What is on the plane


def _plane(mu: np.ndarray) -> dict[str, Any]:
    """Describe the plane of codes, (N, n_latent): their space, or its main components."""
    n_latent = mu.shape[1]
    origin, axes, spread = np.zeros(n_latent), np.eye(2, n_latent), [1.0, 1.0]
    if n_latent > 2:
        components, _ = principal_components(mu)
        origin = mu.mean(axis=0)
        # The directions from the projections: as principal_components has signed them.
        axes = np.linalg.lstsq(mu - origin, components, rcond=None)[0].T
        spread = components.std(axis=0).tolist()
    return {"origin": _text(origin), "axes": [_text(axis) for axis in axes], "spread": spread}


def _labels(labels: np.ndarray | None) -> dict[str, Any]:
    """Describe labels: the number of each one's class, (N,), the classes' names and colours."""
    if labels is None:
        return {"labels": None, "classes": None, "colours": ["#1f77b4"]}
    classes, numbers, sizes = np.unique(classes_of(labels), return_inverse=True, return_counts=True)
    colours = np.rint(255 * colours_of(classes, sizes)[:, :3]).astype(int)
    return {
        "labels": numbers.tolist(),
        "classes": [str(name) for name in classes],
        "colours": ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours],
    }


def _sprite(images: np.ndarray, n_columns: int = 50) -> dict[str, Any]:
    """Return images, (N, height, width), in rows on one picture, black on white."""
    from PIL import Image

    n, height, width = images.shape
    blank = np.zeros((-n % n_columns, height, width))  # the rest of the last row
    whole = tile(np.concatenate([images, blank]), n_columns)
    grey = np.rint(255 * (1 - whole)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG", optimize=True)
    source = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return {"source": source, "columns": n_columns}
