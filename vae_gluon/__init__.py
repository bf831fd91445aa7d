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
callbacks         ``Checkpoint``, ``EarlyStopping``, ``CSVLogger``; ``LivePictures`` in a notebook,
                  ``Film``; ``Callback`` for your own, which gets the ``Training``
resuming          ``save_checkpoint``, ``load_checkpoint`` -> ``TrainingState``;
                  ``load_run`` -> ``LoadedRun``, from the command's folder
a trained net     ``encode``, ``decode``, ``reconstruct``, ``sample_prior``, ``ndtri_grid``,
                  ``interpolate``, ``traversals``, ``principal_components``: NumPy arrays
evaluation        ``elbo``, ``log_likelihood``, ``active_units``
export            ``export_onnx``, ``export_symbol`` -> ``Exported``
pictures          ``plotting``: from arrays to matplotlib's axes
interactive page  ``explore``: the latent plane, in a notebook or a file
================  =============================================================================

Images are (N, n_output) with pixels in [0, 1], losses negative ELBOs in nats per image. Import this
package before ``mxnet``, so that MXNet uses every core and, with NumPy 1.24 or newer, can be
imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# First: mxnet itself, with its fixes for current machines.
from vae_gluon import mxnet_today  # noqa: F401

# isort: split
# "As" marks a name as public for type checkers.
from vae_gluon.data import MNISTUnavailableError as MNISTUnavailableError
from vae_gluon.data import load_images as load_images
from vae_gluon.data import load_mnist as load_mnist
from vae_gluon.data import make_digits as make_digits
from vae_gluon.data import mnist_iterators as mnist_iterators
from vae_gluon.distributed import serve as _serve
from vae_gluon.inference import ELBO as ELBO
from vae_gluon.inference import Exported as Exported
from vae_gluon.inference import active_units as active_units
from vae_gluon.inference import decode as decode
from vae_gluon.inference import elbo as elbo
from vae_gluon.inference import encode as encode
from vae_gluon.inference import export_onnx as export_onnx
from vae_gluon.inference import export_symbol as export_symbol
from vae_gluon.inference import interpolate as interpolate
from vae_gluon.inference import log_likelihood as log_likelihood
from vae_gluon.inference import ndtri_grid as ndtri_grid
from vae_gluon.inference import principal_components as principal_components
from vae_gluon.inference import reconstruct as reconstruct
from vae_gluon.inference import sample_prior as sample_prior
from vae_gluon.inference import traversals as traversals
from vae_gluon.model import VAE as VAE
from vae_gluon.model import BernoulliNLL as BernoulliNLL
from vae_gluon.model import Decoder as Decoder
from vae_gluon.model import GaussianKL as GaussianKL
from vae_gluon.model import GaussianSampler as GaussianSampler
from vae_gluon.model import conv_decoder as conv_decoder
from vae_gluon.model import conv_encoder as conv_encoder
from vae_gluon.model import default_context as default_context
from vae_gluon.model import gpu_exists as gpu_exists
from vae_gluon.training import Callback as Callback
from vae_gluon.training import Checkpoint as Checkpoint
from vae_gluon.training import CSVLogger as CSVLogger
from vae_gluon.training import EarlyStopping as EarlyStopping
from vae_gluon.training import History as History
from vae_gluon.training import LoadedRun as LoadedRun
from vae_gluon.training import Training as Training
from vae_gluon.training import TrainingState as TrainingState
from vae_gluon.training import evaluate as evaluate
from vae_gluon.training import kl_warmup as kl_warmup
from vae_gluon.training import load_checkpoint as load_checkpoint
from vae_gluon.training import load_run as load_run
from vae_gluon.training import save_checkpoint as save_checkpoint
from vae_gluon.training import seed as seed
from vae_gluon.training import train as train

__version__ = "0.1.0"
_DRAWING = {"Film": "live", "LivePictures": "live", "explore": "explorer"}  # and their folders
__all__ = [  # for "from vae_gluon import *"
    name
    for name, value in globals().items()
    if getattr(value, "__module__", "").startswith("vae_gluon.") and not name.startswith("_")
] + [*_DRAWING]

if TYPE_CHECKING:
    from vae_gluon import plotting as plotting
    from vae_gluon.explorer import explore as explore
    from vae_gluon.live import Film as Film
    from vae_gluon.live import LivePictures as LivePictures
else:  # with __getattr__ a type checker would accept any name

    def __getattr__(name: str) -> Any:
        """Import what draws on first use: matplotlib loads slowly."""
        if name == "plotting":
            return importlib.import_module("vae_gluon.plotting")
        if name in _DRAWING:
            return getattr(importlib.import_module(f"vae_gluon.{_DRAWING[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), "plotting", *_DRAWING})


_serve()  # if DMLC_ROLE makes this process a server, it serves and exits
