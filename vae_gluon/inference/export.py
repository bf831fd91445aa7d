"""Export a trained net: as ONNX for other frameworks, as symbol files for plain MXNet.

Each part of the net is exported as a graph for any batch size:

========  =============================  ==================================================
part      inputs                         outputs
========  =============================  ==================================================
encoder   x (N, n_output)                mu, lv (N, n_latent)
decoder   z (N, n_latent)                y (N, n_output), probabilities
vae       x, and eps (N, n_latent)       mu, lv, and y of z = mu + exp(lv / 2) * eps
========  =============================  ==================================================

The noise is an input, so that a graph samples no random numbers: with eps from N(0, I) it samples
as the net does, with zeros it reconstructs from the mean. Parameters have their names from
``save_parameters``, arrays the type of the net.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import mxnet as mx
import numpy as np

from vae_gluon._files import replacing
from vae_gluon.model import VAE, first_parameter, named_parameters, parameter_bytes

PARTS = {"encoder": ["x"], "decoder": ["z"], "vae": ["x", "eps"]}  # the inputs of each
BATCH = "N"  # the name of the free dimension


class Exported(NamedTuple):
    """The result of an export.

    Attributes
    ----------
    files : list of Path
        The written files.
    inputs, outputs : dict
        The shapes of the graph's inputs and outputs by name; the free dimension is ``'N'``.
    """

    files: list[Path]
    inputs: dict[str, tuple[str, int]]
    outputs: dict[str, tuple[str, int]]


class _Graph(NamedTuple):
    symbol: mx.sym.Symbol
    inputs: dict[str, tuple[str, int]]  # shape by name
    outputs: dict[str, tuple[str, int]]
    parameters: dict[str, mx.nd.NDArray]  # on the CPU
    dtype: np.dtype


def export_onnx(net: VAE, path: str | os.PathLike[str], part: str = "vae") -> Exported:
    """Write a part of ``net`` as an ONNX file (opset 13), with MXNet's converter.

    This needs the package onnx: the extra ``onnx``.

    Parameters
    ----------
    net : VAE
        Initialized.
    path : path
        The file to write.
    part : {'vae', 'encoder', 'decoder'}
        encoder: x -> mu, lv; decoder: z -> y; vae: x, eps -> mu, lv, y.

    Raises
    ------
    ValueError
        If the net has a layer that MXNet's converter does not support, or for which it writes
        invalid ONNX.
    ImportError
        If onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError("ONNX export needs the package onnx: pip install onnx") from error
    from mxnet import onnx as mx2onnx

    path, graph = Path(path), _graph(net, part)
    shapes = list(graph.inputs.values())
    sizes = [(1, width) for _, width in shapes]
    dynamic: dict[str, Any] = {"dynamic": True, "dynamic_input_shapes": shapes}
    with replacing(path) as partial:
        try:
            mx2onnx.export_model(
                graph.symbol, graph.parameters, sizes, graph.dtype, str(partial), **dynamic
            )
            model = onnx.load(str(partial))
            _tidy(onnx, model, graph)
            onnx.checker.check_model(model, full_check=True)
        except OSError:
            raise
        except Exception as error:  # any error of MXNet's converter or onnx's checks
            message = " ".join(str(error).split())
            raise ValueError(f"MXNet cannot write this net as ONNX: {message}") from error
        onnx.save(model, str(partial))
    return Exported([path], graph.inputs, graph.outputs)


def export_symbol(net: VAE, path: str | os.PathLike[str], part: str = "vae") -> Exported:
    """Write a part of ``net`` as MXNet's files ``path-symbol.json`` and ``path-0000.params``.

    ``gluon.SymbolBlock.imports(symbol_file, inputs, params_file)`` reads them without this
    package, for any batch size and context. (It warns that it cannot decide on a type, as for every
    graph.)

    Parameters
    ----------
    net : VAE
        Initialized.
    path : path
        The beginning of both files' names. If one cannot be written, older files are kept.
    part : {'vae', 'encoder', 'decoder'}
        As in ``export_onnx``.
    """
    graph = _graph(net, part)
    files = [Path(f"{os.fspath(path)}{end}") for end in ("-symbol.json", "-0000.params")]
    auxiliary = set(graph.symbol.list_auxiliary_states())
    arrays = {
        f"{'aux' if name in auxiliary else 'arg'}:{name}": array.asnumpy()
        for name, array in graph.parameters.items()
    }
    with replacing(files[0]) as symbol_file, replacing(files[1]) as parameter_file:
        symbol_file.write_text(graph.symbol.tojson())
        parameter_file.write_bytes(parameter_bytes(arrays))
    return Exported(files, graph.inputs, graph.outputs)


def _graph(net: VAE, part: str) -> _Graph:
    """Build the graph of a part."""
    if part not in PARTS:
        raise ValueError(f"part: expected one of {', '.join(PARTS)}, got {part!r}")
    dtype = np.dtype(first_parameter(net).dtype)
    # Inputs are renamed last, because a user's parameter may have the name of one.
    x, z, eps = (mx.sym.var(f"input {name}") for name in ("x", "z", "eps"))
    inputs, outputs = PARTS[part], {}
    if part != "decoder":
        mu, lv = mx.sym.split(net.encoder(x), axis=1, num_outputs=2)  # both (N, n_latent)
        outputs = {"mu": mu, "lv": lv}
    if part == "vae":
        z = net.sampler(mu, lv, eps)
    if part != "encoder":
        outputs["y"] = net.decoder(z)  # (N, n_output)
    symbol = mx.sym.Group([mx.sym.identity(value, name=name) for name, value in outputs.items()])
    parameters = named_parameters(net)
    names = {parameter.name: name for name, parameter in parameters.items()}
    symbol = _renamed(symbol, {**names, **{f"input {name}": name for name in inputs}})
    arrays = {
        name: parameters[name].data(parameters[name].list_ctx()[0]).copyto(mx.cpu())
        for name in symbol.list_inputs()
        if name not in inputs
    }

    def shapes(names: Iterable[str]) -> dict[str, tuple[str, int]]:
        return {
            name: (BATCH, net.n_output if name in ("x", "y") else net.n_latent) for name in names
        }

    return _Graph(symbol, shapes(inputs), shapes(outputs), arrays, dtype)


def _renamed(symbol: mx.sym.Symbol, names: dict[str, str]) -> mx.sym.Symbol:
    """Return a graph with its variables renamed."""
    graph = json.loads(symbol.tojson())
    for node in graph["nodes"]:
        if node["op"] == "null":
            node["name"] = names[node["name"]]
    return mx.sym.load_json(json.dumps(graph))


def _tidy(onnx: ModuleType, model: Any, graph: _Graph) -> None:
    """Set the file's producer and outputs, drop unused inputs and constants."""
    model.producer_name = "vae_gluon"
    inputs = [value for value in model.graph.input if value.name in graph.inputs]
    used = {name for node in model.graph.node for name in node.input}
    constants = [value for value in model.graph.initializer if value.name in used]
    kind = onnx.helper.np_dtype_to_tensor_dtype(graph.dtype)
    outputs = [
        onnx.helper.make_tensor_value_info(name, kind, shape)
        for name, shape in graph.outputs.items()
    ]
    for field, values in (("input", inputs), ("initializer", constants), ("output", outputs)):
        model.graph.ClearField(field)
        getattr(model.graph, field).extend(values)
