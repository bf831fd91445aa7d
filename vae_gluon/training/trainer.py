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
    done = start.updates if start else 0
    rate: dict[str, Any] = {"learning_rate": learning_rate}
    if callable(learning_rate):
        if not isinstance(learning_rate, mx.lr_scheduler.LRScheduler):
            learning_rate = _Schedule(learning_rate)
        schedule = copy.deepcopy(learning_rate)  # calling a schedule changes it
        for step in range(done):
            schedule(step + 1)  # its rates depend on earlier calls
        # Both, because Adam's default would replace the schedule's rate.
        rate = {"learning_rate": schedule.base_lr, "lr_scheduler": schedule}
    if optimizer is None:
        optimizer = Adam(**rate, begin_num_update=done)
    elif start:
        raise ValueError(f"expected no optimizer with start, which is of Adam, got {optimizer}")
    elif isinstance(optimizer, str):
        optimizer = mx.optimizer.create(optimizer, **rate)
    else:
        optimizer = copy.deepcopy(optimizer)  # it counts its steps
    # Each device updates its weights by the same gradient, so that checkpoints find the moments
    # here, not in the store that adds up the devices' gradients.
    parameters = list(net.collect_params().values())
    trainer = gluon.Trainer(parameters, optimizer, kvstore="device", update_on_kvstore=False)
    if start:
        _set_moments(net, trainer, start.moments)
    return trainer


def _set_moments(net: mx.gluon.Block, trainer: gluon.Trainer, moments: Moments) -> None:
    """Give Adam, on each device, the two moments of each parameter, arrays of its shape."""
    for name, parameter in named_parameters(net).items():
        if parameter.grad_req == "null":
            continue
        pair = moments.get(name, ())
        shapes = [moment.shape for moment in pair]
        if shapes != [parameter.shape] * 2:
            raise ValueError(
                f"expected start to have two moments of shape {parameter.shape} for {name}, "
                f"got {shapes or 'none'}"
            )
        index = trainer._param2idx[parameter.name]
        for updater, ctx in zip(trainer._updaters, parameter.list_ctx()):
            updater.states[index] = tuple(mx.nd.array(m, ctx, parameter.dtype) for m in pair)
            updater.states_synced[index] = True


def copy_moments(net: mx.gluon.Block, trainer: gluon.Trainer) -> Moments:
    """Return Adam's two moments of each parameter, arrays of its shape, by its name."""
    if not isinstance(trainer.optimizer, Adam):
        return {}
    names = {parameter.name: name for name, parameter in named_parameters(net).items()}
    states = trainer._updaters[0].states  # the same on every device
    return {
        names[trainer._params[index].name]: (as_array(mean), as_array(variance))
        for index, (mean, variance) in states.items()
    }
