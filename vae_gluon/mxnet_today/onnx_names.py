"""Names that MXNet's converters use and that onnx no longer has."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

OPSET = 13  # of the operators that MXNet writes
_LOCK = threading.RLock()  # for the replaced names: threads convert one after the other


@contextmanager
def old_onnx(onnx: ModuleType) -> Iterator[None]:
    """Let MXNet's converters run within the block, with any version of ``onnx``.

    They read two dictionaries of ``onnx.mapping``, which ended with onnx 1.16. And they write
    operators of opset 13, so the file is marked and checked as such: by default onnx would use its
    newest opset.
    """
    with _LOCK:
        helper, checker = onnx.helper, onnx.checker
        opset = helper.make_opsetid("", OPSET)
        context = checker.C.CheckerContext()
        context.opset_imports = {"": OPSET}
        context.ir_version = helper.find_min_ir_version_for([opset])
        stand_ins: list[tuple[dict[str, Any], str, Any]] = [
            (vars(onnx), "mapping", _mapping(helper)),
            (sys.modules, "onnx.mapping", _mapping(helper)),
            (vars(checker), "check_graph", functools.partial(checker.check_graph, ctx=context)),
            (
                vars(helper),
                "make_model",
                functools.partial(
                    helper.make_model, opset_imports=[opset], ir_version=context.ir_version
                ),
            ),
        ]
        before = [names.get(name) for names, name, _ in stand_ins]
        for names, name, stand_in in stand_ins:
            names[name] = stand_in
        try:
            yield
        finally:
            for (names, name, _), original in zip(stand_ins, before):
                del names[name]
                if original is not None:
                    names[name] = original


def wrap_converters(mxnet: ModuleType) -> None:
    """Let MXNet's converters to and from ONNX find the old names when they are called."""
    mxnet.onnx.export_model = _with_old_onnx(mxnet.onnx.export_model)
    both = mxnet.contrib.onnx
    both.export_model_ = mxnet.onnx.export_model
    for name in ("import_model_", "get_model_metadata_", "import_to_gluon_"):
        setattr(both, name, _with_old_onnx(getattr(both, name)))


def _with_old_onnx(convert: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(convert)
    def converter(*args: Any, **kwargs: Any) -> Any:
        try:
            import onnx
        except ImportError:  # which MXNet reports
            return convert(*args, **kwargs)
        with old_onnx(onnx):
            return convert(*args, **kwargs)

    return converter


def _mapping(helper: ModuleType) -> SimpleNamespace:
    """Return the two dictionaries, for the types that MXNet has."""
    names = ("bool", "float16", "float32", "float64", "int8", "int32", "int64", "uint8")
    dtypes = {np.dtype(name): helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in names}
    return SimpleNamespace(
        NP_TYPE_TO_TENSOR_TYPE=dtypes,
        TENSOR_TYPE_TO_NP_TYPE={number: dtype for dtype, number in dtypes.items()},
    )
