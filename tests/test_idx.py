"""IDX files are read as the format is described, and a wrong one gets its reason."""

import gzip
import math

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
        (TRAIN_IMAGES, idx_images(7)[:-1], "got: 5487 of 5488 bytes"),
        (TRAIN_IMAGES, idx_images(7) + b"\0", "got: more"),
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


def test_files_are_read_by_content_not_by_name(tmp_path, contents):
    contents[TRAIN_IMAGES] = gzip.compress(contents[TRAIN_IMAGES])
    mnist = load_mnist(write(tmp_path, contents, packed=False))
    assert mnist["train_data"].shape == (7, 1, 28, 28)


# Any bytes give the right arrays or their reason


def right(content, magic, sides):
    """Read a file as the format is described; None if it is none."""
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, ValueError, gzip.zlib.error):
            return None
    n, begin = int.from_bytes(content[4:8], "big"), 8 + 4 * len(sides)
    sizes = b"".join(side.to_bytes(4, "big") for side in sides)
    fits = content[:4] == magic.to_bytes(4, "big") and content[8:begin] == sizes
    if not fits or n == 0 or len(content) != begin + n * math.prod(sides):
        return None
    return np.array(list(content[begin:])).reshape(n, *sides)


@settings(max_examples=150)
@given(data=st.data(), of_images=st.booleans(), packed=st.booleans())
def test_a_damaged_file_gives_the_right_arrays_or_its_reason(
    tmp_path_factory, data, of_images, packed
):
    whole = idx_images(2) if of_images else idx_labels(range(10))
    content = data.draw(damaged(gzip.compress(whole, mtime=0) if packed else whole))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    expected = right(content, 2051, (28, 28)) if of_images else right(content, 2049, ())
    read = read_images if of_images else read_labels
    if expected is None:
        with pytest.raises(ValueError, match=str(path)):
            read(path)
    elif of_images:
        np.testing.assert_array_equal(read(path)[:, 0], expected.astype("float32") / 255)
    else:
        np.testing.assert_array_equal(read(path), expected)


def test_a_gzip_bomb_is_unpacked_as_far_as_its_header_allows(tmp_path):
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(idx_images(2) + bytes(10**7), 1))
    with at_most(megabytes=2), pytest.raises(ValueError, match="got: more"):
        read_images(path)
