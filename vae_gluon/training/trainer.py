"""The Trainer of a run, with its optimizer and moments."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Union

import mxnet as mx
import numpy as np
from mxnet import gluon

from vae_gluon._checks import as_array
from vae_gluon.model import named_parameters
from vae_gluon.training.adam import Adam
from vae_gluon.training.history import TrainingState

Moments = dict[str, tuple[np.ndarray, np.ndarray]]
# A number, a scheduler, or a function of the step, counted from 0.
LearningRate = Union[float, mx.lr_scheduler.LRScheduler, Callable[[int], float]]


class _Schedule(mx.lr_scheduler.LRScheduler):
    """A function of the step as a scheduler, whose steps MXNet counts from 1."""

    def __init__(self, rate_at: Callable[[int], float]) -> None:
        super().__init__(rate_at(0))
        self.rate_at = rate_at

    def __call__(self, num_update: int) -> float:
        return self.rate_at(num_update - 1)


def make_trainer(
    net: mx.gluon.Block,
    optimizer: str | mx.optimizer.Optimizer | None,
    learning_rate: LearningRate,
    start: TrainingState | None,
) -> gluon.Trainer:
    """Return the Trainer of a run that begins, or resumes from ``start``."""
    rate: dict[str, Any] = {"learning_rate": learning_rate}
    if callable(learning_rate):
        if not isinstance(learning_rate, mx.lr_scheduler.LRScheduler):
            learning_rate = _Schedule(learning_rate)
        schedule = copy.deepcopy(learning_rate)  # calling a schedule changes it
        for step in range(1, start.updates + 1 if start else 1):
            schedule(step)  # its rates depend on earlier calls
        # Both, because Adam's default would replace the schedule's rate.
        rate = {"learning_rate": schedule.base_lr, "lr_scheduler": schedule}
    settings = None
    if optimizer is None:
        if start is not None:
            rate.update(begin_num_update=start.updates, moments=_moments(net, start))
        optimizer = Adam(**rate)
    elif start is not None:
        raise ValueError(f"expected no optimizer with start, which is of Adam, got {optimizer}")
    elif isinstance(optimizer, str):
        settings = rate
    else:
        optimizer = copy.deepcopy(optimizer)  # it counts its steps
    # Each device updates its weights by the same gradient, so that checkpoints find the moments
    # here, not in the store that adds up the devices' gradients.
    parameters = list(net.collect_params().values())
    return gluon.Trainer(parameters, optimizer, settings, "device", update_on_kvstore=False)


def _moments(net: mx.gluon.Block, start: TrainingState) -> dict[int, tuple[Any, Any]]:
    """Return the moments of ``start`` by their parameter's index in the Trainer."""
    names = _names(net)
    moments = {}
    for index, parameter in enumerate(net.collect_params().values()):
        if parameter.grad_req == "null":
            continue
        name = names[id(parameter)]
        shapes = [moment.shape for moment in start.moments.get(name, ())]
        if shapes != [parameter.shape] * 2:
            raise ValueError(
                f"expected start to have two moments of shape {parameter.shape} for {name}, "
                f"got {shapes or 'none'}"
            )
        moments[index] = start.moments[name]
    return moments


def copy_moments(net: mx.gluon.Block, trainer: gluon.Trainer) -> Moments:
    """Return Adam's two moments of each parameter, arrays of its shape, by its name."""
    adam, names = trainer.optimizer, _names(net)
    moments = adam.moments if isinstance(adam, Adam) else {}
    return {
        names[id(adam.param_dict[index])]: (as_array(mean), as_array(variance))
        for index, (mean, variance) in moments.items()
    }


def _names(net: mx.gluon.Block) -> dict[int, str]:
    """Return each parameter's name in the net's files, by the parameter's id."""
    return {id(parameter): name for name, parameter in named_parameters(net).items()}
