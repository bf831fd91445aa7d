"""Load a run of ``vae-gluon train`` from its folder."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from vae_gluon.model import VAE
from vae_gluon.training.checkpoint import read_checkpoint, restore
from vae_gluon.training.history import History, TrainingState
from vae_gluon.training.run_config import RunConfig

# The files a run is loaded from. The others are for people and other programs.
LAST, BEST = "checkpoint.npz", "best.npz"


class LoadedRun(NamedTuple):
    """A run that ``load_run`` has loaded.

    Attributes
    ----------
    net : VAE
        With the parameters of the run.
    config : dict
        The options, the size of the images and their path.
    history : History
        Losses and seconds of each epoch.
    """

    net: VAE
    config: dict[str, Any]
    history: History


def load_run(folder: str | os.PathLike[str], which: str = "last") -> LoadedRun:
    """Load a run of ``vae-gluon train``: finished, stopped, or still training.

    Parameters
    ----------
    folder : path
        The folder of the run.
    which : {'last', 'best'}
        The parameters of the last epoch, or of the best, which runs with ``--patience`` keep.

    Returns
    -------
    LoadedRun
        The net, on ``default_context()``, its config and its history.

    Raises
    ------
    FileNotFoundError
        If the folder holds no run, or the run keeps no best epoch.
    ValueError
        If the file is damaged, or no epoch is complete yet.
    """
    if which not in ("last", "best"):
        raise ValueError(f"expected which to be 'last' or 'best', got {which!r}")
    config, net, state = read_run(Path(folder), which)
    if state is None:
        raise ValueError(f"{folder}: expected a run with an epoch, got one whose first is not over")
    return LoadedRun(net, asdict(config), state.history)


def read_run(folder: Path, which: str = "last") -> tuple[RunConfig, VAE, TrainingState | None]:
    """Read a run's config, net and state, which is None before the first epoch ends."""
    path = folder / (LAST if which == "last" else BEST)
    try:
        arrays, history, content = read_checkpoint(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        hint = "" if which == "last" else ": a run keeps its best epoch with --patience"
        raise FileNotFoundError(f"{folder} holds no run with {path.name}{hint}") from error
    try:
        config = RunConfig.from_dict(content)
        net = config.make_net()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if not history.train:
        return config, net, None
    return config, net, restore(path, arrays, history, net)
