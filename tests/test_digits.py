"""The embedded digits are balanced, repeatable, sized as MNIST's, and legible."""

import numpy as np
import pytest

from vae_gluon import load_mnist, make_digits
from vae_gluon.data import digits
from vae_gluon.data.digits import BOX, SKELETONS


@pytest.fixture(scope="module")
def drawn():
    return make_digits(2000, 500)


def flat(images):
    return images.reshape(len(images), -1)


def extent(images):
    """Return the height of the inked box of each image (its width, if given transposed)."""
    rows = (images > 0).any(axis=2)
    return images.shape[1] - rows[:, ::-1].argmax(axis=1) - rows.argmax(axis=1)


def test_arrays_are_those_of_load_mnist(drawn):
    assert list(drawn) == ["train_data", "train_label", "test_data", "test_label"]
    for part, n in (("train", 2000), ("test", 500)):
        images, labels = drawn[f"{part}_data"], drawn[f"{part}_label"]
        assert images.shape == (n, 1, 28, 28)
        assert images.dtype == np.float32
        assert labels.shape == (n,)
        assert labels.dtype == np.int8
        assert images.min() == 0
        assert images.max() == 1


def test_greys_are_those_of_a_byte(drawn):
    greys = drawn["train_data"] * 255
    np.testing.assert_allclose(greys, greys.round(), atol=1e-4)
    assert len(np.unique(greys.round())) == 256


def test_digits_come_equally_often(drawn):
    assert set(np.bincount(drawn["train_label"])) == {200}
    assert set(np.bincount(drawn["test_label"])) == {50}
    assert set(np.bincount(make_digits(25, 15)["train_label"])) == {2, 3}


def test_labels_are_mixed(drawn):
    assert len(set(drawn["train_label"][:40])) == 10


def test_same_seed_same_images_and_another_seed_others():
    first, again, other = make_digits(50, 50), make_digits(50, 50), make_digits(50, 50, seed=1)
    for key in first:
        np.testing.assert_array_equal(first[key], again[key])
    assert not np.array_equal(first["train_data"], other["train_data"])


def test_the_digits_of_a_seed_stay_what_they_are():
    """The losses that the README gives were measured on them."""
    images, pixels = make_digits(10, 1)["train_data"][:, 0].astype(float), np.arange(28) - 14
    ink = [90.31, 102.20, 76.59, 63.42, 109.60, 113.68, 101.31, 125.40, 112.04, 39.43]
    leaning = [-229.5, -1373.9, -942.6, 636.5, -1441.2, 169.3, 474.0, -276.0, -641.0, 63.9]
    # Another rounding of the arithmetic changes a few greys by one.
    np.testing.assert_allclose(images.sum(axis=(1, 2)), ink, atol=0.06)
    moments = (images * pixels[:, None] * pixels).sum(axis=(1, 2))
    np.testing.assert_allclose(moments, leaning, atol=1)


def test_numpys_global_generator_is_left_alone():
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    make_digits(20, 10)
    assert np.random.rand() == expected


def test_no_two_are_alike(drawn):
    images = np.concatenate([flat(drawn["train_data"]), flat(drawn["test_data"])])
    assert len(np.unique(images, axis=0)) == len(images)


def test_digits_fill_mnists_box(drawn):
    images = drawn["train_data"][:, 0]
    longer = np.maximum(extent(images), extent(images.transpose(0, 2, 1)))
    assert longer.max() <= BOX
    assert np.median(longer) >= BOX - 1


def test_centre_of_mass_is_in_the_middle(drawn):
    images = drawn["train_data"][:, 0].astype(float)
    pixels, mass = np.arange(28), images.sum(axis=(1, 2))
    for axis in (1, 2):
        centre = (images.sum(axis=axis) * pixels).sum(axis=1) / mass
        # MNIST moves by whole pixels, and is within 0.5 of (14, 14); ours moves once, and what
        # was cut off at the edge comes back after.
        assert abs(centre - 14).max() < 1
        assert centre.mean() == pytest.approx(14, abs=0.1)


def test_edges_are_soft(drawn):
    images = drawn["train_data"]
    inked = images[images > 0]
    assert 0.3 < (inked < 0.98).mean() < 0.7  # of MNIST's inked pixels, 0.6


def slant_of(images):
    """Return how far each image leans: the slope of its centres of mass from row to row."""
    pixels = np.arange(28.0)
    mass = images.sum(axis=(1, 2))
    y, x = pixels[:, None] - 14, pixels[None] - 14
    return -(images * x * y).sum(axis=(1, 2)) / ((images * y * y).sum(axis=(1, 2))) * (mass > 0)


def test_hands_differ_in_slant_width_and_pen(drawn):
    images, labels = drawn["train_data"][:, 0].astype(float), drawn["train_label"]
    ones, zeros = images[labels == 1], images[labels == 0]
    slants = slant_of(ones)
    assert slants.mean() > 0.05  # most people lean to the right
    assert slants.std() > 0.1
    assert (slants < 0).any()
    assert extent(zeros.transpose(0, 2, 1)).std() > 1.5
    # A stem's ink by its length is its width.
    widths = ones.sum(axis=(1, 2)) / extent(ones)
    assert widths.max() > 1.8 * widths.min()


def test_the_pen_swells_along_a_stroke():
    path = np.stack([np.full((50, 128), 14.0), np.linspace(4, 24, 128) * np.ones((50, 1))], axis=2)
    image = digits._ink(path, [], np.random.default_rng(0))
    along = image[:, 8:20].sum(axis=2)  # the ink of each row, away from the ends
    assert np.median(along.std(axis=1) / along.mean(axis=1)) > 0.01


def test_every_variant_is_drawn_as_often_as_it_is_written(monkeypatch):
    drawn = {}

    def draw(skeleton, n, rng):
        drawn.setdefault(skeleton, n)  # of the training images, which come first
        return np.zeros((n, 28, 28))

    monkeypatch.setattr(digits, "draw", draw)
    make_digits(10_000, 10)
    for variants in SKELETONS.values():
        for weight, skeleton in variants:
            # Of 1,000 of each digit; the standard deviation is below 0.016.
            assert drawn[skeleton] / 1000 == pytest.approx(weight, abs=0.06)


def test_strokes_that_meet_still_meet_in_every_hand():
    points, strokes = digits._parse("10,20 50,60 90,30 / 90,30 40,80")
    curve = digits._curve_matrix(len(points), strokes)
    path = curve @ digits._bend(points, 20, np.random.default_rng(0))
    end = digits._shares(strokes)[0]
    np.testing.assert_allclose(path[:, end - 1], path[:, end], rtol=1e-12)


def test_points_move_together_and_a_little_on_their_own():
    bent = digits._bend(np.zeros((2, 2)), 2000, np.random.default_rng(0))
    apart = bent[:, 0] - bent[:, 1]  # what moves neighbours alike moves these two as one
    assert apart.std() == pytest.approx(0.04, rel=0.1)
    assert bent.std() > apart.std()


def test_every_digit_has_its_variants():
    assert all(
        len(SKELETONS[digit]) >= n for digit, n in {1: 3, 2: 2, 4: 2, 5: 2, 7: 3, 9: 2}.items()
    )
    for variants in SKELETONS.values():
        assert sum(weight for weight, _ in variants) == pytest.approx(1)


def nearest_neighbour_accuracy(images, labels, questions, answers):
    """Read each question as the label of the nearest image."""
    distance = (images**2).sum(axis=1) - 2 * questions @ images.T
    return (labels[distance.argmin(axis=1)] == answers).mean()


def test_they_can_be_distinguished(drawn):
    data = flat(drawn["train_data"]), drawn["train_label"]
    questions = flat(drawn["test_data"]), drawn["test_label"]
    assert nearest_neighbour_accuracy(*data, *questions) > 0.9


def test_someone_who_only_knows_mnist_can_read_them(drawn, mnist_folder):
    mnist = load_mnist(mnist_folder)
    data = flat(mnist["train_data"][:10_000]), mnist["train_label"][:10_000]
    questions = flat(drawn["test_data"]), drawn["test_label"]
    assert nearest_neighbour_accuracy(*data, *questions) > 0.85  # by chance, 0.1


@pytest.mark.parametrize("n", [0, -3])
def test_no_images_are_refused(n):
    with pytest.raises(ValueError, match=f"n_train to be an integer of at least 1, got {n}"):
        make_digits(n, 10)
    with pytest.raises(ValueError, match=f"n_test to be an integer of at least 1, got {n}"):
        make_digits(10, n)


@pytest.mark.parametrize("seed", [-1, 1.5])
def test_a_seed_is_an_integer_from_0(seed):
    with pytest.raises(ValueError, match=f"seed to be an integer of at least 0, got {seed}"):
        make_digits(10, 10, seed)
