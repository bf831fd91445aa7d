"""The net of a run: what ``--arch`` names -> ``VAE``, and the name of its parameter file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vae_gluon.model import VAE, conv_decoder, conv_encoder


def _mlp(config):
    return VAE(config["n_hidden"], config["n_latent"], config["n_layers"])


def _conv(config):
    sizes = config["n_latent"], config["n_hidden"]
    return VAE(n_latent=sizes[0], encoder=conv_encoder(*sizes), decoder=conv_decoder(*sizes))


# Each architecture: its net, and its part in the name of the file.
ARCHITECTURES = {
    "mlp": (_mlp, "{n_latent}d{n_layers}l{n_hidden}h"),
    "conv": (_conv, "{n_latent}dconv{n_hidden}h"),
}


def make_net(config: Mapping[str, Any]) -> VAE:
    """Build the net that a run's config describes, without parameters yet."""
    build, _ = ARCHITECTURES[config["arch"]]
    return build(config)


def net_name(config: Mapping[str, Any]) -> str:
    """Name a net as the tutorial names its parameter file, without the ending."""
    _, name = ARCHITECTURES[config["arch"]]
    return "vae_gluon_" + name.format(**config)
