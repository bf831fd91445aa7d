"""Batches -> history: the training loop, Adam, callbacks, checkpoints."""

from vae_gluon.training.callbacks import (
    Callback,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    Training,
)
from vae_gluon.training.checkpoint import load_checkpoint, save_checkpoint
from vae_gluon.training.epoch import evaluate, train_epoch
from vae_gluon.training.history import History, TrainingState, write_csv
from vae_gluon.training.interrupts import ending_by_signals
from vae_gluon.training.kl_weight import kl_warmup
from vae_gluon.training.loop import train
from vae_gluon.training.run import BEST, LAST, LoadedRun, load_run, read_run
from vae_gluon.training.run_config import OPTIONS, RunConfig, picture_size
from vae_gluon.training.seeds import seed
