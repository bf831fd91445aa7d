"""Batches -> history: the loop, an epoch, Adam, checkpoints."""

from vae_gluon.training.adam import Adam
from vae_gluon.training.checkpoint import checkpoint_content, load_checkpoint, save_checkpoint
from vae_gluon.training.epoch import evaluate, train_epoch
from vae_gluon.training.history import History, TrainingState, epochs_without_gain
from vae_gluon.training.interrupts import ending_by_signals
from vae_gluon.training.kl_weight import KLWeight, kl_warmup
from vae_gluon.training.loop import train
from vae_gluon.training.seeds import seed
