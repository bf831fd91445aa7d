"""What a training says while it goes on."""

from __future__ import annotations

import mxnet as mx
import numpy as np

from vae_gluon._progress import tqdm
from vae_gluon.training.history import History

COLLAPSED = 0.005  # nats
# As tqdm's own, with tenths of an epoch.
BAR = "{l_bar}{bar}| {n:.1f}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


def share_of_an_epoch(train_iter: mx.io.DataIter) -> float:
    """Return by how much a batch advances the bar: nothing, if it is not known beforehand."""
    if isinstance(train_iter, mx.gluon.data.DataLoader):
        return 1 / max(1, len(train_iter))
    images, batch_size = getattr(train_iter, "num_data", 0), train_iter.batch_size
    return batch_size / images if images else 0


def report_epoch(bar: tqdm, epoch: int, epochs: int, history: History) -> None:
    """Put the losses at the bar; print a line as each tenth of the run begins, and at its end."""
    train_loss, val_loss = history.train[-1], history.val[-1]
    bar.set_postfix(train=f"{train_loss:.2f}", val=f"{val_loss:.2f}")
    begins_tenth = 10 * epoch // epochs > 10 * (epoch - 1) // epochs
    if begins_tenth or epoch == epochs - 1:
        bar.write(f"Epoch {epoch}, training loss {train_loss:.2f}, validation loss {val_loss:.2f}")


def report_stop(bar: tqdm, history: History, patience: int) -> None:
    """Print that the run ends before its last epoch."""
    best = int(np.argmin(history.val))
    bar.write(
        f"Stopping: the validation loss has not fallen below {history.val[best]:.2f}, of epoch "
        f"{best}, in the last {patience}; a larger patience goes on"
    )


def report_collapse(bar: tqdm, done: int, history: History) -> None:
    """Print, after the first epoch of which it is true, that no latent unit is active.

    A unit's KL divergence is at least half the variance of its mean over the images. So where all
    of it together is below half of what Burda et al. (arXiv:1509.00519) ask of an active unit's
    variance, 0.01, none is.
    """
    collapsed = [kl < COLLAPSED for kl in history.val_kl[done:]]
    if collapsed.count(True) == 1 and collapsed[-1]:
        bar.write(
            f"Epoch {len(history.val) - 1}: no latent unit is active, the KL divergence is "
            f"{history.val_kl[-1]:.4f}: a KL weight below 1, or one that is warmed up, may help"
        )


def report_time(bar: tqdm, done: int, history: History) -> None:
    """Print the time of all epochs."""
    before = ", earlier epochs included" if done else ""
    bar.write(f"Time elapsed: {sum(history.seconds):.2f}s{before}")
