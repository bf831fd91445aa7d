"""A trained net for other places: ONNX for other frameworks, a symbol for MXNet without this one.

Each part of the net becomes a graph of its own, for any batch size, with these inputs and outputs:

========  =============================  ==================================================
part      inputs                         outputs
========  =============================  ==================================================
encoder   x (N, n_output)                mu, lv (N, n_latent)
decoder   z (N, n_latent)                y (N, n_output), probabilities
vae       x, and eps (N, n_latent)       mu, lv, and y of z = mu + exp(lv / 2) * eps
========  =============================  ==================================================

The noise is an input, so that the graphs draw nothing: eps from N(0, I) gives what the net gives,
zeros give the reconstruction of the mean.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import mxnet as mx
import numpy as np

from vae_gluon.files import replacing
from vae_gluon.model import VAE
from vae_gluon.parameters import read_parameters, writing_parameters
from vae_gluon.runtime import contexts_of

PARTS = ("encoder", "decoder", "vae")
BATCH = "N"  # the free dimension

# MXNet writes the operators of this version of ONNX, whatever version it then puts into the file.
OPSET = 13


class Exported(NamedTuple):
    """What was written: the files, and the shapes of the graph's inputs and outputs, by name."""

    files: list[Path]
    inputs: dict[str, tuple]
    outputs: dict[str, tuple]


class _Graph(NamedTuple):
    symbol: mx.sym.Symbol
    inputs: dict[str, int]  # width by name
    outputs: dict[str, int]
    parameters: dict[str, mx.nd.NDArray]  # on the CPU
    dtype: np.dtype


def export_onnx(net: VAE, path: str | os.PathLike, part: str = "vae") -> Exported:
    """Write a part of ``net`` as an ONNX file (opset 13), by MXNet's own converter.

    It needs the extra ``onnx``: onnx 1.16, the last that MXNet's converter fits.

    Parameters
    ----------
    net : VAE
        With parameters.
    path : path
        Of the file.
    part : {'vae', 'encoder', 'decoder'}
        Which graph, see the module.

    Raises
    ------
    ValueError
        If the net has no parameters, there is no such part, or the net has a layer that
        MXNet's converter does not know.
    ImportError
        If onnx is not installed, or another version of it.
    OSError
        If the file cannot be written.
    """
    path, graph = Path(path), _graph(net, part)
    onnx = _import_onnx()
    with replacing(path) as partial:
        _convert(graph, partial)
        model = onnx.load(str(partial))
        _tidy(onnx, model, graph)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(partial))
    return _exported([path], graph)


def export_symbol(net: VAE, path: str | os.PathLike, part: str = "vae") -> Exported:
    """Write a part of ``net`` as MXNet's pair of files: ``path-symbol.json``, ``path-0000.params``.

    ``gluon.SymbolBlock.imports(graph, inputs, parameters)`` reads them, without this package, for
    any batch size and context. It warns that it cannot decide a type, as of every graph.

    Parameters and errors are those of ``export_onnx``, but for ONNX's own.
    """
    graph = _graph(net, part)
    files = [Path(f"{os.fspath(path)}{end}") for end in ("-symbol.json", "-0000.params")]
    auxiliary = set(graph.symbol.list_auxiliary_states())
    arrays = {
        f"{'aux' if name in auxiliary else 'arg'}:{name}": array
        for name, array in graph.parameters.items()
    }
    with replacing(files[0]) as partial:
        partial.write_text(graph.symbol.tojson())
    with replacing(files[1]) as partial, writing_parameters():
        mx.nd.save(str(partial), arrays)
        read_parameters(partial)
    return _exported(files, graph)


def _graph(net, part):
    """Build the graph of a part."""
    contexts_of(net)  # or an error that says what is missing
    x, z, eps = (mx.sym.var(name) for name in ("x", "z", "eps"))
    latent, pixels = net.n_latent, net.n_output
    if part == "encoder":
        inputs, outputs = {"x": pixels}, _encoded(net, x)
    elif part == "decoder":
        inputs, outputs = {"z": latent}, {"y": net.decoder(z)}
    elif part == "vae":
        inputs, outputs = {"x": pixels, "eps": latent}, _encoded(net, x)
        outputs["y"] = net.decoder(net.sampler(*outputs.values(), eps))
    else:
        raise ValueError(f"expected a part of {', '.join(PARTS)}, got {part!r}")
    symbol = mx.sym.Group([mx.sym.identity(value, name=name) for name, value in outputs.items()])
    needed = set(symbol.list_inputs())
    parameters = {
        parameter.name: parameter.data(parameter.list_ctx()[0]).as_in_context(mx.cpu())
        for parameter in net.collect_params().values()
        if parameter.name in needed
    }
    dtype = np.dtype(next(iter(parameters.values())).dtype)
    widths = {name: pixels if name == "y" else latent for name in outputs}
    return _Graph(symbol, inputs, widths, parameters, dtype)


def _encoded(net, x):
    mu, lv = mx.sym.split(net.encoder(x), axis=1, num_outputs=2)
    return {"mu": mu, "lv": lv}


def _exported(files, graph):
    inputs, outputs = (
        {name: (BATCH, width) for name, width in widths.items()}
        for widths in (graph.inputs, graph.outputs)
    )
    return Exported(files, inputs, outputs)


# ONNX


def _import_onnx() -> ModuleType:
    found = "none"
    try:
        import onnx

        found = onnx.__version__
        import onnx.mapping  # gone from later versions, and MXNet's converter reads it
    except ImportError as error:
        raise ImportError(
            f"expected the package onnx 1.16, which MXNet's converter fits, found {found}: "
            "pip install 'onnx==1.16.*' brings it"
        ) from error
    return onnx


def _convert(graph, path):
    """Have MXNet write a graph."""
    from mxnet import onnx as mx2onnx

    widths = graph.inputs.values()
    with warnings.catch_warnings():
        # From within onnx, of what the converter calls.
        warnings.filterwarnings("ignore", ".*mapping.* is now deprecated", DeprecationWarning)
        try:
            mx2onnx.export_model(
                graph.symbol,
                graph.parameters,
                [(1, width) for width in widths],
                graph.dtype,
                str(path),
                dynamic=True,
                dynamic_input_shapes=[(BATCH, width) for width in widths],
            )
        except AttributeError as error:
            raise ValueError(f"MXNet cannot write this net as ONNX: {error}") from error


def _tidy(onnx, model, graph):
    """Say in the file what is in it: no more inputs, constants and versions than there are."""
    model.opset_import[0].version = OPSET
    model.ir_version = onnx.helper.find_min_ir_version_for(model.opset_import)
    model.producer_name = "vae_gluon"
    inputs = [value for value in model.graph.input if value.name in graph.inputs]
    used = {name for node in model.graph.node for name in node.input}
    constants = [value for value in model.graph.initializer if value.name in used]
    kind = onnx.helper.np_dtype_to_tensor_dtype(graph.dtype)
    outputs = [
        onnx.helper.make_tensor_value_info(name, kind, [BATCH, width])
        for name, width in graph.outputs.items()
    ]
    for field, values in (("input", inputs), ("initializer", constants), ("output", outputs)):
        model.graph.ClearField(field)
        getattr(model.graph, field).extend(values)
