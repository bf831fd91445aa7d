"""Behaviour that MXNet 1.9.1 had with the NumPy of its time.

It is restored in MXNet's modules after the import, for good:

- **Parameters as text.** Operators, symbols and iterators pass their parameters to C++ as text.
  NumPy 2 writes a scalar in a tuple or a list as ``np.int64(3)``; C++ reads ``3``.
- **Metrics** add in double precision. Since NumPy 2 a Python float plus a float32 is a float32.
- **NDArrays** passed to NumPy's functions become NumPy arrays, by ``__array__``.
- **Integers out of range** raise NumPy's OverflowError, which names the integer and the type.
- **recordio** packs labels and images without ``ndarray.tostring``, which NumPy 2.3 no longer has.
- **Converters** to and from ONNX find names that onnx no longer has: see ``onnx_names``.
- **Copies of a net** can be trained, for the first time: a copied parameter has a gradient, and a
  copy of a hybridized net builds its own graph.
"""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

import numpy as np
import scipy.sparse

from vae_gluon.mxnet_today.old_names import altered
from vae_gluon.mxnet_today.onnx_names import wrap_converters


def restore_behaviour(mxnet: ModuleType) -> None:
    """Give MXNet's modules and classes their old behaviour."""
    for module in (mxnet._ctypes.ndarray, mxnet._ctypes.symbol, mxnet.symbol.symbol, mxnet.io.io):
        vars(module)["str"] = Text  # shadows Python's str
    for module in (mxnet.ndarray.ndarray, mxnet.ndarray.sparse, mxnet.numpy.multiarray):
        vars(module)["TypeError"] = _overflow_or_type_error
    mxnet.metric.EvalMetric.__setattr__ = _keep_in_double
    mxnet.nd.NDArray.__array__ = _as_array
    mxnet.gluon.Parameter.__setstate__ = _with_gradient
    mxnet.gluon.HybridBlock.__getstate__ = _without_graph
    # With a csr.csr_matrix that does not warn.
    mxnet.ndarray.utils.spsp = mxnet.ndarray.sparse.spsp = altered(scipy.sparse, csr=scipy.sparse)
    restore_recordio(mxnet.recordio)
    wrap_converters(mxnet)


def restore_recordio(recordio: Any) -> None:
    """Let recordio pack arrays of NumPy and, if it is installed, OpenCV."""
    recordio.np = altered(np, asarray=lambda *args, **kw: np.asarray(*args, **kw).view(_Bytes))
    if recordio.cv2:
        recordio.cv2 = altered(recordio.cv2, imencode=functools.partial(_encode, recordio.cv2))


class _Strings(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, str)


class Text(metaclass=_Strings):
    """``str`` as before NumPy 2, for the parameters of MXNet's operators."""

    def __new__(cls, value: Any) -> str:  # type: ignore[misc]
        """Return the text of a value."""
        text = str(value)
        return _elements(value) if "np." in text and isinstance(value, (tuple, list)) else text


def _elements(value: Any) -> str:
    """Return the ``repr`` of a value as before NumPy 2, element by element."""
    if isinstance(value, np.generic):
        return repr(str(value)) if isinstance(value, str) else str(value)
    if type(value) is list:
        return f"[{', '.join(map(_elements, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(_elements, value))}{',' * (len(value) == 1)})"
    return repr(value)


def _keep_in_double(metric: Any, name: str, value: Any) -> None:
    # NumPy's float64 is also a float; added to a float32 it gives a float64.
    double = isinstance(value, (float, np.float32, np.float16))
    object.__setattr__(metric, name, np.float64(value) if double else value)


def _as_array(array: Any, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    if copy is False:
        raise ValueError("expected copy=None or True for an NDArray, which NumPy can only copy")
    return array.asnumpy() if dtype is None else array.asnumpy().astype(dtype, copy=False)


def _overflow_or_type_error(*args: Any) -> Exception:
    # MXNet turns any error of NumPy's into a TypeError. An OverflowError is more precise.
    error = sys.exc_info()[1]
    return error if isinstance(error, OverflowError) else TypeError(*args)


def _with_gradient(parameter: Any, state: dict[str, Any]) -> None:
    # MXNet's engine identifies a gradient by its array, so a copy needs a new one.
    vars(parameter).update(state)
    if parameter._grad is not None:
        parameter._init_grad()


def _without_graph(block: Any) -> dict[str, Any]:
    return {**vars(block), "_cached_graph": (), "_cached_op": None, "_cached_op_args": []}


def _encode(cv2: ModuleType, *args: Any) -> tuple[bool, np.ndarray]:
    done, array = cv2.imencode(*args)
    return done, array.view(_Bytes)


class _Bytes(np.ndarray):
    tostring = np.ndarray.tobytes
