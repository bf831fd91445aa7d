"""The embedded digits are balanced, repeatable, sized as MNIST's, and legible."""

import numpy as np
import pytest

from vae_gluon import load_mnist, make_digits
from vae_gluon.data import digits
from vae_gluon.data.digits import BOX, SKELETONS


@pytest.fixture(scope="module")
def drawn():
    return make_digits(1000, 200)


def flat(images):
    return images.reshape(len(images), -1)


def test_arrays_are_those_of_load_mnist(drawn):
    assert list(drawn) == ["train_data", "train_label", "test_data", "test_label"]
    for part, n in (("train", 1000), ("test", 200)):
        images, labels = drawn[f"{part}_data"], drawn[f"{part}_label"]
        assert (images.shape, images.dtype) == ((n, 1, 28, 28), np.float32)
        assert (labels.shape, labels.dtype) == ((n,), np.int8)
        greys = images * 255  # those of a byte
        np.testing.assert_allclose(greys, greys.round(), atol=1e-4)
        assert len(np.unique(greys.round())) == 256
        assert set(np.bincount(labels)) == {n // 10}  # each digit equally often
        assert len(set(labels[:40])) == 10  # mixed
    assert set(np.bincount(make_digits(25, 15)["train_label"])) == {2, 3}
    images = np.concatenate([flat(drawn["train_data"]), flat(drawn["test_data"])])
    assert len({image.tobytes() for image in images}) == len(images)


def test_another_seed_gives_other_images_and_numpys_generator_is_left_alone():
    np.random.seed(5)
    first, other = make_digits(10, 10), make_digits(10, 10, seed=1)
    assert not np.array_equal(first["train_data"], other["train_data"])
    assert np.random.rand() == np.random.RandomState(5).rand()


def test_the_digits_of_a_seed_stay_what_they_are(drawn):
    """The losses that the README gives were measured on them."""
    images, pixels = make_digits(10, 1)["train_data"][:, 0].astype(float), np.arange(28) - 14
    ink = [90.31, 102.20, 76.59, 63.42, 109.60, 113.68, 101.31, 125.40, 112.04, 39.43]
    leaning = [-229.5, -1373.9, -942.6, 636.5, -1441.2, 169.3, 474.0, -276.0, -641.0, 63.9]
    # Another rounding of the arithmetic changes a few greys by one.
    np.testing.assert_allclose(images.sum(axis=(1, 2)), ink, atol=0.06)
    moments = (images * pixels[:, None] * pixels).sum(axis=(1, 2))
    np.testing.assert_allclose(moments, leaning, atol=1)
    totals = [drawn[f"{part}_data"].sum(dtype=float) for part in ("train", "test")]
    np.testing.assert_allclose(totals, [97523.15, 19704.35], rtol=1e-5)
    ones = digits.draw(SKELETONS[1][0][1], 600, np.random.default_rng(0))  # in two parts
    assert ones.sum(dtype=float) == pytest.approx(26285.118, rel=1e-5)


def test_digits_fill_mnists_box(drawn):
    extents = []
    for image in drawn["train_data"][:, 0]:
        rows, columns = np.nonzero(image)
        extents.append(max(np.ptp(rows), np.ptp(columns)) + 1)
    assert max(extents) <= BOX
    assert np.median(extents) >= BOX - 1


def test_centre_of_mass_is_in_the_middle(drawn):
    images = drawn["train_data"][:, 0].astype(float)
    pixels, mass = np.arange(28), images.sum(axis=(1, 2))
    for axis in (1, 2):
        centre = (images.sum(axis=axis) * pixels).sum(axis=1) / mass
        # MNIST moves by whole pixels, and is within 0.5 of (14, 14); ours moves once, and what
        # was cut off at the edge comes back after.
        assert abs(centre - 14).max() < 1
        assert centre.mean() == pytest.approx(14, abs=0.1)


def test_someone_who_only_knows_mnist_can_read_them(drawn, mnist_folder):
    mnist = load_mnist(mnist_folder)
    known, questions = flat(mnist["train_data"][:10_000]), flat(drawn["test_data"])
    nearest = ((known**2).sum(axis=1) - 2 * questions @ known.T).argmin(axis=1)
    accuracy = (mnist["train_label"][nearest] == drawn["test_label"]).mean()
    assert accuracy > 0.85  # by chance, 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 10), "n_train to be an integer of at least 1, got 0"),
        ((10, 0), "n_test to be an integer of at least 1, got 0"),
        ((10, 10, -1), "seed to be an integer of at least 0, got -1"),
    ],
)
def test_no_images_and_no_seed_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_digits(*arguments)
