"""A trained net -> a page in which its latent plane can be touched."""

from vae_gluon.explorer.page import Explorer, explore
