"""The four files in, arrays and iterators out."""

import mxnet as mx
import numpy as np
import pandas as pd
import pytest
from idx_files import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, idx_labels, write

from vae_gluon import load_mnist, mnist_iterators
from vae_gluon.data.batches import batches, sample_pixels


@pytest.mark.parametrize("packed", [True, False])
def test_arrays_are_those_of_get_mnist(tmp_path, contents, packed):
    mnist = load_mnist(write(tmp_path, contents, packed))
    assert list(mnist) == ["train_data", "train_label", "test_data", "test_label"]
    assert {mnist["train_label"].dtype, mnist["test_label"].dtype} == {np.dtype(np.int8)}
    for name, images in ((TRAIN_IMAGES, mnist["train_data"]), (TEST_IMAGES, mnist["test_data"])):
        raw = np.frombuffer(contents[name][16:], np.uint8).reshape(-1, 1, 28, 28)
        np.testing.assert_array_equal(images, raw.astype(np.float32) / 255)
        assert images.dtype == np.float32
    np.testing.assert_array_equal(mnist["train_label"], [0, 1, 2, 3, 4, 5, 9])
    np.testing.assert_array_equal(mnist["test_label"], [9, 8, 7, 6, 5])


def test_real_mnist_is_as_published(mnist_folder):
    mnist = load_mnist(mnist_folder)
    assert mnist["train_data"].shape == (60000, 1, 28, 28)
    assert mnist["test_data"].shape == (10000, 1, 28, 28)
    np.testing.assert_array_equal(mnist["train_label"][:5], [5, 0, 4, 1, 9])
    # Counts of the digits, as tabulated for MNIST in many places.
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    np.testing.assert_array_equal(np.bincount(mnist["test_label"]), counts)
    assert mnist["train_data"].mean() == pytest.approx(0.1307, abs=1e-4)
    assert mnist["train_data"].std() == pytest.approx(0.3081, abs=1e-4)


# Where it is looked for


def test_a_folder_comes_before_the_variable_and_that_before_mxnets_cache(
    tmp_path, contents, monkeypatch
):
    """A tilde is the home folder in each."""
    for label, folder in enumerate(("mxnet/datasets/mnist", "variable", "own")):
        contents[TEST_LABELS] = idx_labels([label] * 5)
        write(tmp_path / folder, contents)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MXNET_HOME", "~/mxnet")
    assert load_mnist()["test_label"][0] == 0
    monkeypatch.setenv("VAE_GLUON_DATA", "~/variable")
    assert load_mnist()["test_label"][0] == 1
    assert load_mnist("~/own")["test_label"][0] == 2
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte.* got no such folder"):
        load_mnist(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"expected .*, got none of them"):
        load_mnist(tmp_path)
    monkeypatch.setenv("VAE_GLUON_DATA", str(tmp_path / "mistyped"))
    with pytest.raises(FileNotFoundError, match=r"mistyped: expected .*, got no such folder"):
        load_mnist()


@pytest.mark.parametrize(
    ("wrong", "got"),
    [(np.zeros((3, 784)), "ndarray"), ({"train_data": []}, r"\['train_data'\]")],
)
def test_iterators_are_made_of_a_dictionary_of_arrays(wrong, got):
    with pytest.raises(ValueError, match=rf"expected a dictionary of train_data and .* got {got}$"):
        mnist_iterators(wrong)


def test_names_with_a_dot_are_the_same_and_plain_files_come_before_packed_ones(tmp_path, contents):
    for label, packed in ((9, True), (3, False)):
        contents[TEST_LABELS] = idx_labels([label] * 5)
        dotted = {name.replace("-idx", ".idx"): content for name, content in contents.items()}
        assert load_mnist(write(tmp_path, dotted, packed))["test_label"][0] == label


def test_labels_may_be_missing_and_of_any_range(tmp_path, contents):
    contents[TRAIN_LABELS] = idx_labels([1, 200, 3, 4, 5, 6, 7])
    labels = load_mnist(write(tmp_path / "many", contents))["train_label"]
    assert (labels[1], labels.dtype) == (200, np.uint8)
    for name in (TRAIN_LABELS, TEST_LABELS):
        del contents[name]
    mnist = load_mnist(write(tmp_path / "none", contents))
    assert set(mnist) == {"train_data", "test_data"}
    train_iter, _ = mnist_iterators(mnist, batch_size=7)
    assert train_iter.next().label == []


@pytest.mark.parametrize("missing", [TRAIN_IMAGES, TEST_LABELS])
def test_some_of_the_files_are_an_error_that_names_the_missing(tmp_path, contents, missing):
    del contents[missing]
    with pytest.raises(FileNotFoundError, match=f"expected the four files .* without {missing}"):
        load_mnist(write(tmp_path, contents))


# Iterators


def test_iterators_are_the_tutorials(digits):
    for data_iter, part in zip(mnist_iterators(digits, batch_size=100), ("train", "test")):
        assert isinstance(data_iter, mx.io.NDArrayIter)
        batch = data_iter.next()
        expected = digits[f"{part}_data"][:100].reshape(100, 784)
        np.testing.assert_array_equal(batch.data[0].asnumpy(), expected)
        np.testing.assert_array_equal(batch.label[0].asnumpy(), digits[f"{part}_label"][:100])
        assert [desc.name for desc in data_iter.provide_data] == ["data"]
        assert [desc.name for desc in data_iter.provide_label] == ["label"]


def test_shuffling_is_anew_each_epoch_for_the_training_images_alone_and_keeps_labels(digits):
    train_iter, test_iter = mnist_iterators(digits, 600, shuffle=True)
    (test,) = next(batches(test_iter, mx.cpu()))
    np.testing.assert_array_equal(test.asnumpy(), digits["test_data"].reshape(200, 784))
    in_order = digits["train_data"].reshape(600, 784)
    labels = {image.tobytes(): n for image, n in zip(in_order, digits["train_label"])}
    epochs = [in_order]
    for _ in range(2):
        x, y = (array.asnumpy() for array in next(batches(train_iter, mx.cpu(), labels=True)))
        assert [labels[image.tobytes()] for image in x] == list(y)
        assert all((x != other).any() for other in epochs)
        epochs.append(x)


LABELS = np.arange(6) % 3
NAMES = np.array(["ant", "bee", "cat"])[LABELS]
IMAGES = np.random.default_rng(0).random((6, 1, 2, 2), np.float32)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.tolist(),
        LABELS[:, None],
        LABELS.astype(np.longdouble),
        NAMES,
        NAMES.astype("S"),
        NAMES.astype(object),
        pd.Series(LABELS, dtype="Int64", index=range(10, 16)),
        pd.DataFrame({"label": NAMES}),
        mx.nd.array(LABELS),
    ],
)
def test_labels_of_any_kind_are_taken(labels):
    dataset = {"train_data": IMAGES, "test_data": IMAGES, "train_label": labels}
    train_iter, test_iter = mnist_iterators(dataset, 6)
    np.testing.assert_array_equal(train_iter.next().label[0].asnumpy(), LABELS)
    assert test_iter.next().label == []


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:-1], r"expected 6 labels, got an array of shape \(5,\)"),
        (np.eye(3)[LABELS], r"expected 6 labels, got an array of shape \(6, 3\)"),
        (LABELS + 1j, "expected numbers or names without gaps, got complex128"),
        (np.where(LABELS, LABELS, np.nan), "expected finite numbers, got nan"),
        (np.where(LABELS, NAMES.astype(object), None), "names without gaps, got object"),
        (pd.Series([1, None, 3] * 2, dtype="Int64"), "got (nan|object)"),
    ],
)
def test_labels_that_are_none_are_refused(labels, message):
    dataset = {"train_data": IMAGES, "test_data": IMAGES, "test_label": labels}
    with pytest.raises(ValueError, match=f"test_label: .*{message}"):
        mnist_iterators(dataset)


BINARY = (IMAGES > 0.5).astype(np.float32)


@pytest.mark.parametrize(
    "images",
    [
        *(BINARY.astype(kind) for kind in ("f2", "f8", ">f4", "g", "?", "u1", ">i2")),
        np.asfortranarray(BINARY),
        BINARY.tolist(),
        pd.DataFrame(BINARY.reshape(6, 4)),
        mx.nd.array(BINARY),
    ],
)
def test_images_of_any_type_and_order_are_taken(images):
    _, test_iter = mnist_iterators({"train_data": BINARY, "test_data": images}, 6)
    (x,) = test_iter.next().data
    np.testing.assert_array_equal(x.asnumpy(), BINARY.reshape(6, 4))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES * 255, r"expected pixels in \[0, 1\], got from"),
        (IMAGES.astype("U"), r"expected pixels in \[0, 1\], got an array of <U"),
        (IMAGES.astype("U").astype(object), "expected numbers .* got object"),
        (IMAGES[:0], "expected images, got none"),
        (np.float32(0.5), r"got float32 \(\)"),
        (IMAGES[..., :1], r"expected images of \(1, 2, 2\), as in train_data, got \(1, 2, 1\)"),
    ],
)
def test_images_that_are_none_are_refused(images, message):
    with pytest.raises(ValueError, match=f"test_data: .*{message}"):
        mnist_iterators({"train_data": IMAGES, "test_data": images})


@pytest.mark.parametrize(
    ("handling", "second_epoch"),
    [
        ("pad", [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]),
        ("discard", [[0, 1, 2, 3], [4, 5, 6, 7]]),
        ("roll_over", [[8, 9, 0, 1], [2, 3, 4, 5], [6, 7, 8, 9]]),  # first what the first had left
    ],
)
def test_batches_give_each_image_once(handling, second_epoch):
    x = np.arange(10, dtype="float32")[:, None] / 16
    data_iter = mx.io.NDArrayIter(x, batch_size=4, last_batch_handle=handling)
    list(batches(data_iter, mx.cpu()))
    seen = [(16 * x.asnumpy()).ravel().tolist() for (x,) in batches(data_iter, mx.cpu())]
    assert seen == second_epoch


def test_batches_are_on_the_context_asked_for(digits):
    data_iter, _ = mnist_iterators(digits, batch_size=256)
    for each in (data_iter, mx.io.ResizeIter(data_iter, 3)):
        assert [x.context for (x,) in batches(each, mx.cpu(1))] == [mx.cpu(1)] * 3


def test_the_iterators_of_others_are_checked_batch_by_batch():
    images = np.zeros((10, 784), "float32")
    images[9, 3] = 7
    with pytest.raises(ValueError, match=r"a batch .*: expected pixels .* got from 0.0 to 7.0"):
        list(batches(mx.io.NDArrayIter(images, batch_size=4), mx.cpu()))


def test_images_of_other_iterators_are_flattened_and_come_with_their_labels():
    x, y = np.repeat(np.arange(6, dtype=np.float32) / 8, 4).reshape(6, 1, 2, 2), np.arange(6)
    wrapped = mx.io.ResizeIter(mx.io.NDArrayIter(x, y, batch_size=4), 2)
    loader = mx.gluon.data.DataLoader(mx.gluon.data.ArrayDataset(x, y), batch_size=4)
    for each in (wrapped, loader):
        seen = [(x.asnumpy(), y.asnumpy()) for x, y in batches(each, mx.cpu(), labels=True)]
        assert [x.shape for x, _ in seen] == [(4, 4), (2, 4)]
        for images, labels in seen:
            np.testing.assert_array_equal(8 * images, np.repeat(labels[:, None], 4, axis=1))


def test_labels_that_are_not_there_are_asked_for():
    for each in (mx.io.NDArrayIter(IMAGES, batch_size=4), mx.gluon.data.DataLoader(IMAGES, 4)):
        with pytest.raises(ValueError, match="expected labels, which the net takes, got an iter"):
            next(batches(each, mx.cpu(), labels=True))


def test_binary_pixels_are_drawn_with_the_probability_of_their_grey():
    grey = mx.nd.array([[0.0, 0.2, 0.7, 1.0]] * 20_000, ctx=mx.cpu(1), dtype=np.float64)
    drawn = sample_pixels(grey)
    assert (drawn.context, drawn.dtype) == (mx.cpu(1), np.float64)
    drawn = drawn.asnumpy()
    assert set(np.unique(drawn)) == {0, 1}
    # Four standard errors of 20,000 draws.
    np.testing.assert_allclose(drawn.mean(axis=0), [0, 0.2, 0.7, 1], atol=0.013)


def test_a_pixel_of_one_stays_one(monkeypatch):
    """MXNet's uniform numbers are rounded up to 1 now and then."""
    monkeypatch.setattr(mx.nd.random, "uniform", lambda shape, **_: mx.nd.ones(shape))
    assert sample_pixels(mx.nd.array([0.0, 1.0])).asnumpy().tolist() == [0, 1]
