"""The parameters of a net: their names, numbers, devices and type."""

from __future__ import annotations

from collections.abc import Mapping

import mxnet as mx
import numpy as np

from vae_gluon.model.devices import default_context


def named_parameters(net: mx.gluon.Block) -> dict[str, mx.gluon.Parameter]:
    """Return the parameters of ``net`` by their names in files of ``save_parameters``.

    A parameter shared by several blocks appears once, under the first of its names.
    """
    parameters = all_names(net)
    first = {parameter: name for name, parameter in reversed(parameters.items())}
    return {name: parameter for name, parameter in parameters.items() if first[parameter] == name}


def all_names(net: mx.gluon.Block) -> dict[str, mx.gluon.Parameter]:
    """Return the parameters of ``net``, shared ones under each of their names."""
    # Private, but used by Gluon for these names: those of the public collect_params depend on
    # the number of nets created before.
    return net._collect_params_with_prefix()


def numbers_of(parameter: mx.gluon.Parameter) -> np.ndarray:
    """Return the numbers of a parameter, an array of its shape.

    MXNet's engine copies them in its queue. A pending convolution reorders its weights in another
    thread, and ``asnumpy`` of the parameter itself would read them meanwhile.
    """
    return parameter.data(parameter.list_ctx()[0]).copy().asnumpy()


def parameter_arrays(net: mx.gluon.Block) -> dict[str, np.ndarray]:
    """Return the numbers of the parameters of ``net``, arrays of their shapes, by name."""
    return {name: numbers_of(parameter) for name, parameter in named_parameters(net).items()}


def set_parameters(
    net: mx.gluon.Block, arrays: Mapping[str, np.ndarray], ctx: mx.Context | None = None
) -> None:
    """Set parameters of ``net`` to arrays of their shapes, by name.

    Uninitialized parameters are put on ``ctx``, by default ``default_context()``.
    """
    for name, parameter in all_names(net).items():
        if name not in arrays:  # shared, and there under another name
            continue
        try:
            parameter.list_ctx()
        except RuntimeError:
            parameter.shape = arrays[name].shape
            parameter.initialize(mx.init.Zero(), ctx=ctx or default_context())
        parameter.set_data(mx.nd.array(arrays[name], dtype=arrays[name].dtype))


def first_parameter(net: mx.gluon.Block) -> mx.gluon.Parameter:
    """Return a parameter of ``net``, for the contexts and type of all.

    Raise a ValueError if ``net`` has not been initialized.
    """
    parameters = list(all_names(net).values())
    try:
        for parameter in parameters:  # load_parameters(allow_missing=True) initializes only some
            parameter.list_ctx()
        return parameters[0]
    except (RuntimeError, IndexError) as error:
        raise ValueError(
            f"{type(net).__name__} has no parameters yet: call net.initialize() "
            "or net.load_parameters(...) first"
        ) from error


def contexts_of(net: mx.gluon.Block) -> list[mx.Context]:
    """Return all contexts that hold the parameters of ``net``."""
    return first_parameter(net).list_ctx()
