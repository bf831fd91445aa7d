"""Callbacks: what training runs between optimizer steps.

A callback has four methods, which take the ``Training``. Your own class overrides some of them:

>>> class Log(Callback):
...     def after_epoch(self, training):
...         print(training.history.val[-1])

Callbacks run in the order given to ``train``, ``Progress`` last. An exception in one stops training
with its own traceback, after ``after_training`` of all callbacks that have started.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np

from vae_gluon._checks import check_integer
from vae_gluon._progress import make_bar, write
from vae_gluon.model import parameter_arrays
from vae_gluon.mxnet_today import late_import
from vae_gluon.training.checkpoint import check_all_finite, write_checkpoint
from vae_gluon.training.history import History, TrainingState, write_csv
from vae_gluon.training.trainer import Moments, copy_moments

COLLAPSED = 0.005  # nats
# tqdm's format, with tenths of an epoch.
BAR = "{l_bar}{bar}| {n:.1f}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


@dataclass(eq=False, repr=False)
class Training:
    """The state of a training run, as callbacks see it.

    Attributes
    ----------
    net : Block
        The net in training.
    trainer : Trainer
        Takes the steps; ``trainer.optimizer`` is the optimizer.
    history : History
        The epochs so far.
    epochs : int
        The number of epochs to train.
    share : float
        The fraction of an epoch in each batch, 0 if unknown.
    parameters : dict
        The parameters after the last epoch, arrays of their shapes by name. The next epoch does not
        change them, nor the arrays in ``state``.
    stop_reason : str or None
        Why training stops before its last epoch.
    reduce : callable
        Turns an array of sums over this process's images into sums over those of all.
    """

    net: mx.gluon.Block
    trainer: mx.gluon.Trainer
    history: History
    epochs: int
    share: float = 0.0
    parameters: dict[str, np.ndarray] = field(init=False, default_factory=dict)
    stop_reason: str | None = field(init=False, default=None)
    reduce: Callable[[np.ndarray], np.ndarray] = field(
        init=False, default_factory=lambda: lambda sums: sums
    )
    _moments: Moments = field(init=False, default_factory=dict)

    @property
    def epoch(self) -> int:
        """The number of completed epochs."""
        return len(self.history.train)

    @property
    def state(self) -> TrainingState:
        """The state to resume training from, after an epoch."""
        updates = self.trainer.optimizer.num_update
        return TrainingState(self.history.copy(), updates, self._moments)

    def stop(self, reason: str) -> None:
        """Stop training after this epoch; ``reason`` is printed."""
        self.stop_reason = reason

    def snapshot(self) -> None:
        """Copy the parameters and moments from the device, for checkpoints of the epoch.

        Raises
        ------
        FloatingPointError
            If a value is non-finite. Losses may not show it: MXNet's relu turns NaN into 0, and
            weights whose second moment is infinite no longer change.
        """
        self.parameters = parameter_arrays(self.net)
        self._moments = copy_moments(self.net, self.trainer)
        check_all_finite(self.parameters, self._moments, f" after epoch {self.epoch}")


class Callback:
    """The base class, which does nothing."""

    def before_training(self, training: Training) -> None:
        """Run before the first epoch."""

    def after_batch(self, training: Training) -> None:
        """Run after each batch of training or validation, which may not be computed yet."""

    def after_epoch(self, training: Training) -> None:
        """Run after each epoch, when ``training.history`` has its losses."""

    def after_training(self, training: Training, error: BaseException | None) -> None:
        """Run at the end; ``error`` is the exception that stopped training, or None."""


@contextmanager
def running(training: Training, callbacks: Sequence[Callback]) -> Iterator[None]:
    """Run ``before_training`` of all callbacks, the block, and always ``after_training``.

    An error in one ``after_training`` does not keep the others from running.
    """
    begun: list[Callback] = []
    error = None
    try:
        for callback in callbacks:
            begun.append(callback)
            callback.before_training(training)
        yield
    except BaseException as raised:
        error = raised
        raise
    finally:
        with ExitStack() as stack:  # which calls the last one first
            for callback in reversed(begun):
                stack.callback(callback.after_training, training, error)


class Checkpoint(Callback):
    """Save the last epoch to a file, for ``load_checkpoint``, and the best one to another.

    The last epoch is saved however training ends, unless the process is killed.

    Parameters
    ----------
    path : path
        The file, replaced atomically.
    every : int, default 1
        Epochs between writes.
    best : path, optional
        A file for the parameters of the epoch with the lowest validation loss, without moments.
    config : mapping, optional
        As for ``save_checkpoint``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 1,
        best: str | os.PathLike[str] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        check_integer("every", every)
        self.path = Path(path)
        self.every = every
        self.best = None if best is None else Path(best)
        self.config = config
        self._unwritten: tuple[dict[str, np.ndarray], TrainingState] | None = None

    def after_epoch(self, training: Training) -> None:
        """Write the epoch if it is due, else keep it in memory."""
        parameters, state = self._unwritten = training.parameters, training.state
        if self.best and training.history.best_epoch == training.epoch - 1:
            self.write(self.best, parameters, state._replace(moments={}))
        if training.epoch % self.every == 0:
            self._write_last()

    def after_training(self, training: Training, error: BaseException | None) -> None:
        """Write the last epoch if it is still unwritten."""
        self._write_last()

    def _write_last(self) -> None:
        unwritten, self._unwritten = self._unwritten, None
        if unwritten:
            self.write(self.path, *unwritten)

    def write(self, path: Path, parameters: Mapping[str, np.ndarray], state: TrainingState) -> None:
        """Write the last epoch or the best to its file."""
        write_checkpoint(path, parameters, state, self.config)


class EarlyStopping(Callback):
    """Stop when the validation loss has not fallen for ``patience`` epochs.

    Epochs of ``start`` count, so that a resumed run stops where an uninterrupted one would.
    """

    def __init__(self, patience: int) -> None:
        check_integer("patience", patience)
        self.patience = patience

    def before_training(self, training: Training) -> None:
        """Stop at once if the resumed run had stopped early."""
        if training.epoch:
            self.after_epoch(training)

    def after_epoch(self, training: Training) -> None:
        """Count the epochs since the best one."""
        losses, best = training.history.val, training.history.best_epoch
        if len(losses) - 1 - best >= self.patience:
            training.stop(
                f"the validation loss has not fallen below {losses[best]:.2f}, of epoch {best}, "
                f"in the last {self.patience} epochs; a larger patience continues"
            )


class CSVLogger(Callback):
    """Write the history to a CSV file after each epoch: a column for each field of ``History``.

    The file at ``path`` is replaced atomically.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def after_epoch(self, training: Training) -> None:
        """Write the epochs so far, including those of ``start``."""
        write_csv(self.path, training.history)


class Progress(Callback):
    """Show a bar, in a notebook or a terminal, and print a line for each tenth of the run.

    ``train`` adds it unless ``progress`` is False.
    """

    def before_training(self, training: Training) -> None:
        """Show the bar; say so if MXNet uses too few cores."""
        if late_import:
            print(f"Note: {late_import}")
        self.done = training.epoch
        self.bar = make_bar(total=training.epochs, initial=self.done, desc="epochs", bar_format=BAR)

    def after_batch(self, training: Training) -> None:
        """Advance the bar; only the end of the epoch completes it."""
        self.bar.update(min(training.share, max(0, training.epoch + 0.99 - self.bar.n)))

    def after_epoch(self, training: Training) -> None:
        """Show the losses next to the bar; print them for each tenth of the run and at the end."""
        history, epoch, epochs = training.history, training.epoch - 1, training.epochs
        train, val = history.train[-1], history.val[-1]
        self.bar.update(training.epoch - self.bar.n)
        self.bar.set_postfix(train=f"{train:.2f}", val=f"{val:.2f}")
        begins_tenth = 10 * epoch // epochs > 10 * (epoch - 1) // epochs
        if begins_tenth or epoch == epochs - 1:
            write(f"Epoch {epoch}, training loss {train:.2f}, validation loss {val:.2f}")

    def after_training(self, training: Training, error: BaseException | None) -> None:
        """Close the bar; print why training stopped early, and the time of all epochs."""
        if error is None:
            if training.stop_reason and training.epoch < training.epochs:
                write(f"Stopping: {training.stop_reason}")
            before = ", earlier epochs included" if self.done else ""
            write(f"Time elapsed: {sum(training.history.seconds):.2f}s{before}")
        self.bar.close()


class CollapseReport(Callback):
    """Report the first epoch after which no latent unit is active.

    A unit's KL divergence is at least half the variance of its mean over the images. So if the sum
    over units is below half of 0.01, the least variance of an active unit (Burda et al.,
    arXiv:1509.00519), none is active. ``train`` adds it unless ``progress`` is False.
    """

    def after_epoch(self, training: Training) -> None:
        """Check the KL divergence of the validation images."""
        kl = training.history.val_kl
        if kl and kl[-1] < COLLAPSED <= min(kl[:-1], default=COLLAPSED):
            write(
                f"Epoch {training.epoch - 1}: no latent unit is active, the KL divergence is "
                f"{kl[-1]:.4f}: a KL weight below 1 or a KL warm-up may help"
            )
