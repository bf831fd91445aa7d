"""A net -> its layers, as net.js reads them."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import mxnet as mx
import numpy as np
from mxnet.gluon import nn

from vae_gluon.model import VAE, first_parameter, numbers_of

N_PROBES = 4  # inputs for comparing the layers with the net
TOLERANCE = 1e-4  # in this comparison, relative to the largest result
STEPS = 2**15 - 1  # weights are stored as integers; the largest of a row is this
KINDS = {
    nn.Dense: "dense",
    nn.Conv2D: "conv",
    nn.Conv2DTranspose: "deconv",
    nn.Activation: "activation",
}
SETTINGS = ("kernel", "stride", "pad", "dilate", "num_group")  # of a convolution


def describe_layers(net: VAE) -> dict[str, Any]:
    """Describe the layers of a net's encoder and decoder.

    Raise a ValueError if one has an unsupported layer, or computes more than its layers.
    """
    rng = np.random.default_rng(0)
    parameter = first_parameter(net)
    kind = {"ctx": parameter.list_ctx()[0], "dtype": parameter.dtype}
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
    """Describe the layers of a block, if with ``finish`` they map x, (N, _), to ``expected``.

    Layers do not reveal what else the forward pass computes, such as a skip connection, and of
    layers of other kinds only the shapes are kept. Both show in the results.
    """
    layers, y = [], x
    with contextlib.suppress(mx.base.MXNetError):
        for layer in _leaves(block):
            x, y = y, layer(y)
            if type(layer) in KINDS:
                layers.append(_layer(layer, x, y))
            else:
                y = x.reshape(y.shape)
        found = finish(y.reshape((N_PROBES, -1)))
        if abs(found - expected).max().asscalar() <= TOLERANCE * abs(expected).max().asscalar():
            return layers
    raise ValueError(
        "expected layers one after the other, dense, convolutions, activations or reshapes, got a "
        f"{type(block).__name__} with something else, such as a function or a skip connection"
    )


def _leaves(block: mx.gluon.Block) -> Iterator[mx.gluon.Block]:
    """Yield the layers of a block, and those within them."""
    for layer in block._children.values():
        if type(layer) in KINDS or not layer._children:
            yield layer
        else:
            yield from _leaves(layer)


def _layer(layer: mx.gluon.Block, x: mx.nd.NDArray, y: mx.nd.NDArray) -> dict[str, Any]:
    """Describe a layer that has mapped x, (N, ...), to y, (N, ...)."""
    kind = KINDS[type(layer)]
    if kind == "activation":
        return {"kind": kind, "activation": layer._act_type}
    weight = np.asarray(numbers_of(layer.weight), "f4")
    # A row of a transposed convolution belongs to a channel of the input.
    rows = weight.reshape(len(weight), -1)
    scales = np.maximum(abs(rows).max(axis=1), np.finfo("f4").tiny) / STEPS
    settings = {} if kind == "dense" else {name: layer._kwargs[name] for name in SETTINGS}
    return {
        "kind": kind,
        "in": x.shape[1:],
        "out": y.shape[1:],
        "activation": layer.act._act_type if layer.act is not None else None,
        "weight": to_base64(np.rint(rows / scales[:, None]), "<i2"),
        "scales": to_base64(scales),
        "bias": None if layer.bias is None else to_base64(numbers_of(layer.bias)),
        **settings,
    }


def to_base64(array: np.ndarray, dtype: str = "<f4") -> str:
    """Return an array, of any shape, in base64."""
    return base64.b64encode(np.asarray(array, dtype).tobytes()).decode()
