"""A net -> its layers, as net.js reads them."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable
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

    Raises
    ------
    ValueError
        If one has an unsupported layer, or computes more than its layers.
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

    Layers do not reveal what else the forward pass computes, such as a skip connection. It changes
    the results, or the shapes between layers.
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
    """Describe the layers of a block; return them and their output for x, (N, ...)."""
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
