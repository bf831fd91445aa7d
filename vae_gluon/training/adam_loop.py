"""Adam's update as one loop over a parameter's elements, compiled by numba.

MXNet's operator ``adam_update`` computes one element at a time. The loop takes about a sixth of its
time, and its results are bit-identical: it computes in the same order and rounds after each step.
Without numba (the extra ``fast``) the operator is used.
"""

from __future__ import annotations

import ctypes
import functools
import platform
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import mxnet as mx
import numpy as np
from mxnet.base import _LIB, check_call

ARRAYS = ("weight", "grad", "mean", "variance")
SETTINGS = ("lr", "beta1", "beta2", "epsilon", "wd", "rescale_grad")


class Job(ctypes.Structure):
    """The inputs of one update, as the loop reads them from memory."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ARRAYS),
        ("size", ctypes.c_int64),
        *((name, ctypes.c_float) for name in SETTINGS),
    )


def _update(context: Any, job: Any) -> None:
    """Update each weight and its two moments: a C function that MXNet's engine calls."""
    weight, grad, mean, variance, size, lr, beta1, beta2, epsilon, wd, rescale_grad = job[0]
    one = np.float32(1)
    for i in range(size):
        g = rescale_grad * grad[i] + wd * weight[i]
        mean[i] = beta1 * mean[i] + (one - beta1) * g
        variance[i] = beta2 * variance[i] + ((one - beta2) * g) * g
        weight[i] -= lr * mean[i] / (np.sqrt(variance[i]) + epsilon)


def _compile() -> Any:
    """Compile the loop, in half a second; return it, or None if it is unavailable."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return None  # MXNet's operator for other processors was compiled to round less often
    try:
        from numba import cfunc, types
    except Exception:  # not installed, or not with this NumPy
        return None
    numbers = types.CPointer(types.float32)
    job = types.Tuple([numbers] * len(ARRAYS) + [types.int64] + [types.float32] * len(SETTINGS))
    signature = types.void(types.voidptr, types.CPointer(job))
    return cfunc(signature, error_model="numpy")(_update)


@functools.cache
def compilation() -> Future[Any]:
    """Start compiling the loop; meanwhile training uses MXNet's operator."""
    return ThreadPoolExecutor(max_workers=1).submit(_compile)


@functools.lru_cache(maxsize=64)
def as_operators_read(setting: float) -> float:
    """Return a setting as MXNet's operators read it, in single precision.

    They parse it from text, and round each part of a number (``ParseFloat`` in dmlc-core's
    strtonum.h): 0.00005, which Python writes as 5e-05, does not become the nearest number.
    """
    mantissa, _, exponent = repr(float(setting)).partition("e")
    whole, _, decimals = mantissa.partition(".")
    digits = decimals[:19]
    number = np.float32(int(whole)) + np.float32(int(digits or 0) / 10.0 ** len(digits))
    eights, ones = divmod(abs(int(exponent or 0)), 8)
    scale = np.float32(1)
    for factor in [1e8] * eights + [10] * ones:
        scale *= np.float32(factor)
    return float(number / scale if exponent.startswith("-") else number * scale)


CPU = (ctypes.c_int32 * 2)(mx.Context.devstr2type["cpu"], 0)  # as the engine reads a context
# Python's allocator, for memory that MXNet's engine frees once an update is computed.
_allocate = ctypes.pythonapi.PyMem_RawMalloc
_allocate.restype, _allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
_free = ctypes.cast(ctypes.pythonapi.PyMem_RawFree, ctypes.c_void_p)


class AdamLoop:
    """The compiled update of a weight, given with its gradient and moments, all of one shape.

    Calling it queues the update in MXNet's engine, which runs the loop, like an operator, once its
    inputs are computed.
    """

    def __init__(self, arrays: tuple[mx.nd.NDArray, ...]) -> None:
        weight, grad, mean, variance = self.arrays = arrays
        self._function = ctypes.c_void_p(compilation().result().address)
        self._job = Job(*map(_address, arrays), weight.size)
        self._handles = (*_handles(grad), *_handles(weight, mean, variance))  # read, and written

    def __call__(self, **settings: float) -> None:
        """Update with the settings of ``adam_update``, the last fields of a Job."""
        for name, value in settings.items():
            setattr(self._job, name, as_operators_read(value))
        job = _allocate(ctypes.sizeof(Job))
        ctypes.memmove(job, ctypes.byref(self._job), ctypes.sizeof(Job))
        call = self._function, ctypes.c_void_p(job), _free
        options = None, 0, b"adam_update"  # properties, priority, name
        check_call(_LIB.MXEnginePushSyncND(*call, ctypes.byref(CPU), *self._handles, *options))


def make_loop(arrays: tuple[mx.nd.NDArray, ...]) -> AdamLoop | None:
    """Return the compiled update for these arrays, or None."""
    weight, grad, *_ = arrays
    usable = (
        # First, the conditions that are checked each time without numba.
        weight.context.device_type == "cpu"
        and compilation().done()
        and compilation().result()
        # oneDNN may reorder the four-dimensional weights of convolutions.
        and len(weight.shape) <= 2
        and all(array.dtype == np.float32 and array.stype == "default" for array in (weight, grad))
    )
    return AdamLoop(arrays) if usable else None


def _address(array: mx.nd.NDArray) -> int | None:
    """Return the memory address of an array, of any shape."""
    address = ctypes.c_void_p()
    check_call(_LIB.MXNDArrayGetData(array.handle, ctypes.byref(address)))
    return address.value


def _handles(*arrays: mx.nd.NDArray) -> tuple[Any, int]:
    return (ctypes.c_void_p * len(arrays))(*(array.handle for array in arrays)), len(arrays)
