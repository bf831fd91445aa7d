"""Names that MXNet 1.9.1 uses and that NumPy, SciPy or Python no longer have.

Nothing is added to NumPy's namespace, by which other packages distinguish its versions: only
MXNet's modules get the old names that NumPy lacks. This stays after ``import mxnet``, because MXNet
reads some of the names (``bool``, ``int``, ``Inf``, ``compat``) only when it is called. The
replacement of ``distutils`` exists only during the import.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from types import FrameType, ModuleType, SimpleNamespace
from typing import Any, NoReturn

import numpy as np


def _renamed(function: Callable[..., Any]) -> Callable[..., Any]:
    # A separate function: MXNet has a table of NumPy's functions, with an entry for each name.
    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return renamed


def _financial(*args: Any, **kwargs: Any) -> NoReturn:
    raise NotImplementedError("NumPy 1.20 moved its financial functions to numpy_financial")


OLD_NAMES: dict[str, Any] = {
    # Python's types, until NumPy 1.23. NumPy 2 has its own bool, which stays.
    "bool": bool,
    "int": int,
    # Until 1.26.
    "Inf": np.inf,
    "PINF": np.inf,
    "NINF": -np.inf,
    "NaN": np.nan,
    "NAN": np.nan,
    "PZERO": 0.0,
    "NZERO": -0.0,
    "alltrue": _renamed(np.all),
    "sometrue": _renamed(np.any),
    "product": _renamed(np.prod),
    "round_": _renamed(np.round),
    "row_stack": _renamed(np.vstack),
    "msort": functools.partial(np.sort, axis=0),
    "compat": SimpleNamespace(basestring=str),
    # Until 2.3.
    "in1d": lambda ar1, ar2, **options: np.isin(np.ravel(ar1), ar2, **options),
    "trapz": _renamed(vars(np).get("trapezoid") or vars(np)["trapz"]),
    # Until 1.19. MXNet only looks them up.
    **dict.fromkeys(("mirr", "npv", "pmt", "ppmt", "pv", "rate"), _financial),
}


def answer_mxnet() -> None:
    """Let NumPy provide missing old names to MXNet's modules."""
    numpys_own = np.__getattr__

    def answer(name: str) -> Any:
        if name in OLD_NAMES and _is_mxnets(sys._getframe(1)):
            return OLD_NAMES[name]
        return numpys_own(name)

    vars(np)["__getattr__"] = answer  # which Python calls for missing names


def _is_mxnets(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__", "").partition(".")[0] == "mxnet"


def distutils() -> dict[str, ModuleType]:
    """Return the modules that mxnet imports from ``distutils`` if Python, from 3.12, has none."""
    if sys.version_info < (3, 12) or "distutils" in sys.modules:
        return {}
    version = ModuleType("distutils.version")
    vars(version).update(LooseVersion=_version, StrictVersion=_version)
    return {"distutils": ModuleType("distutils"), "distutils.version": version}


def _version(text: str) -> tuple[int, ...]:
    # Precise enough for MXNet, which compares NumPy's version with 1.6, 1.15 and 1.17.
    return tuple(map(int, text.split(".")[:2]))


def altered(module: ModuleType, **names: Any) -> ModuleType:
    """Return a copy of a module with some names replaced."""
    own = ModuleType(module.__name__)
    vars(own).update(vars(module), **names)
    return own


@contextmanager
def replaced(entries: MutableMapping[str, Any], values: Mapping[str, Any]) -> Iterator[None]:
    """Give entries of a mapping other values within the block; remove those that are None."""
    before = {name: entries.get(name) for name in values}
    _set(entries, values)
    try:
        yield
    finally:
        _set(entries, before)


def _set(entries: MutableMapping[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if value is None:
            entries.pop(name, None)
        else:
            entries[name] = value
