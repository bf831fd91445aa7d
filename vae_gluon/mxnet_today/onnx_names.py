"""Names that MXNet's converters use and that onnx no longer has."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType, SimpleNamespace

import numpy as np

from vae_gluon.mxnet_today.old_names import replaced

OPSET = 13  # of the operators that MXNet writes
_LOCK = threading.RLock()  # for the replaced names: threads convert one after the other


@contextmanager
def old_onnx() -> Iterator[None]:
    """Let one of MXNet's converters run, with any version of ``onnx``.

    They read two dictionaries of ``onnx.mapping``, which ended with onnx 1.16. And they write
    operators of opset 13, so the file is marked and checked as such: by default onnx would use its
    newest opset.
    """
    try:
        import onnx
    except ImportError:  # which MXNet reports
        yield
        return
    with _LOCK:
        helper, checker = onnx.helper, onnx.checker
        opset = helper.make_opsetid("", OPSET)
        context = checker.C.CheckerContext()
        context.opset_imports = {"": OPSET}
        context.ir_version = helper.find_min_ir_version_for([opset])
        mapping = _mapping(helper)
        attribute = replaced(vars(onnx), {"mapping": mapping})
        module = replaced(sys.modules, {"onnx.mapping": mapping})
        marks = {"opset_imports": [opset], "ir_version": context.ir_version}
        make = replaced(vars(helper), {"make_model": partial(helper.make_model, **marks)})
        check = replaced(vars(checker), {"check_graph": partial(checker.check_graph, ctx=context)})
        with attribute, module, make, check:
            yield


def wrap_converters(mxnet: ModuleType) -> None:
    """Let MXNet's converters to and from ONNX find the old names when they are called."""
    mxnet.onnx.export_model = old_onnx()(mxnet.onnx.export_model)
    both = mxnet.contrib.onnx
    both.export_model_ = mxnet.onnx.export_model
    for name in ("import_model_", "get_model_metadata_", "import_to_gluon_"):
        setattr(both, name, old_onnx()(getattr(both, name)))


def _mapping(helper: ModuleType) -> SimpleNamespace:
    """Return the two dictionaries, for the types that MXNet has."""
    names = ("bool", "float16", "float32", "float64", "int8", "int32", "int64", "uint8")
    dtypes = {np.dtype(name): helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in names}
    return SimpleNamespace(
        NP_TYPE_TO_TENSOR_TYPE=dtypes,
        TENSOR_TYPE_TO_NP_TYPE={number: dtype for dtype, number in dtypes.items()},
    )
