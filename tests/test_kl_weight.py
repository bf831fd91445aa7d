"""The weight of the KL term, schedules of the learning rate, and when to stop."""

import json
import pickle

import mxnet as mx
import numpy as np
import pytest
from after_epoch import AfterEpoch
from mxnet import gluon, nd
from plain_nets import Constant, parameters

from vae_gluon import VAE, Checkpoint, kl_warmup, load_checkpoint, mnist_iterators, seed, train
from vae_gluon.command import cli
from vae_gluon.data import datasets
from vae_gluon.training.epoch import LossQueue, train_epoch


def trained(digits, epochs=2, net=None, **options):
    """Return a net that was trained from the same seed, and its history."""
    seed(1)
    net = net or VAE(n_hidden=16)
    iterators = mnist_iterators(digits)
    return net, train(net, *iterators, epochs=epochs, progress=False, **options)


def equal(one, other):
    return all((a == b).all() for a, b in zip(parameters(one), parameters(other)))


def resumed(digits, path, done, epochs, **options):
    """Train for some epochs, and on from their checkpoint; return the net and the history."""
    trained(digits, done, **options, callbacks=[Checkpoint(path)])
    net = VAE(n_hidden=16)
    start, _ = load_checkpoint(path, net)
    return trained(digits, epochs, net, **options, start=start)


# The weight of the KL term


def test_a_step_is_down_the_gradient_of_the_weighted_loss(digits):
    """The oracle is the objective written out, in a loop of Gluon's own."""
    x = nd.array(digits["train_data"][:100].reshape(100, 784))
    results = []
    for ours in (True, False):
        seed(1)
        net = VAE(n_hidden=16)
        net.initialize(mx.init.Xavier())
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.01})
        mx.random.seed(2)
        if ours:
            batches = mx.io.NDArrayIter(x, batch_size=100)
            train_epoch(net, trainer, batches, LossQueue(), kl_weight=4)
        else:
            with mx.autograd.record():
                loss = net(x)
                objective = (loss - net.kl_loss) + 4 * net.kl_loss
            objective.backward()
            trainer.step(100)
        results.append(parameters(net))
    for one, other in zip(*results):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_weight_of_one_changes_no_bit_and_another_presses_the_codes_to_the_prior(digits):
    plain, history = trained(digits)
    same, _ = trained(digits, kl_weight=lambda step: 1)
    pressed, heavy = trained(digits, kl_weight=20)
    assert equal(plain, same)
    assert not equal(plain, pressed)
    assert heavy.val_kl[-1] < history.val_kl[-1] / 2
    assert (history.kl_weight, heavy.kl_weight) == ([1, 1], [20, 20])
    # What is reported is the negative ELBO all the same.
    assert heavy.val[-1] == pytest.approx(history.val[-1], rel=0.2)


def test_warming_up_rises_from_step_to_step_and_goes_on_where_a_run_is_resumed(digits, tmp_path):
    weight = pickle.loads(pickle.dumps(kl_warmup(4, 2.0)))  # for other processes
    assert [weight(step) for step in (0, 1, 3, 4, 100)] == [0.5, 1.0, 2.0, 2.0, 2.0]
    options = {"kl_weight": kl_warmup(15), "seed": 1}  # there are six steps in an epoch
    whole, history = trained(digits, 3, **options)
    assert history.kl_weight == pytest.approx([6 / 15, 12 / 15, 1])
    net, again = resumed(digits, tmp_path / "c", 2, 3, **options)
    assert again.kl_weight == history.kl_weight
    assert equal(net, whole)


@pytest.mark.parametrize("weight", [-1, float("inf"), "1", lambda step: -step - 1])
def test_what_is_no_weight_is_refused(digits, weight):
    with pytest.raises(ValueError, match="kl_weight: expected a number of at least 0, got"):
        trained(digits, kl_weight=weight)


def test_a_net_without_a_kl_term_cannot_have_it_weighed(digits):
    with pytest.raises(ValueError, match="expected a net with kl_loss, to be weighed, got"):
        trained(digits, net=Constant(), kl_weight=2)


# The learning rate and the optimizer


@pytest.mark.parametrize("done", [1, 2])  # six steps each: within the schedules, and beyond
@pytest.mark.parametrize(
    "schedule",
    [
        mx.lr_scheduler.MultiFactorScheduler([3, 9], 0.1, base_lr=0.004),
        mx.lr_scheduler.CosineScheduler(8, base_lr=0.004, final_lr=0.0001, warmup_steps=3),
        lambda step: 0.004 / (step + 1),
    ],
    ids=["factors", "cosine", "function"],
)
def test_each_training_follows_a_schedule_from_its_beginning(digits, tmp_path, schedule, done):
    """A schedule changes when it is asked, and may answer wrongly if it is first asked late."""
    options = {"learning_rate": schedule, "seed": 1}
    whole, _ = trained(digits, 3, **options)
    assert equal(resumed(digits, tmp_path / "c", done, 3, **options)[0], whole)


def test_the_first_step_of_a_function_is_0(digits):
    steps = mx.lr_scheduler.MultiFactorScheduler([1], 0.5, base_lr=0.004)  # 0.004 once, then 0.002
    expected, _ = trained(digits, 1, learning_rate=steps)
    halved, _ = trained(digits, 1, learning_rate=lambda step: 0.002 if step else 0.004)
    assert equal(halved, expected)


def test_an_optimizer_is_taken_as_a_trainer_takes_it_and_left_as_it_was(digits):
    ours, _ = trained(digits)
    adam = mx.optimizer.Adam(learning_rate=0.001)
    for optimizer in ("adam", adam, adam):
        assert equal(ours, trained(digits, optimizer=optimizer)[0])
    states = []
    keep = AfterEpoch(lambda training: states.append(training.state))
    sgd, _ = trained(digits, optimizer="sgd", callbacks=[keep])
    assert not equal(ours, sgd)
    assert states[0].moments == {}
    with pytest.raises(ValueError, match="expected no optimizer with start, which is of Adam, got"):
        trained(digits, optimizer="sgd", start=states[0])


# When to stop


@pytest.mark.usefixtures("no_pictures")
def test_a_run_with_patience_keeps_its_best_epoch_and_goes_on_counting(
    tmp_path, monkeypatch, digits, capsys
):
    stuck = {**digits, "test_data": digits["test_data"][:3], "test_label": digits["test_label"][:3]}
    monkeypatch.setattr(datasets, "make_digits", lambda: stuck)
    words = "train --dataset digits --n-hidden 16 --lr 0.02 --epochs 60 --patience 3 --out"
    assert cli.main([*words.split(), str(tmp_path)]) == 0
    history = json.loads((tmp_path / "history.json").read_text())["val"]
    assert len(history) < 60
    measured = []
    for which, name in (("last", "evaluation.json"), ("best", "evaluation_best.json")):
        assert cli.main(["evaluate", str(tmp_path), "--k", "1", "--which", which]) == 0
        measured.append(json.loads((tmp_path / name).read_text())["elbo"])
    assert measured[0] < measured[1] == pytest.approx(-min(history), abs=15)
    capsys.readouterr()
    assert cli.main(["train", "--resume", "--out", str(tmp_path)]) == 0  # nothing is left to do
    assert "Stopping: the validation loss has not fallen below" in capsys.readouterr().out
    assert json.loads((tmp_path / "history.json").read_text())["val"] == history


@pytest.mark.usefixtures("few_digits", "no_pictures")
def test_a_run_without_patience_has_no_best(tmp_path, capsys):
    words = "train --dataset digits --n-hidden 16 --epochs 1 --kl-weight 4 --kl-warmup 2 --out"
    assert cli.main([*words.split(), str(tmp_path)]) == 0
    assert json.loads((tmp_path / "history.json").read_text())["kl_weight"] == [2.0]
    assert cli.main(["figures", str(tmp_path), "--which", "best"]) == 2
    assert "a run keeps its best epoch with --patience" in capsys.readouterr().err
