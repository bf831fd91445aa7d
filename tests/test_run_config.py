"""What describes a run: one field an option, from which all else comes."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_gluon.training.run_config import OPTIONS, RunConfig, integer, positive

PLAIN = RunConfig("mnist", 1)


def changed(**values):
    return dataclasses.replace(PLAIN, **values)


def reader(name):
    return OPTIONS[name].metadata["read"]


@pytest.mark.parametrize(
    ("read", "right", "wrong", "expected"),
    [
        (integer(3, 9), {"3": 3, 9: 9}, [2, 10, 3.0, True, None, "", 10**400], "3 and at most 9"),
        (positive, {1e-300: 1e-300, 1: 1, "2.5": 2.5}, [0, math.nan, math.inf, True], "above 0"),
        (reader("lr_decay"), {"0.5": 0.5, 1: 1}, ["0", "1.1", "nan", None], "above 0 and up to 1"),
        (reader("size"), {"48x32": "48x32", "64": "64x64"}, ["0x8", "48x", "100000"], "as 48x32"),
    ],
    ids=["integer", "positive", "decay", "size"],
)
def test_words_and_json_are_read_or_refused(read, right, wrong, expected):
    assert [read(value) for value in right] == list(right.values())
    for value in wrong:
        with pytest.raises(ValueError, match=f"^expected .*{expected}, got "):
            read(value)


def test_a_config_goes_through_json():
    config = changed(lr=0.5, shuffle=True, data_dir="/somewhere", n_workers=2)
    assert RunConfig.from_dict(json.loads(json.dumps(dataclasses.asdict(config)))) == config


PLAIN_JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = PLAIN_JSON | st.lists(PLAIN_JSON, max_size=2) | st.dictionaries(st.text(), PLAIN_JSON)


@settings(max_examples=100)
@given(content=st.dictionaries(st.sampled_from(list(dataclasses.asdict(PLAIN))), JSON))
def test_any_json_is_a_config_or_a_value_error(content):
    try:
        config = RunConfig.from_dict(content)
    except ValueError:
        return
    assert config.dataset == str(content["dataset"])


def test_the_default_folder_is_named_after_data_net_seed_and_the_options_given():
    assert PLAIN.default_folder == Path("runs/mnist_vae_gluon_2d2l400h_seed1")
    config = changed(arch="conv", lr=0.0001, batch_size=50, shuffle=True)
    name = "mnist_vae_gluon_2dconv400h_seed1_batch_size50_lr0.0001_shuffle"
    assert config.default_folder == Path("runs", name)


@pytest.mark.parametrize("name", sorted(OPTIONS.keys() - {"n_layers"}))
def test_the_default_folder_tells_runs_apart_by_each_option_that_is_fixed(name):
    others = {"dataset": "digits", "arch": "conv", "lr": 0.01, "shuffle": True, "binarize": True}
    other = changed(**{name: others.get(name, 7)})
    assert (other.default_folder != PLAIN.default_folder) == (name in PLAIN.fixed())


def test_layers_are_as_many_and_as_wide_as_the_config_says():
    net = changed(n_hidden=16, n_latent=3, n_layers=2).make_net()
    assert [layer.weight.shape for layer in net.encoder] == [(16, 784), (16, 16), (6, 16)]
    assert [layer.weight.shape for layer in net.decoder] == [(16, 3), (16, 16), (784, 16)]
    net = changed(arch="conv", n_hidden=16, n_latent=3).make_net()
    assert net.encoder[-1].weight.shape == (6, 16)
    assert net.decoder[0].weight.shape == (16, 3)
    assert net.n_latent == 3
