"""What describes a run: one field an option, from which all else comes."""

import dataclasses
import json
import math
from pathlib import Path

import mxnet as mx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_gluon import encode
from vae_gluon.command.config import ARCHITECTURES, OPTIONS, POSITIVE, RunConfig, integer

PLAIN = RunConfig("mnist", 1)


def changed(**values):
    return dataclasses.replace(PLAIN, **values)


# Kinds


@pytest.mark.parametrize("value", [3, 9])
def test_integers_are_allowed_from_the_least_to_below_the_limit(value):
    assert integer(3, 10).allows(value)


@pytest.mark.parametrize("value", [2, 10, 3.0, True, "3", None, [3]])
def test_everything_else_is_no_such_integer(value):
    assert not integer(3, 10).allows(value)


@pytest.mark.parametrize("value", [1e-300, 1, 2.5])
def test_numbers_above_zero_are_allowed(value):
    assert POSITIVE.allows(value)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, 10**400, True, "1", None])
def test_everything_else_is_no_such_number(value):
    assert not POSITIVE.allows(value)


@pytest.mark.parametrize("name", sorted(OPTIONS.keys() - {"dataset"}))
def test_each_option_allows_its_default(name):
    assert OPTIONS[name].metadata["kind"].allows(OPTIONS[name].default)


# JSON


def test_json_goes_both_ways():
    config = changed(lr=0.5, shuffle=True, data_dir="/somewhere", n_workers=2)
    content = json.loads(json.dumps(config.to_json()))
    assert RunConfig.from_json(Path("config.json"), content) == config


def test_an_option_that_an_older_run_does_not_have_has_its_default():
    content = changed(shuffle=True).to_json()
    del content["shuffle"]
    assert RunConfig.from_json(Path("config.json"), content) == PLAIN


def test_an_option_of_a_newer_version_is_named():
    content = {**PLAIN.to_json(), "wings": 2}
    with pytest.raises(ValueError, match=r"config.json .* of this version: it has 'wings'"):
        RunConfig.from_json(Path("config.json"), content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@settings(max_examples=200)
@given(content=st.dictionaries(st.sampled_from(list(PLAIN.to_json())), JSON))
def test_any_json_raises_or_is_taken(content):
    given = {"dataset": "digits", "data_crc32": 5, **content}
    try:
        config = RunConfig.from_json(Path("config.json"), given)
    except ValueError:
        return
    assert all(getattr(config, name) == value for name, value in given.items())


# The default folder


def test_the_default_folder_of_the_tutorials_run_is_named_after_data_net_and_seed():
    assert PLAIN.default_folder() == Path("runs/mnist_vae_gluon_2d2l400h_seed1")


@pytest.mark.parametrize("name", sorted(OPTIONS.keys() - {"n_layers"}))
def test_the_default_folder_tells_runs_apart_by_each_option_that_is_fixed(name):
    others = {"dataset": "digits", "arch": "conv", "lr": 0.01, "shuffle": True, "binarize": True}
    other = changed(**{name: others.get(name, 7)})
    assert (other.default_folder() != PLAIN.default_folder()) == (name in PLAIN.fixed())


def test_options_are_in_the_name_of_the_default_folder():
    config = changed(lr=0.0001, batch_size=50, shuffle=True)
    name = "mnist_vae_gluon_2d2l400h_seed1_batch_size50_lr0.0001_shuffle"
    assert config.default_folder() == Path("runs", name)


# The net


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_each_net_has_the_latent_space_of_its_config(arch, digits):
    net = changed(arch=arch, n_latent=3, n_hidden=16).make_net()
    net.initialize(mx.init.Xavier())
    mu, lv = encode(net, digits["test_data"])
    assert mu.shape == lv.shape == (200, 3)


def test_dense_layers_are_as_many_and_as_wide_as_the_config_says():
    net = changed(n_hidden=16, n_latent=3, n_layers=3).make_net()
    assert [layer.weight.shape for layer in net.encoder] == [(16, 784), (16, 16), (16, 16), (6, 16)]
    assert [layer.weight.shape for layer in net.decoder] == [(16, 3), (16, 16), (16, 16), (784, 16)]


def test_convolutions_have_a_hidden_layer_as_wide_as_the_config_says():
    net = changed(arch="conv", n_hidden=16, n_latent=3).make_net()
    assert net.encoder[-1].weight.shape == (6, 16)
    assert net.decoder[0].weight.shape == (16, 3)


def test_names_are_those_of_the_tutorials_files():
    assert PLAIN.net_name == "vae_gluon_2d2l400h"
    assert changed(arch="conv").net_name == "vae_gluon_2dconv400h"
