"""The loop trains, counts each image once, and repeats bit for bit."""

import math
import os
import signal

import mxnet as mx
import numpy as np
import pytest
from after_epoch import AfterEpoch
from mxnet import autograd
from plain_nets import Constant, Watched

import vae_gluon
from vae_gluon import VAE, History, TrainingState, evaluate, load_mnist, mnist_iterators, train
from vae_gluon.training import callbacks


def small_net():
    net = VAE(n_hidden=32, n_latent=2, n_layers=1)
    net.hybridize()
    return net


def run(digits, seed=1, epochs=2, batch_size=100, shuffle=False, number=None, **kwargs):
    vae_gluon.seed(seed)
    net = small_net()
    iterators = mnist_iterators(digits, batch_size, shuffle)
    return net, train(net, *iterators, epochs=epochs, progress=False, seed=number, **kwargs)


def test_losses_fall_and_each_epoch_has_its_numbers(digits):
    net, history = run(digits, epochs=6)
    assert [len(numbers) for numbers in history] == [6] * 6
    assert all(math.isfinite(number) and number > 0 for numbers in history for number in numbers)
    assert history.train[-1] < 0.6 * history.train[0]
    assert history.val[-1] < history.val[0]
    more = train(net, *mnist_iterators(digits), epochs=1, progress=False)  # from its parameters
    assert more.train[0] < history.train[1]


@pytest.mark.parametrize(("measured", "images"), [("train_kl", "train"), ("val_kl", "test")])
def test_divergences_are_those_of_the_images(digits, measured, images):
    # A learning rate too small to move the weights.
    net, history = run(digits, epochs=1, learning_rate=1e-12)
    mu, lv = (array.astype(float) for array in vae_gluon.encode(net, digits[f"{images}_data"]))
    kl = 0.5 * (np.exp(lv) + mu**2 - 1 - lv).sum(axis=1).mean()
    assert getattr(history, measured) == pytest.approx([kl], rel=1e-5)


def test_binarized_pixels_are_drawn_anew_for_each_batch():
    seen = []

    class Seeing(Constant):
        def forward(self, x):
            seen.append(x.asnumpy())
            return super().forward(x)

    grey = dict.fromkeys(("train_data", "test_data"), np.full((300, 784), 0.3, np.float32))
    train(Seeing(), *mnist_iterators(grey), epochs=2, progress=False, binarize=True)
    assert all(set(np.unique(x)) == {0, 1} for x in seen)
    batches = [x for x in seen if len(x) == 100]  # of training
    for one, other in zip(batches, batches[1:]):
        # Two draws differ in 2 * 0.3 * 0.7 of their pixels, within five standard errors.
        assert (one != other).mean() == pytest.approx(0.42, abs=0.01)
        assert one.mean() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("shuffle", [False, True])
def test_each_epoch_takes_each_image_once(digits, shuffle):
    trained = []

    class Recording(Constant):
        def forward(self, x):
            if autograd.is_recording():
                trained.extend(image.tobytes() for image in x.asnumpy())
            return super().forward(x)

    train(Recording(), *mnist_iterators(digits, 128, shuffle), epochs=2, progress=False)
    whole = sorted(image.tobytes() for image in digits["train_data"])
    assert sorted(trained[:600]) == sorted(trained[600:]) == whole


def test_losses_are_means_over_each_image_once_of_either_part(digits):
    data = {name: array.copy() for name, array in digits.items()}
    for part, n in (("train", 600), ("test", 200)):
        data[f"{part}_data"][:, 0, 0, 0] = np.linspace(0, 1, n) ** 3
    # Short last batches, and a learning rate too small to move the weight of 1 in float32.
    iterators = mnist_iterators(data, 128)
    history = train(Constant(), *iterators, epochs=1, learning_rate=1e-12, progress=False)
    for part, losses in (("train", history.train), ("test", history.val)):
        mean = data[f"{part}_data"][:, 0, 0, 0].mean(dtype=float)
        assert losses == [pytest.approx(mean, rel=1e-6)]
    assert history.train_kl == history.val_kl == []  # which this net does not tell


def test_a_new_net_gets_xavier_weights(digits):
    net, _ = run(digits, epochs=1, learning_rate=1e-12)
    weight = net.encoder[0].weight.data().asnumpy()
    bound = np.sqrt(3 / ((784 + 32) / 2))  # Glorot & Bengio 2010, uniform, averaged fans
    assert 0.99 * bound < abs(weight).max() <= bound


class Diverging(Watched):
    """Its loss is not a number in the fourth training batch of its second epoch of ten."""

    def forward(self, x):
        loss = super().forward(x)
        return loss * np.nan if self.steps() == 14 else loss

    def steps(self):
        return sum(recorded for _, recorded in self.seen)


def test_a_run_stops_at_the_first_loss_that_is_not_finite_and_names_it(digits):
    net, kept = Diverging(), []
    keep = AfterEpoch(lambda training: kept.append(training.epoch))
    many = {key: np.concatenate([value] * 10) for key, value in digits.items()}
    message = "training loss of epoch 1, batch 3: expected finite numbers, got nan: the run has div"
    with pytest.raises(FloatingPointError, match=message):
        train(net, *mnist_iterators(many, 600), epochs=5, progress=False, callbacks=[keep])
    assert kept == [1]
    assert net.steps() <= 10 + 4 + 4  # no more than were queued behind the fourth


@pytest.mark.parametrize(
    ("training", "validation", "message"),
    [
        (1, np.inf, "validation loss of epoch 0, batch 0"),
        (1e25, 1, "^second_moments/weight after epoch 0"),  # the gradient's square
    ],
)
def test_other_numbers_that_are_not_finite_are_named(training, validation, message):
    class Scaled(Constant):
        def forward(self, x):
            return super().forward(x) * (training if autograd.is_recording() else validation)

    white = dict.fromkeys(("train_data", "test_data"), np.ones((100, 1), np.float32))
    with pytest.raises(FloatingPointError, match=f"{message}: expected finite numbers, got inf"):
        train(Scaled(), *mnist_iterators(white), epochs=2, progress=False)


def test_a_run_stops_when_a_parameter_is_not_finite(digits, net):
    @AfterEpoch
    def spoil(training):
        net.encoder[0].bias.data()[3] = np.nan  # relu makes 0 of it

    message = "^parameters/encoder.0.bias after epoch 1: expected finite numbers, got nan: the run"
    with pytest.raises(FloatingPointError, match=message):
        train(net, *mnist_iterators(digits), epochs=3, progress=False, callbacks=[spoil])


def test_a_net_that_cannot_be_trained_is_refused(digits, net):
    def refuse(message):
        with pytest.raises(ValueError, match=message):
            train(net, *mnist_iterators(digits), epochs=1, progress=False)

    net.decoder[0].weight.grad_req = "add"
    refuse(r"grad_req='write', got \['add', 'write'\]")
    net.collect_params().setattr("grad_req", "null")
    refuse(r"grad_req='write', got \['null'\]")
    net.encoder[0].bias.data()[3] = np.inf
    refuse(r"encoder\.0\.bias: expected finite numbers, got inf")


def test_a_net_of_double_precision_trains_like_one_of_single(digits):
    def history(dtype):
        vae_gluon.seed(1)
        net = VAE(n_hidden=16)
        net.initialize(mx.init.Xavier())
        net.cast(dtype)
        arrays = {name: array.astype(dtype) for name, array in digits.items()}
        return train(net, *mnist_iterators(arrays), epochs=2, progress=False)

    assert history("float64").val == pytest.approx(history("float32").val, rel=0.02)


def test_numpys_arrays_in_mxnet_are_refused(digits, net):
    doors = (lambda: run(digits), lambda: vae_gluon.encode(net, digits["test_data"]))
    mx.npx.set_np()
    try:
        for door in doors:
            with pytest.raises(ValueError, match=r"set_np\(\) is on: call mx.npx.reset_np"):
                door()
    finally:
        mx.npx.reset_np()


@pytest.mark.parametrize("batch", [4, 7])
def test_ctrl_c_ends_after_the_batch(digits, batch):
    """Six batches are for training, the seventh is the validation."""

    class Pressed(Watched):
        def forward(self, x):
            if len(self.seen) == batch - 1:
                os.kill(os.getpid(), signal.SIGINT)
            return super().forward(x)

    net = Pressed()
    digits = {**digits, "train_data": np.ones_like(digits["train_data"])}
    with pytest.raises(KeyboardInterrupt):
        train(net, *mnist_iterators(digits), epochs=2, progress=False)
    assert len(net.seen) == batch
    # The step of that batch was taken, too: one of 0.001 for each batch for training.
    assert net.weight.data().asscalar() == pytest.approx(1 - 0.001 * min(batch, 6), abs=2e-4)


def test_ctrl_c_waits_for_what_is_called_after_an_epoch(digits):
    reached = []

    @AfterEpoch
    def press(training):
        os.kill(os.getpid(), signal.SIGINT)
        reached.append(training.epoch)

    with pytest.raises(KeyboardInterrupt):
        run(digits, epochs=3, callbacks=[press])
    assert reached == [1]


def test_a_seed_makes_the_whole_run_whatever_was_drawn_before(digits):
    runs = [run(digits, seed=before, number=7, shuffle=True)[1] for before in (1, 2)]
    assert runs[0][:2] == runs[1][:2]
    for other in (8, (7, 1)):
        assert run(digits, number=other, shuffle=True, epochs=1)[1].train[0] != runs[0].train[0]


def test_a_seed_gives_the_run_of_generators_that_were_seeded_before(digits):
    """The tutorial seeds once: its first epoch goes on after the drawing of the weights."""
    (_, plain), (_, seeded) = run(digits, epochs=2), run(digits, epochs=2, number=1)
    assert (plain.train[0], plain.val[0]) == (seeded.train[0], seeded.val[0])
    assert plain.train[1] != seeded.train[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed .*least 0, got -1"),
        ({"seed": (1, -1)}, "the stream of seed .*least 0, got -1"),
        ({"seed": 2**31}, "seed .*below 2147483648, got 2147483648"),
        ({"epochs": 0}, "epochs to be an integer of at least 1, got 0"),
        ({"learning_rate": 0}, "above 0, an LRScheduler or .* got 0"),
        ({"learning_rate": math.inf}, "above 0, an LRScheduler or .* got inf"),
    ],
)
def test_options_that_are_none_are_refused(digits, options, message):
    with pytest.raises(ValueError, match=message):
        train(small_net(), *mnist_iterators(digits), **options)


def test_a_start_that_does_not_fit_is_refused(net, digits):
    names = net._collect_params_with_prefix()
    right = {name: (np.zeros(p.shape), np.zeros(p.shape)) for name, p in names.items()}
    wrong = {**right, "encoder.0.bias": (np.zeros(5), np.zeros(5))}
    for epochs, moments, message in (
        (3, right, "expected epochs to be an integer of at least 3, got 2"),
        (1, {}, r"two moments of shape \(32, 784\) for encoder\.0\.weight, got none"),
        (1, wrong, r"moments of shape \(32,\) for encoder\.0\.bias, got \[\(5,\), \(5,\)\]"),
    ):
        start = TrainingState(History(*[[1.0] * epochs] * 6), 6, moments)
        with pytest.raises(ValueError, match=message):
            train(net, *mnist_iterators(digits), epochs=2, start=start)


def test_progress_says_first_that_mxnet_was_imported_too_early(digits, capsys, monkeypatch):
    monkeypatch.setattr(callbacks, "late_import", "import vae_gluon first")
    train(small_net(), *mnist_iterators(digits), epochs=1)
    assert capsys.readouterr().out.strip().splitlines()[0] == "Note: import vae_gluon first"
    train(small_net(), *mnist_iterators(digits), epochs=1, progress=False)
    assert capsys.readouterr() == ("", "")


def test_wrong_images_are_refused_before_the_first_step(net, digits):
    before = net.encoder[0].bias.data().asnumpy()
    wrong = mx.io.NDArrayIter(digits["train_data"].reshape(600, 784) * 2, batch_size=100)
    right = mnist_iterators(digits)[1]
    with pytest.raises(
        ValueError, match=r"batch of the iterator: expected pixels .* from 0.0 to 2.0"
    ):
        train(net, wrong, right)
    with pytest.raises(ValueError, match=r"val_iter: expected an mx.io.DataIter, .* got ndarray"):
        train(net, right, digits["test_data"])
    np.testing.assert_array_equal(net.encoder[0].bias.data().asnumpy(), before)


def test_an_iterator_without_a_whole_batch_is_refused(net):
    few = mx.io.NDArrayIter(np.zeros((5, 784)), batch_size=9, last_batch_handle="discard")
    with pytest.raises(ValueError, match="batches of images, got none from the iterator"):
        evaluate(net, few)


@pytest.mark.slow
def test_fifty_epochs_on_mnist_give_the_tutorials_numbers(mnist_folder):
    """As measured with the tutorial's own code: seed 1, 784-400-400-2, batch 100."""
    vae_gluon.seed(1)
    net = VAE(n_hidden=400, n_latent=2, n_layers=2)
    net.hybridize()
    iterators = mnist_iterators(load_mnist(mnist_folder))
    history = train(net, *iterators, epochs=50, progress=False)
    assert history.train[0] == pytest.approx(186.24, abs=0.5)
    assert history.val[0] == pytest.approx(172.85, abs=1.5)
    assert history.train[-1] == pytest.approx(136.66, abs=0.7)
    assert history.val[-1] == pytest.approx(140.26, abs=1.2)


def test_a_loader_of_gluon_gives_the_losses_of_an_iterator(digits):
    few = {name: array[:150] for name, array in digits.items()}

    def loaders(*kinds):
        for part in ("train", "test"):
            dataset = mx.gluon.data.ArrayDataset(*(few[f"{part}_{kind}"] for kind in kinds))
            yield mx.gluon.data.DataLoader(dataset, batch_size=100)

    losses = []
    for batches in (mnist_iterators(few), loaders("data", "label"), loaders("data")):
        vae_gluon.seed(1)
        losses.append(train(small_net(), *batches, epochs=2, progress=False).val)
    assert losses[0] == losses[1] == losses[2]
