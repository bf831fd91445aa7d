"""What each of several workers takes of the data, and how it notices that the others have gone."""

import threading
import time
from types import SimpleNamespace
from unittest.mock import Mock, call

import mxnet as mx
import numpy as np
import pytest

from vae_gluon import VAE, Checkpoint, load_checkpoint, mnist_iterators, seed, train
from vae_gluon.distributed import Workers, workers
from vae_gluon.distributed.workers import Watchdog, check_agreement, shard


def numbered(n_train, n_test):
    """A data set whose images tell their numbers."""
    arrays = {"train": n_train, "test": n_test}
    return {
        f"{part}_{kind}": np.arange(n) for part, n in arrays.items() for kind in ("data", "label")
    }


@pytest.mark.parametrize(
    ("n", "n_workers", "batch_size"), [(1200, 2, 100), (1000, 3, 32), (7, 2, 9)]
)
def test_workers_together_take_the_batches_of_one(n, n_workers, batch_size):
    mnist = numbered(n, 10)
    parts = [shard(mnist, rank, n_workers, batch_size)["train_data"] for rank in range(n_workers)]
    assert len({len(part) for part in parts}) == 1
    left_out = n % n_workers
    for step in range(-(-len(parts[0]) // batch_size)):
        together = [p for part in parts for p in part[step * batch_size :][:batch_size]]
        whole = np.arange(n - left_out)[step * n_workers * batch_size :][: n_workers * batch_size]
        assert together == list(whole)


def test_each_test_image_is_in_one_part():
    parts = [shard(numbered(100, 11), rank, 3) for rank in range(3)]
    assert sorted(np.concatenate([part["test_data"] for part in parts])) == list(range(11))
    assert all((part["test_data"] == part["test_label"]).all() for part in parts)
    assert all((part["train_data"] == part["train_label"]).all() for part in parts)


@pytest.mark.parametrize(
    ("rank", "n_workers", "message"),
    [
        (2, 2, "a rank below 2 workers and at least as many images, got rank 2, 100 and 11 images"),
        (0, 12, "a rank below 12 workers and at least as many images, got rank 0, 100 and 11"),
        (-1, 2, "rank to be an integer of at least 0, got -1"),
        (0, 0, "n_workers to be an integer of at least 1, got 0"),
    ],
)
def test_parts_that_cannot_be_are_refused(rank, n_workers, message):
    with pytest.raises(ValueError, match=message):
        shard(numbered(100, 11), rank, n_workers)


def test_weights_are_there_before_the_first_gradients_and_shared_once(monkeypatch):
    seen = Mock()
    monkeypatch.setattr(workers.mx.nd, "waitall", seen.wait)
    trainer = Mock(_kv_initialized=False, _params_to_init=["weight"])
    trainer._init_kvstore = seen.connect
    trainer._init_params = lambda: seen.share(trainer._params_to_init.pop())
    workers.share_weights(trainer)
    trainer._kv_initialized = True
    workers.share_weights(trainer)
    assert seen.mock_calls == [call.connect(), call.share("weight"), call.wait()]


def test_a_step_is_on_the_mean_over_the_batches_of_all_workers(net, digits, monkeypatch):
    """Three workers with the same gradients take the step of one."""

    def run(store):
        seed(1)
        net = VAE(n_hidden=16)
        callbacks = [Workers(store)] if store else []
        # Plain gradient descent: Adam hardly knows the scale of the gradients.
        options = {"optimizer": "sgd", "progress": False, "callbacks": callbacks}
        history = train(net, *mnist_iterators(digits), 1, 0.001, **options)
        return history, [p.data().asnumpy() for p in net.collect_params().values()]

    store = mx.kv.create("local")
    monkeypatch.setattr(type(store), "num_workers", 3)
    pushpull = type(store).pushpull

    def three_times(self, key, value, out=None, priority=0):
        pushpull(self, key, value, out, priority)
        result = value if out is None else out
        for array in result if isinstance(result, list) else [result]:
            array *= 3

    monkeypatch.setattr(type(store), "pushpull", three_times)
    (history, weights), (alone, expected) = run(store), run(None)
    assert history.train == pytest.approx(alone.train, rel=1e-5)
    for ours, theirs in zip(weights, expected):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def test_a_worker_resumes_with_the_moments_of_adam(digits, tmp_path):
    def run(epochs, checkpoint=None):
        net = VAE(n_hidden=16)
        start = load_checkpoint(checkpoint, net)[0] if checkpoint else None
        callbacks = [Workers(mx.kv.create("local")), Checkpoint(tmp_path / f"{epochs}.npz")]
        options = {"seed": 1, "start": start, "progress": False, "callbacks": callbacks}
        return train(net, *mnist_iterators(digits), epochs, **options).val

    run(1)
    assert run(2, tmp_path / "1.npz") == run(2)


def test_workers_with_the_same_config_agree_and_others_do_not(monkeypatch):
    halves = []
    monkeypatch.setattr(workers, "total", lambda _, ours: halves.append(ours) or ours + halves[0])
    kvstore = SimpleNamespace(rank=0, num_workers=2)
    check_agreement(kvstore, {"lr": 0.1, "seed": 1})
    check_agreement(kvstore, {"seed": 1, "lr": 0.1})
    with pytest.raises(ValueError, match="worker 0 differs in options, images, checkp"):
        check_agreement(kvstore, {"seed": 2, "lr": 0.1})


def test_beats_that_come_in_time_keep_a_process_alive(monkeypatch):
    ended, now = [], 0.0
    monkeypatch.setattr(workers.os, "_exit", lambda code: ended.append(code))
    monkeypatch.setattr(workers.time, "time", lambda: now)
    watchdog = Watchdog(0.1)  # which looks at the clock every 0.01 s
    for _ in range(12):
        now += 0.04
        time.sleep(0.02)
        Watchdog.beat()
    now += 10  # as if the process had been stopped, with the others: they may be getting on
    time.sleep(0.05)
    watchdog.close()
    now += 10
    time.sleep(0.05)
    assert not ended


def test_workers_that_never_come_are_waited_for_so_long(monkeypatch, capsys):
    ended, codes = threading.Event(), []
    monkeypatch.setattr(workers.os, "_exit", lambda code: codes.append(code) or ended.set())
    monkeypatch.setattr(workers.mx.kv, "create", lambda name: ended.wait())  # as MXNet waits
    variables = {"NUM_WORKER": "2", "NUM_SERVER": "1", "PS_ROOT_PORT": "9091"}
    for name, value in {**variables, "PS_ROOT_URI": "10.0.0.1"}.items():
        monkeypatch.setenv(f"DMLC_{name}", value)
    workers.join("dist_sync", timeout=0.05)
    assert set(codes) == {1}
    message = "after 0.5 seconds not all have joined at 10.0.0.1:9091 (workers: 2, servers: 1)"
    assert message in capsys.readouterr().err
