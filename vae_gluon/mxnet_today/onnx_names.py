"""Names that MXNet's converter takes from onnx, and that onnx no longer has."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import numpy as np

_LOCK = threading.RLock()  # of what is replaced: threads convert one after the other


@contextmanager
def old_onnx(onnx: ModuleType) -> Iterator[None]:
    """Let MXNet's converter run within the block, with any version of ``onnx``.

    The converter reads two dictionaries of ``onnx.mapping``, which ended with onnx 1.16. And it
    checks the graph that it writes, with operators of opset 13, by the rules of the newest opset:
    within the block that check passes, so check the model afterwards.
    """
    with _LOCK:
        mapping, check_graph = vars(onnx).get("mapping"), onnx.checker.check_graph
        vars(onnx)["mapping"] = _mapping(onnx.helper)
        onnx.checker.check_graph = lambda graph: None
        try:
            yield
        finally:
            onnx.checker.check_graph = check_graph
            del vars(onnx)["mapping"]
            if mapping:
                vars(onnx)["mapping"] = mapping


def _mapping(helper: ModuleType) -> SimpleNamespace:
    """Return the two dictionaries, for the types that MXNet has."""
    names = ("bool", "float16", "float32", "float64", "int8", "int32", "int64", "uint8")
    dtypes = {np.dtype(name): helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in names}
    return SimpleNamespace(
        NP_TYPE_TO_TENSOR_TYPE=dtypes,
        TENSOR_TYPE_TO_NP_TYPE={number: dtype for dtype, number in dtypes.items()},
    )
