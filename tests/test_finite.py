"""What is not finite is refused: relu would make 0 of NaN, and a picture of it would be blank."""

import mxnet as mx
import numpy as np
import pytest

import vae_gluon
from vae_gluon import plotting

MESSAGE = "finite parameters, found nan in encoder.0.bias"


@pytest.fixture
def broken(net):
    """A net with a number that relu hides."""
    net.encoder[0].bias.data()[3] = np.nan
    assert np.isfinite(net(mx.nd.zeros((1, 784))).asscalar())
    return net


@pytest.mark.parametrize(
    "use",
    [
        vae_gluon.encode,
        vae_gluon.reconstruct,
        vae_gluon.elbo,
        vae_gluon.active_units,
        lambda net, x: vae_gluon.log_likelihood(net, x, k=2, progress=False),
        lambda net, x: vae_gluon.interpolate(net, x[0], x[1]),
        lambda net, x: vae_gluon.decode(net, np.zeros((1, 2))),
    ],
)
def test_a_net_that_is_not_finite_is_not_used(broken, digits, use):
    with pytest.raises(ValueError, match=MESSAGE):
        use(broken, digits["test_data"][:5])


def test_it_is_not_exported_or_saved(broken, tmp_path):
    with pytest.raises(ValueError, match=MESSAGE):
        vae_gluon.export_symbol(broken, tmp_path / "net")
    with pytest.raises(ValueError, match=MESSAGE):
        broken.save_parameters(tmp_path / "net.params")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_codes_that_are_not_finite_are_not_decoded(net, number):
    with pytest.raises(ValueError, match=f"latent codes of finite numbers, got {number}"):
        vae_gluon.decode(net, [[0.0, number]])


@pytest.mark.parametrize(
    "draw",
    [
        lambda bad: plotting.plot_samples([[bad] * 4]),
        lambda bad: plotting.plot_grid(np.full((4, 9), bad)),
        lambda bad: plotting.plot_reconstructions(np.zeros((1, 4)), np.full((1, 4), bad)),
        lambda bad: plotting.plot_interpolations(np.full((1, 2, 4), bad)),
        lambda bad: plotting.plot_scan(np.full((4, 4), bad), vae_gluon.ndtri_grid(2)),
    ],
)
@pytest.mark.parametrize("bad", [np.nan, 255, 1.01, -0.1])
def test_pictures_of_other_pixels_are_not_drawn(draw, bad):
    with pytest.raises(ValueError, match=r"images: expected pixels in \[0, 1\], got"):
        draw(bad)


@pytest.mark.parametrize("draw", [plotting.plot_latent, plotting.plot_latent_cdf])
def test_means_that_are_not_finite_are_not_drawn(draw):
    with pytest.raises(ValueError, match="of finite numbers, got nan among them"):
        draw([[0, np.nan]], [1])


def test_losses_that_are_not_finite_are_not_drawn():
    with pytest.raises(ValueError, match="losses of finite numbers, got inf among them"):
        plotting.plot_elbo([1, 2], [3, np.inf])


def test_terms_that_overflow_are_told(net, digits):
    net.encoder[1].bias.data()[2:] = 200  # the log variance: exp(200) is infinite
    with pytest.raises(FloatingPointError, match=r"is (inf|nan): the parameters are too large"):
        vae_gluon.elbo(net, digits["test_data"][:5])
