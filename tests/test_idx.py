"""IDX files are read as the format is described, and a wrong one gets its reason."""

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
        (TRAIN_IMAGES, b"", r"2051, N, 28, 28 .* got: .*\w"),
        (TRAIN_IMAGES, idx_images(7)[:9], r"got: .*\w"),
        (TRAIN_IMAGES, idx_images(7)[:-1], "got: 5487 of 5488 bytes"),
        (TRAIN_IMAGES, idx_images(7) + b"\0", "got: more"),
        (TRAIN_IMAGES, idx_labels([1] * 99), r"2051, N, 28, 28 .* got: the numbers \[2049, 99, "),
        (TRAIN_LABELS, idx_images(7), r"2049, N .* got: the numbers \[2051, 7\]"),
        (TRAIN_IMAGES, b"<!DOCTYPE html><html>", r"got: the numbers \[1008813135, "),
        (TRAIN_IMAGES, idx_images(7, shape=(7, 14, 56)), r"got: the numbers \[2051, 7, 14, 56\]"),
        (TRAIN_IMAGES, idx_images(0), "got: N = 0"),
        (TRAIN_IMAGES, idx_images(7, shape=(2**21, 28, 28)), "got: N = 2097152"),
        (TRAIN_LABELS, idx_labels([0] * 6), "a label for each of 7 images, got 6"),
    ],
)
def test_a_wrong_file_gets_its_reason(tmp_path, contents, name, content, message):
    contents[name] = content
    with pytest.raises(ValueError, match=rf"{name}(\.gz)?: expected .*{message}"):
        load_mnist(write(tmp_path, contents, packed=name == TRAIN_IMAGES))


@pytest.mark.parametrize("content", [gzip.compress(idx_images(7))[:-9], b"\x1f\x8b no gzip"])
def test_a_damaged_gzip_file_gets_its_reason(tmp_path, content):
    (tmp_path / "images.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"images.gz: expected an IDX file .* got: \w+"):
        read_images(tmp_path / "images.gz")


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
    """Return the content of a file, None if it is no whole gzip file but starts as one."""
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, ValueError, gzip.zlib.error):
        return None


@settings(max_examples=150)
@given(data=st.data(), kind=st.sampled_from(sorted(KINDS)), packed=st.booleans())
def test_a_damaged_file_gives_the_right_arrays_or_its_reason(tmp_path_factory, data, kind, packed):
    read, right, whole = KINDS[kind]
    content = data.draw(damaged(gzip.compress(whole, mtime=0) if packed else whole))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    content = unpacked(content)
    expected = None if content is None else right(content)
    if expected is None:
        with pytest.raises(ValueError, match=str(path)):
            read(path)
    else:
        np.testing.assert_array_equal(read(path), expected)


def test_a_gzip_bomb_is_unpacked_as_far_as_its_header_allows(tmp_path):
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(idx_images(2) + bytes(10**8), 1))
    with at_most(megabytes=2), pytest.raises(ValueError, match="got: more"):
        read_images(path)
