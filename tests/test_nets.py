"""The nets that ``--arch`` names."""

import mxnet as mx
import pytest

from vae_gluon import encode
from vae_gluon.command.nets import ARCHITECTURES, make_net, net_name

CONFIG = {"n_hidden": 16, "n_latent": 3, "n_layers": 3}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_each_has_the_latent_space_of_its_config(arch, digits):
    net = make_net({**CONFIG, "arch": arch})
    net.initialize(mx.init.Xavier())
    mu, lv = encode(net, digits["test_data"])
    assert mu.shape == lv.shape == (200, 3)


def test_dense_layers_are_as_many_and_as_wide_as_the_config_says():
    net = make_net({**CONFIG, "arch": "mlp"})
    assert [layer.weight.shape for layer in net.encoder] == [(16, 784), (16, 16), (16, 16), (6, 16)]
    assert [layer.weight.shape for layer in net.decoder] == [(16, 3), (16, 16), (16, 16), (784, 16)]


def test_convolutions_have_a_hidden_layer_as_wide_as_the_config_says():
    net = make_net({**CONFIG, "arch": "conv"})
    assert net.encoder[-1].weight.shape == (6, 16)
    assert net.decoder[0].weight.shape == (16, 3)


def test_names_are_those_of_the_tutorials_files():
    tutorials = {"n_hidden": 400, "n_latent": 2, "n_layers": 2, "arch": "mlp"}
    assert net_name(tutorials) == "vae_gluon_2d2l400h"
    assert net_name({**tutorials, "arch": "conv"}) == "vae_gluon_2dconv400h"
