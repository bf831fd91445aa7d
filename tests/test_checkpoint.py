"""A checkpoint keeps everything that training goes on from, and nothing else gets in."""

import ast
import copy
import io
import pickle
import zipfile
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from after_epoch import AfterEpoch
from damage import at_most, damaged
from hypothesis import given, settings
from hypothesis import strategies as st
from mxnet import gluon

import vae_gluon
from vae_gluon import (
    VAE,
    Checkpoint,
    History,
    TrainingState,
    load_checkpoint,
    mnist_iterators,
    save_checkpoint,
)
from vae_gluon import train as fit

HISTORY = History([3.5, 2.5], [3.0, 2.25], [0.5, 0.25], [1.5, 1.0], [1.25, 0.75], [1.0, 0.5])


def train(digits, epochs, shuffle=False, path=None, save=None):
    """Train from the beginning, or from the checkpoint in ``path``."""
    vae_gluon.seed(2)
    iterators = mnist_iterators(digits, 128, shuffle)  # the last batch is short
    net, state = VAE(n_hidden=16), None
    net.hybridize()
    if path:
        state, _ = load_checkpoint(path, net)
    callbacks = [AfterEpoch(lambda training: save(net, training.state))] if save else []
    options = {"progress": False, "seed": 2, "start": state, "callbacks": callbacks}
    return net, fit(net, *iterators, epochs, 0.003, **options)  # not the default rate


def values(net):
    return {name: p.data().asnumpy() for name, p in net._collect_params_with_prefix().items()}


def assert_same(arrays, others):
    assert arrays.keys() == others.keys()
    for name in arrays:
        np.testing.assert_array_equal(arrays[name], others[name], err_msg=name)


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path, digits, shuffle):
    def save(net, state):
        save_checkpoint(tmp_path / f"{len(state.history.train)}.npz", net, state)

    net, history = train(digits, 3, shuffle, save=save)
    for done in (1, 2, 3):
        resumed, again = train(digits, 3, shuffle, path=tmp_path / f"{done}.npz")
        assert again[:2] == history[:2]
        assert again.seconds[:done] == history.seconds[:done]
        assert_same(values(resumed), values(net))


@pytest.fixture(scope="session")
def small_checkpoint(tmp_path_factory):
    """The bytes of a checkpoint of a net with few parameters."""
    path = tmp_path_factory.mktemp("checkpoint") / "small.npz"
    net = small_net()
    save_checkpoint(path, net, small_state(net), {"lr": 0.001})
    return path.read_bytes()


def small_net():
    net = VAE(n_hidden=2, n_latent=1, n_layers=1, n_output=5)
    net.initialize(mx.init.Uniform(1))
    return net


def small_state(net):
    moments = {name: (value + 1, value**2) for name, value in values(net).items()}
    return TrainingState(HISTORY, 12, moments)


def test_everything_comes_back_without_pickle_and_where_it_is_asked_for(tmp_path):
    net, other = small_net(), VAE(n_hidden=2, n_latent=1, n_output=5)
    state = small_state(net)
    state = state._replace(history=HISTORY._replace(train_kl=[], val_kl=[]))  # of any net
    save_checkpoint(tmp_path / "run.npz", net, state, {"lr": 0.1, "name": "größer"})
    with np.load(tmp_path / "run.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["history/val"], [3.0, 2.25])
    again, config = load_checkpoint(tmp_path / "run.npz", other, mx.cpu(1))
    assert {p.list_ctx()[0] for p in other.collect_params().values()} == {mx.cpu(1)}
    assert again[:2] == state[:2]
    assert config == {"lr": 0.1, "name": "größer"}
    assert_same(values(other), values(net))
    for name, moments in state.moments.items():
        for moment, expected in zip(again.moments[name], moments):
            np.testing.assert_array_equal(moment, expected)


def test_a_state_stays_as_it_is_when_training_goes_on(digits):
    states = []
    train(digits, 2, save=lambda net, state: states.append((state, copy.deepcopy(state))))
    assert [(len(state.history.train), state.updates) for state, _ in states] == [(1, 5), (2, 10)]
    for state, then in states:
        assert state.history == then.history
        assert_same(state.moments, then.moments)


@pytest.mark.parametrize("where", ["parameters", "moments"])
def test_what_is_not_finite_is_not_saved_and_the_old_file_stays(tmp_path, where):
    path, net = tmp_path / "run.npz", small_net()
    state = small_state(net)
    path.write_text("old")
    if where == "parameters":
        net.decoder[1].bias.data()[1] = np.nan
    else:
        state.moments["decoder.1.bias"][1][2] = np.inf
    with pytest.raises(FloatingPointError, match=r"decoder\.1\.bias: expected finite numbers, got"):
        save_checkpoint(path, net, state)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# What is refused: always with the file's name, and with the net as it was


def refuse(path, message):
    net = small_net()
    before = values(net)
    with pytest.raises(ValueError, match=message) as error:
        load_checkpoint(path, net)
    assert str(path) in str(error.value)
    assert_same(values(net), before)


def change(content, **changes):
    """Return a checkpoint with other arrays under some names; None takes one away."""
    arrays = dict(np.load(io.BytesIO(content)))
    arrays.update({name.replace("__", "/"): array for name, array in changes.items()})
    file = io.BytesIO()
    np.savez(file, **{name: array for name, array in arrays.items() if array is not None})
    return file.getvalue()


BIAS = "parameters__decoder.1.bias"
NUMBERS = np.zeros(5, "f4")
PREFIXES = ("parameters", "first_moments", "second_moments")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({BIAS: None}, r"missing arrays \['parameters/decoder.1.bias'\], unexpected arrays \[\]"),
        (
            {"first_moments__decoder.1.bias": None},
            r"missing arrays \['first_moments/decoder.1.bias'\]",
        ),
        ({"more": NUMBERS}, r"missing arrays \[\], unexpected arrays \['more'\]"),
        ({BIAS: NUMBERS[:4]}, r"decoder.1.bias: expected \(5,\) float32, got \(4,\) float32"),
        ({BIAS: NUMBERS + np.nan}, "decoder.1.bias: expected finite numbers, got nan"),
        (
            {"second_moments__decoder.1.bias": NUMBERS - 0.5},
            r"second_moments/decoder.1.bias: expected no number below 0",
        ),
        ({"updates": np.array([-1])}, "updates: expected no number below 0, got -1"),
        ({"format": np.array(2)}, "expected a checkpoint of format 1, got another file"),
        ({"format": None}, "expected a checkpoint of format 1, got another file"),
        ({"history__val": np.ones((2, 1))}, r"expected 2 numbers in history/val, "),
        ({"history__val_kl": np.array([1.0])}, "expected 2 numbers in history/val_kl"),
        ({"history__val": np.array([])}, "expected 2 numbers in history/val, "),
        ({"history__seconds": None}, "expected 2 numbers in history/seconds, .* got <U7"),
        ({"history__val": np.array([1.0, np.inf])}, "history/val: expected finite numbers"),
        ({"config": np.frombuffer(b"[" * 100000, "u1")}, "expected a config in JSON"),
        ({"config": np.frombuffer(b"[]", "u1")}, "expected a config in JSON, got: 'list'"),
    ],
)
def test_the_error_says_what_differs(tmp_path, small_checkpoint, changes, message):
    path = tmp_path / "run.npz"
    path.write_bytes(change(small_checkpoint, **changes))
    refuse(path, message)


def test_other_files_are_named_in_the_error(tmp_path):
    small_net().save_parameters(str(tmp_path / "run.params"))
    refuse(tmp_path / "run.params", "expected an .npz file of arrays, got: BadZipFile")
    with pytest.raises(FileNotFoundError, match="No such file or directory: 'nowhere'"):
        load_checkpoint("nowhere", small_net())


class Trap:
    def __reduce__(self):
        return Path.touch, (Path("sprung"),)


def test_nothing_in_it_is_run(tmp_path, monkeypatch, small_checkpoint):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "run.npz"
    for content in (change(small_checkpoint, **{BIAS: np.array([Trap()])}), pickle.dumps(Trap())):
        path.write_bytes(content)
        refuse(path, "expected an .npz file")
    assert not Path("sprung").exists()
    pickle.loads(path.read_bytes())  # the trap would have been heard
    assert Path("sprung").exists()


def test_nothing_in_the_package_reads_pickles():
    for path in Path(vae_gluon.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "id", getattr(node, "attr", None))
            assert name not in ("pickle", "load_states", "save_states"), path
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert ast.literal_eval(node.value) is False, path


def test_a_bomb_is_not_unpacked(tmp_path):
    """A directory may name the same bytes many times: a file of 1 MB would give 1 GB."""
    with zipfile.ZipFile(tmp_path / "run.npz", "w") as archive:
        archive.writestr("a.npy", bytes(10**6))
        archive.filelist *= 1000
    with at_most(megabytes=20):
        refuse(tmp_path / "run.npz", "arrays of 1000000000 bytes, more than")


@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_file_gives_the_right_arrays_or_its_reason(
    tmp_path_factory, small_checkpoint, data
):
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(data.draw(damaged(small_checkpoint)))
    net, right = small_net(), dict(np.load(io.BytesIO(small_checkpoint)))
    try:
        state, config = load_checkpoint(path, net)
    except ValueError:
        refuse(path, "expected")
        return
    for name, value in values(net).items():
        for prefix, array in zip(PREFIXES, (value, *state.moments[name])):
            np.testing.assert_array_equal(array, right[f"{prefix}/{name}"])
    assert (state.history, state.updates, config) == (HISTORY, 12, {"lr": 0.001})


def test_shared_parameters_and_statistics_of_batches_are_resumed(tmp_path, digits):
    """Shared ones have moments once, means and variances have none; all are kept."""

    def run(epochs, start=None, callbacks=()):
        encoder = gluon.nn.HybridSequential(prefix="shared")
        second = gluon.nn.Dense(8, in_units=8)
        encoder.add(gluon.nn.Dense(8, in_units=784), second)
        encoder.add(gluon.nn.Dense(8, in_units=8, params=second.params))
        encoder.add(gluon.nn.BatchNorm(in_channels=8), gluon.nn.Dense(4, in_units=8))
        net = VAE(n_hidden=8, encoder=encoder)
        state = load_checkpoint(start, net)[0] if start else None
        vae_gluon.seed(1)
        options = {"progress": False, "seed": 1, "start": state, "callbacks": callbacks}
        fit(net, *mnist_iterators(digits), epochs, **options)
        return values(net)

    run(1, callbacks=[Checkpoint(tmp_path / "c.npz")])
    assert_same(run(2, start=tmp_path / "c.npz"), run(2))
