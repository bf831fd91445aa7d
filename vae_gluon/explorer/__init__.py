"""A trained net -> an interactive page of its latent space."""

from vae_gluon.explorer.page import Explorer, explore
