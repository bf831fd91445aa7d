"""What describes a run: one field an option, from which all else comes."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_gluon.training.run_config import (
    OPTIONS,
    RunConfig,
    integer,
    picture_size,
    positive,
)

PLAIN = RunConfig("mnist", 1)


def changed(**values):
    return dataclasses.replace(PLAIN, **values)


# Readers, of words and of JSON


@pytest.mark.parametrize("value", [2, 10, 3.0, True, None, [3], "", 10**400])
def test_integers_are_read_from_the_least_to_the_most(value):
    assert [integer(3, 9)(value) for value in ("3", 9)] == [3, 9]
    with pytest.raises(ValueError, match="expected an integer of at least 3 and at most 9, got "):
        integer(3, 9)(value)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, 10**400, True, None])
def test_numbers_above_zero_are_read(value):
    assert [positive(value) for value in (1e-300, 1, "2.5")] == [1e-300, 1, 2.5]
    with pytest.raises(ValueError, match="expected a number above 0, got "):
        positive(value)


@pytest.mark.parametrize("word", ["0", "1.1", "nan"])
def test_a_decay_is_above_zero_and_at_most_one(word):
    read = OPTIONS["lr_decay"].metadata["read"]
    assert [read(word) for word in ("0.5", 1)] == [0.5, 1]
    with pytest.raises(ValueError, match="expected a number above 0 and up to 1, got "):
        read(word)


@pytest.mark.parametrize(("word", "value"), [("48x32", (48, 32)), ("64", (64, 64)), (None, None)])
def test_a_size_is_a_height_and_a_width_or_both_in_one(word, value):
    assert picture_size(word and OPTIONS["size"].metadata["read"](word)) == value


def test_a_config_goes_through_json():
    config = changed(lr=0.5, shuffle=True, data_dir="/somewhere", n_workers=2)
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


PLAIN_JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = PLAIN_JSON | st.lists(PLAIN_JSON, max_size=2) | st.dictionaries(st.text(), PLAIN_JSON)


@settings(max_examples=100)
@given(content=st.dictionaries(st.sampled_from(list(PLAIN.to_dict())), JSON))
def test_any_json_is_a_config_or_a_value_error(content):
    try:
        config = RunConfig.from_dict(content)
    except ValueError:
        return
    assert config.dataset == str(content["dataset"])


# The default folder


def test_the_default_folder_of_the_tutorials_run_is_named_after_data_net_and_seed():
    assert PLAIN.default_folder == Path("runs/mnist_vae_gluon_2d2l400h_seed1")


@pytest.mark.parametrize("name", sorted(OPTIONS.keys() - {"n_layers"}))
def test_the_default_folder_tells_runs_apart_by_each_option_that_is_fixed(name):
    others = {"dataset": "digits", "arch": "conv", "lr": 0.01, "shuffle": True, "binarize": True}
    other = changed(**{name: others.get(name, 7)})
    assert (other.default_folder != PLAIN.default_folder) == (name in PLAIN.fixed())


def test_options_are_in_the_name_of_the_default_folder():
    config = changed(lr=0.0001, batch_size=50, shuffle=True)
    name = "mnist_vae_gluon_2d2l400h_seed1_batch_size50_lr0.0001_shuffle"
    assert config.default_folder == Path("runs", name)


# The net


def test_dense_layers_are_as_many_and_as_wide_as_the_config_says():
    net = changed(n_hidden=16, n_latent=3, n_layers=3).make_net()
    assert [layer.weight.shape for layer in net.encoder] == [(16, 784), (16, 16), (16, 16), (6, 16)]
    assert [layer.weight.shape for layer in net.decoder] == [(16, 3), (16, 16), (16, 16), (784, 16)]
    net = changed(arch="conv", n_hidden=16, n_latent=3).make_net()
    assert net.encoder[-1].weight.shape == (6, 16)
    assert net.decoder[0].weight.shape == (16, 3)
    assert net.n_latent == 3


def test_names_are_those_of_the_tutorials_files():
    assert PLAIN.net_name == "vae_gluon_2d2l400h"
    assert changed(arch="conv").net_name == "vae_gluon_2dconv400h"
