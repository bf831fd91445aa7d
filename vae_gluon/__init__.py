"""The Gluon tutorial on variational autoencoders, as a package.

>>> from vae_gluon import VAE, make_digits, mnist_iterators, train
>>> train_iter, test_iter = mnist_iterators(make_digits(200, 100))  # or load_mnist()
>>> net = VAE(n_hidden=400, n_latent=2, n_layers=2)
>>> net.hybridize()
>>> history = train(net, train_iter, test_iter, epochs=2, progress=False)
>>> len(history.train), len(history.val)
(2, 2)

================  =============================================================================
data              ``load_mnist``, ``load_images``, ``make_digits``, ``mnist_iterators``
model             ``VAE`` with ``Decoder``, ``GaussianSampler``, ``GaussianKL``, ``BernoulliNLL``;
                  ``conv_encoder`` and ``conv_decoder`` for its ``encoder`` and ``decoder``
training          ``train`` -> ``History``; ``kl_warmup``; ``evaluate``; ``seed``,
                  ``gpu_exists``, ``default_context``
callbacks         ``Checkpoint``, ``EarlyStopping``, ``CSVLogger``; ``Callback`` for your own,
                  which is handed the ``Training``
resuming          ``save_checkpoint``, ``load_checkpoint`` -> ``TrainingState``;
                  ``load_run`` -> ``LoadedRun``, of the command's folder
a trained net     ``encode``, ``decode``, ``reconstruct``, ``sample_prior``, ``ndtri_grid``,
                  ``interpolate``, ``principal_components``: NumPy arrays in and out
how good it is    ``elbo``, ``log_likelihood``, ``active_units``
elsewhere         ``export_onnx``, ``export_symbol`` -> ``Exported``
pictures          ``plotting``: from arrays to matplotlib's axes
interactive page  ``explore``: the latent plane, in a notebook or a file
================  =============================================================================

Images are (N, n_output) with pixels in [0, 1], losses negative ELBOs in nats per image. Import this
package before ``mxnet``, so that MXNet computes on every core (and, with NumPy 1.24 or newer, so
that it can be imported).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# Before the others: mxnet itself, with what it needs on today's machines.
from vae_gluon import mxnet_today  # noqa: F401

# isort: split
from vae_gluon.data import (
    MNISTUnavailableError,
    load_images,
    load_mnist,
    make_digits,
    mnist_iterators,
)
from vae_gluon.distributed import serve
from vae_gluon.inference import (
    ELBO,
    Exported,
    active_units,
    decode,
    elbo,
    encode,
    export_onnx,
    export_symbol,
    interpolate,
    log_likelihood,
    ndtri_grid,
    principal_components,
    reconstruct,
    sample_prior,
)
from vae_gluon.model import (
    VAE,
    BernoulliNLL,
    Decoder,
    GaussianKL,
    GaussianSampler,
    conv_decoder,
    conv_encoder,
    default_context,
    gpu_exists,
)
from vae_gluon.training import (
    Callback,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    History,
    LoadedRun,
    Training,
    TrainingState,
    evaluate,
    kl_warmup,
    load_checkpoint,
    load_run,
    save_checkpoint,
    seed,
    train,
)

__version__ = "0.1.0"

__all__ = [
    "ELBO",
    "VAE",
    "BernoulliNLL",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "Decoder",
    "EarlyStopping",
    "Exported",
    "GaussianKL",
    "GaussianSampler",
    "History",
    "LoadedRun",
    "MNISTUnavailableError",
    "Training",
    "TrainingState",
    "active_units",
    "conv_decoder",
    "conv_encoder",
    "decode",
    "default_context",
    "elbo",
    "encode",
    "evaluate",
    "explore",
    "export_onnx",
    "export_symbol",
    "gpu_exists",
    "interpolate",
    "kl_warmup",
    "load_checkpoint",
    "load_images",
    "load_mnist",
    "load_run",
    "log_likelihood",
    "make_digits",
    "mnist_iterators",
    "ndtri_grid",
    "principal_components",
    "reconstruct",
    "sample_prior",
    "save_checkpoint",
    "seed",
    "train",
]


if TYPE_CHECKING:
    from vae_gluon import plotting  # noqa: F401
    from vae_gluon.explorer import explore
else:  # a type checker would take any name for one that __getattr__ knows

    def __getattr__(name: str) -> Any:
        """Import ``plotting`` and ``explore`` when first used: matplotlib takes its time."""
        if name == "plotting":
            return importlib.import_module("vae_gluon.plotting")
        if name == "explore":
            return importlib.import_module("vae_gluon.explorer").explore
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), "plotting"})


serve()  # where DMLC_ROLE makes this process a server, it is one from here on
