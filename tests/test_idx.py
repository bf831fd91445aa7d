"""Every wrong IDX file gets its reason: the file, what was found, what was expected."""

import gzip

import numpy as np
import pytest
from damage import at_most, damaged
from hypothesis import given, settings
from hypothesis import strategies as st
from idx_files import TRAIN_IMAGES, TRAIN_LABELS, idx_images, idx_labels, write

from vae_gluon import load_mnist
from vae_gluon.data.idx import read_images, read_labels


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (TRAIN_IMAGES, b"", "expected a header of 16 bytes, found only 0"),
        (TRAIN_IMAGES, idx_images(7)[:-1], "expected 5488 bytes .* found only 5487"),
        (TRAIN_IMAGES, idx_images(7) + b"\0", "expected 5488 bytes .* found more"),
        (TRAIN_IMAGES, idx_labels([1] * 99), "the magic number 2051, found 2049"),
        (TRAIN_LABELS, idx_images(7), "magic number 2049, found 2051"),
        (TRAIN_IMAGES, b"<!DOCTYPE html><html>", "found 1008813135: .*begins with b'<!DO'"),
        (TRAIN_IMAGES, idx_images(7, shape=(7, 32, 32)), r"\('N', 28, 28\) .*found \(7, 32, 32\)"),
        (TRAIN_IMAGES, idx_images(7, shape=(7, 14, 56)), r"found \(7, 14, 56\)"),
        (TRAIN_IMAGES, idx_images(0), r"N of at least 1, found \(0, 28, 28\)"),
        (TRAIN_IMAGES, idx_images(7, shape=(2**21, 28, 28)), "expected (16|at most 100)"),
        (TRAIN_IMAGES, idx_images(7, shape=(2**22, 28, 28)), "fewer than 2147483648 numbers"),
        (TRAIN_LABELS, idx_labels([0] * 6), "holds 7 images and .* 6 labels"),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_a_wrong_file_gets_its_reason(tmp_path, contents, packed, name, content, message):
    contents[name] = content
    folder = write(tmp_path, contents, packed)
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


# Any bytes give the right arrays or their reason


def right_images(data):
    """Read images as their format is described; None if they are none."""
    n = int.from_bytes(data[4:8], "big")
    sides = data[8:16] == bytes([0, 0, 0, 28, 0, 0, 0, 28])
    if data[:4] != bytes([0, 0, 8, 3]) or n == 0 or not sides or len(data) != 16 + 784 * n:
        return None
    return np.array(list(data[16:]), "float32").reshape(n, 1, 28, 28) / 255


def right_labels(data):
    """Read labels as their format is described; None if they are none."""
    n, labels = int.from_bytes(data[4:8], "big"), list(data[8:])
    if data[:4] != bytes([0, 0, 8, 1]) or n == 0 or len(labels) != n:
        return None
    return np.array(labels, "uint8" if max(labels) > 127 else "int8")


KINDS = {
    "images": (read_images, right_images, idx_images(2)),
    "labels": (read_labels, right_labels, idx_labels(range(10))),
}


def unpacked(data):
    """Return the content of a file, None if it is no whole gzip file but begins as one."""
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, ValueError, gzip.zlib.error):
        return None


def read_or_refuse(path, kind, data):
    """See that ``data`` gives the right arrays or a ValueError that names the file."""
    read, right, _ = KINDS[kind]
    path.write_bytes(data)
    content = unpacked(data)
    expected = None if content is None else right(content)
    with at_most(megabytes=2):
        if expected is None:
            with pytest.raises(ValueError, match=str(path)):
                read(path)
        else:
            np.testing.assert_array_equal(read(path), expected)


@settings(max_examples=300)
@given(data=st.data(), kind=st.sampled_from(sorted(KINDS)), packed=st.booleans())
def test_a_damaged_file_gives_the_right_arrays_or_its_reason(tmp_path_factory, data, kind, packed):
    content = KINDS[kind][-1]
    content = data.draw(damaged(gzip.compress(content, mtime=0) if packed else content))
    read_or_refuse(tmp_path_factory.getbasetemp() / "damaged", kind, content)


@given(kind=st.sampled_from(sorted(KINDS)), data=st.binary(max_size=200), packed=st.booleans())
def test_any_bytes_give_their_reason(tmp_path_factory, kind, data, packed):
    content = gzip.compress(data, mtime=0) if packed else data
    read_or_refuse(tmp_path_factory.getbasetemp() / "any", kind, content)


@pytest.mark.parametrize("packed", [True, False])
def test_a_header_that_claims_everything_sets_no_memory_aside(tmp_path, packed):
    data = idx_images(2, shape=(2**21, 28, 28))
    path = tmp_path / "claim"
    path.write_bytes(gzip.compress(data) if packed else data)
    message = r"at most 100 times" if packed else r"1644167168 bytes .* only 1568"
    with at_most(megabytes=2), pytest.raises(ValueError, match=message):
        read_images(path)


def test_a_small_gzip_file_of_many_images_is_a_bomb(tmp_path):
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(idx_images(2, shape=(10**5, 28, 28)) + bytes(784 * 10**5), 9))
    with (
        at_most(megabytes=2),
        pytest.raises(ValueError, match=r"at most 100 times .* the shape \(100000, 28, 28\)"),
    ):
        read_images(path)


def test_a_gzip_bomb_stops_at_what_its_header_allows(tmp_path):
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(idx_images(2) + bytes(10**8), 1))
    with (
        at_most(megabytes=2),
        pytest.raises(ValueError, match=r"expected 1568 bytes .* found more"),
    ):
        read_images(path)
