"""IDX files in, arrays and iterators out; every wrong file gets its reason."""

import gzip
import hashlib
import http.server
import socket
import threading
import time

import mxnet as mx
import numpy as np
import pytest
from idx import idx, write

from vae_gluon import data, load_mnist, mnist_iterators
from vae_gluon.data import (
    FILES,
    IMAGE_MAGIC,
    LABEL_MAGIC,
    MNISTUnavailableError,
    batches,
    check_iterator,
    check_pixels,
)

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = (name for name, _ in FILES.values())


def idx_images(n, seed=0, shape=None):
    pixels = np.random.RandomState(seed).randint(0, 256, (n, 28, 28))
    return idx(pixels, IMAGE_MAGIC, shape)


def idx_labels(labels):
    return idx(np.array(labels), LABEL_MAGIC)


@pytest.fixture
def contents():
    """The four files, small: 7 training and 5 test images."""
    return {
        TRAIN_IMAGES: idx_images(7),
        TRAIN_LABELS: idx_labels([0, 1, 2, 3, 4, 5, 9]),
        TEST_IMAGES: idx_images(5, seed=1),
        TEST_LABELS: idx_labels([9, 8, 7, 6, 5]),
    }


# What is read


@pytest.mark.parametrize("packed", [True, False])
def test_arrays_are_those_of_get_mnist(tmp_path, contents, packed):
    mnist = load_mnist(write(tmp_path, contents, packed))
    assert list(mnist) == ["train_data", "train_label", "test_data", "test_label"]
    for part, n in (("train", 7), ("test", 5)):
        assert mnist[f"{part}_data"].shape == (n, 1, 28, 28)
        assert mnist[f"{part}_data"].dtype == np.float32
        assert mnist[f"{part}_label"].shape == (n,)
        assert mnist[f"{part}_label"].dtype == np.int8
    raw = np.frombuffer(contents[TRAIN_IMAGES][16:], np.uint8).reshape(7, 1, 28, 28)
    np.testing.assert_array_equal(mnist["train_data"], raw.astype(np.float32) / 255)
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


def test_the_environment_variable_comes_before_mxnets_cache(tmp_path, contents, monkeypatch):
    write(tmp_path / "home/datasets/mnist", contents)
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "home"))
    assert load_mnist()["test_label"][0] == 9
    contents[TEST_LABELS] = idx_labels([3, 8, 7, 6, 5])
    monkeypatch.setenv("VAE_GLUON_DATA", str(write(tmp_path / "own", contents)))
    assert load_mnist()["test_label"][0] == 3


def test_root_alone_is_looked_in(tmp_path, contents, monkeypatch):
    monkeypatch.setenv("VAE_GLUON_DATA", str(write(tmp_path / "own", contents)))
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte.* found no such folder"):
        load_mnist(tmp_path / "elsewhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty, found none of them"):
        load_mnist(tmp_path / "empty")


@pytest.mark.parametrize("missing", [TRAIN_IMAGES, TEST_LABELS])
def test_some_of_the_files_are_an_error_that_names_the_missing(tmp_path, contents, missing):
    del contents[missing]
    with pytest.raises(FileNotFoundError, match=f"holds 3 of the four files: {missing}"):
        load_mnist(write(tmp_path, contents))


# Wrong files: the error names the file, what was found and what was expected


def spoil(contents, name, content):
    contents[name] = content
    return contents


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (TRAIN_IMAGES, b"", "expected an IDX header of 16 bytes, found only 0 bytes"),
        (TRAIN_IMAGES, idx_images(7)[:-1], "expected 5488 bytes .* found only 5487"),
        (TRAIN_IMAGES, idx_images(7) + b"\0", "expected 5488 bytes .* found more"),
        (TRAIN_IMAGES, idx_labels([1] * 99), "magic number 2051, found 2049"),
        (TRAIN_LABELS, idx_images(7), "magic number 2049, found 2051"),
        (TRAIN_IMAGES, b"<!DOCTYPE html><html>", "found 1008813135 .*begins with b'<!DO'"),
        (TRAIN_IMAGES, idx_images(7, shape=(7, 32, 32)), r"\('N', 28, 28\) .*found \(7, 32, 32\)"),
        (TRAIN_IMAGES, idx_images(0), r"N of at least 1, found \(0, 28, 28\)"),
        (TRAIN_IMAGES, idx_images(7, shape=(2**31, 28, 28)), "expected 1683627180032 bytes"),
        (TRAIN_LABELS, idx_labels([0, 1, 2, 3, 4, 5, 10]), "labels from 0 to 9, found 10"),
        (TRAIN_LABELS, idx_labels([0] * 6), "holds 7 images and .* 6 labels"),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_a_wrong_file_gets_its_reason(tmp_path, contents, packed, name, content, message):
    folder = write(tmp_path, spoil(contents, name, content), packed)
    with pytest.raises(ValueError, match=message) as error:
        load_mnist(folder)
    assert name in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(idx_images(7))[:-9], "expected a whole gzip file"),
        (gzip.compress(idx_images(7))[:1000], "expected a whole gzip file"),
        (b"<!DOCTYPE html><html>", "begins with b'<!DO'"),
        (b"\x1f\x8b no gzip", "expected a whole gzip file"),
    ],
)
def test_a_wrong_gzip_file_gets_its_reason(tmp_path, contents, content, message):
    path = write(tmp_path, contents) / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        load_mnist(tmp_path)
    assert str(path) in str(error.value)


def test_files_are_read_by_content_not_by_name(tmp_path, contents):
    write(tmp_path, contents, packed=False)
    path = tmp_path / TRAIN_IMAGES
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert load_mnist(tmp_path)["train_data"].shape == (7, 1, 28, 28)


# Downloading, from a mirror on this machine


class Mirror(http.server.ThreadingHTTPServer):
    """Serves ``files`` by name, on a free port of this machine."""

    daemon_threads = True

    def __init__(self, files, status=200):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                content = files.get(self.path.rpartition("/")[2])
                self.send_response(status if content is not None else 404)
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *args):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture
def mirror(monkeypatch):
    """A function that starts a mirror and makes it MXNet's repository."""
    started = []

    def start(files, status=200):
        started.append(Mirror(files, status))
        monkeypatch.setenv("MXNET_GLUON_REPO", started[-1].url)
        return started[-1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "home"))
    return tmp_path / "home/datasets/mnist"


@pytest.fixture
def packed(contents, monkeypatch):
    """The four files as a mirror has them, their checksums published."""
    files = {f"{name}.gz": gzip.compress(content) for name, content in contents.items()}
    checksums = {
        key: (name, hashlib.sha1(files[f"{name}.gz"]).hexdigest())
        for key, (name, _) in FILES.items()
    }
    monkeypatch.setattr(data, "FILES", checksums)
    return files


def test_download_fills_mxnets_cache(mirror, cache, packed, capsys):
    mirror(packed)
    assert load_mnist()["test_label"][0] == 9
    assert sorted(path.name for path in cache.iterdir()) == sorted(packed)
    assert "MNIST from" in capsys.readouterr().err  # the bar
    mirror({})  # now nothing need be asked for
    assert load_mnist()["test_label"][0] == 9


@pytest.mark.parametrize(
    ("files", "status", "reason"),
    [
        ({}, 404, "does not have the files"),
        ("packed", 500, "does not have the files"),
        ("html", 200, "checksum is not the published one"),
        ("one", 200, "does not have the files"),
    ],
)
def test_a_failed_download_leaves_nothing_behind(mirror, cache, packed, files, status, reason):
    files = (
        {
            "packed": packed,
            "html": dict.fromkeys(packed, b"<html>Log in to this network</html>"),
            "one": {f"{TRAIN_LABELS}.gz": packed[f"{TRAIN_LABELS}.gz"]},
        }.get(files, files)
        if isinstance(files, str)
        else files
    )
    mirror(files, status)
    with pytest.raises(MNISTUnavailableError, match=reason) as error:
        load_mnist()
    assert str(cache) in str(error.value)
    assert not list(cache.iterdir())


def test_mirrors_are_asked_in_turn(mirror, cache, packed, monkeypatch):
    urls = [mirror({}).url, mirror(packed).url]
    monkeypatch.delenv("MXNET_GLUON_REPO")
    monkeypatch.setattr(data, "MIRRORS", urls)
    assert load_mnist()["test_label"][0] == 9


def test_a_network_that_refuses_is_told_at_once(cache):
    start = time.monotonic()
    with pytest.raises(MNISTUnavailableError, match="could not be reached"):
        load_mnist()
    assert time.monotonic() - start < 5  # far from the 18 s of patience
    assert not list(cache.iterdir())


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\nabc"])
def test_a_network_that_never_answers_is_given_up(cache, monkeypatch, beginning):
    monkeypatch.setattr(data, "PATIENCE", 0.6)
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = []

        def accept():
            while True:
                try:
                    connections.append(server.accept()[0])
                    connections[-1].sendall(beginning)
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        monkeypatch.delenv("MXNET_GLUON_REPO")
        monkeypatch.setattr(data, "MIRRORS", [url, url])
        with pytest.raises(MNISTUnavailableError, match="sent nothing for"):
            load_mnist()
        for connection in connections:
            connection.close()
    assert not list(cache.iterdir())


def test_the_patience_with_all_mirrors_is_under_twenty_seconds():
    assert data.PATIENCE < 20
    assert len(data.MIRRORS) > 1


def test_a_cache_that_cannot_be_made_is_told(tmp_path, monkeypatch):
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "home"))
    with pytest.raises(MNISTUnavailableError, match=r"could not be downloaded: .*home"):
        load_mnist()


# Iterators


def test_iterators_are_the_tutorials(digits):
    train_iter, test_iter = mnist_iterators(digits, batch_size=100)
    for data_iter, part in ((train_iter, "train"), (test_iter, "test")):
        assert isinstance(data_iter, mx.io.NDArrayIter)
        batch = data_iter.next()
        expected = digits[f"{part}_data"][:100].reshape(100, 784)
        np.testing.assert_array_equal(batch.data[0].asnumpy(), expected)
        np.testing.assert_array_equal(batch.label[0].asnumpy(), digits[f"{part}_label"][:100])
        assert [desc.name for desc in data_iter.provide_data] == ["data"]
        assert [desc.name for desc in data_iter.provide_label] == ["label"]


def test_shuffling_is_for_the_training_images_alone_and_keeps_labels(digits):
    train_iter, test_iter = mnist_iterators(digits, shuffle=True)
    x = train_iter.data[0][1].asnumpy()
    assert not np.array_equal(x, digits["train_data"].reshape(600, 784))
    np.testing.assert_array_equal(
        test_iter.data[0][1].asnumpy(), digits["test_data"].reshape(200, 784)
    )
    labels = {image.tobytes(): n for image, n in zip(digits["train_data"], digits["train_label"])}
    shuffled = train_iter.label[0][1].asnumpy()
    assert [labels[image.tobytes()] for image in x] == list(shuffled)


@pytest.mark.parametrize("batch_size", [0, -5, 2.5])
def test_a_batch_size_that_is_no_positive_integer_is_refused(digits, batch_size):
    with pytest.raises(ValueError, match=f"batch_size .* got {batch_size}"):
        mnist_iterators(digits, batch_size=batch_size)


@pytest.mark.parametrize("handling", ["pad", "discard", "roll_over"])
def test_batches_give_each_image_once(handling):
    x = np.arange(10, dtype="float32")[:, None]
    data_iter = mx.io.NDArrayIter(x, batch_size=4, last_batch_handle=handling)
    for _ in range(2):
        seen = [batch.asnumpy().ravel().tolist() for batch in batches(data_iter, mx.cpu())]
        if handling == "pad":
            assert seen == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        if handling == "discard":
            assert seen == [[0, 1, 2, 3], [4, 5, 6, 7]]
    if handling == "roll_over":  # in its second round, what the first had left comes first
        assert seen == [[8, 9, 0, 1], [2, 3, 4, 5], [6, 7, 8, 9]]


def test_batches_begin_at_the_beginning(digits):
    train_iter, _ = mnist_iterators(digits, batch_size=64)
    next(train_iter)
    assert sum(len(x) for x in batches(train_iter, mx.cpu())) == 600


# Pixels


@pytest.mark.parametrize(
    ("value", "found"), [(np.nan, "NaN"), (1.01, "0 to 1.01"), (-0.01, "-0.01 to 0"), (255, "255")]
)
@pytest.mark.parametrize("place", [0, 391, 783])
def test_pixels_outside_the_unit_interval_are_refused(value, found, place):
    images = np.zeros((3, 784), "float32")
    images[1, place] = value
    for array in (images, mx.nd.array(images)):
        with pytest.raises(ValueError, match=rf"some images: .* in \[0, 1\], got .*{found}"):
            check_pixels("some images", array)


def test_no_images_are_refused():
    with pytest.raises(ValueError, match=r"x: expected images, got none"):
        check_pixels("x", np.zeros((0, 784)))


def test_iterators_refuse_wrong_pixels(digits):
    wrong = dict(digits, test_data=digits["test_data"] * 255)
    with pytest.raises(ValueError, match=r"test_data: .* in \[0, 1\], got from 0 to 255"):
        mnist_iterators(wrong)


@pytest.mark.parametrize("wrap", [False, True])
def test_any_iterator_is_looked_through(wrap):
    images = np.zeros((10, 784), "float32")
    images[9, 3] = 7
    data_iter = mx.io.NDArrayIter(images, batch_size=4)
    if wrap:
        data_iter = mx.io.ResizeIter(data_iter, 3)
    with pytest.raises(ValueError, match="train_iter"):
        check_iterator("train_iter", data_iter)
