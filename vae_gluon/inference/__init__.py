"""A trained net -> arrays: codes and images, likelihoods, exported graphs."""

from vae_gluon.inference.export import PARTS, Exported, export_onnx, export_symbol
from vae_gluon.inference.latent import (
    decode,
    encode,
    interpolate,
    ndtri_grid,
    principal_components,
    reconstruct,
    sample_prior,
    traversals,
)
from vae_gluon.inference.likelihood import ELBO, active_units, elbo, log_likelihood
