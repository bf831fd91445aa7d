"""Plots of data and of trained nets: arrays in, matplotlib axes out.

No function here runs a net, writes a file or calls ``show``. Each draws on ``ax``, by default on
the axes of a new figure, and returns the axes. The current style sets colours, fonts and lines, but
not what a plot means.
"""

from vae_gluon.plotting.curves import plot_elbo, plot_elbo_terms, plot_rate_distortion
from vae_gluon.plotting.images import (
    plot_grid,
    plot_interpolations,
    plot_reconstructions,
    plot_samples,
    plot_scan,
    plot_traversals,
    tile,
)
from vae_gluon.plotting.latent import plot_components, plot_latent, plot_latent_cdf

__all__ = [
    "plot_components",
    "plot_elbo",
    "plot_elbo_terms",
    "plot_grid",
    "plot_interpolations",
    "plot_latent",
    "plot_latent_cdf",
    "plot_rate_distortion",
    "plot_reconstructions",
    "plot_samples",
    "plot_scan",
    "plot_traversals",
    "tile",
]
