"""Every wrong IDX file gets its reason: the file, what was found, what was expected."""

import gzip

import pytest
from idx_files import TRAIN_IMAGES, TRAIN_LABELS, idx_images, idx_labels, write

from vae_gluon import load_mnist


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
        (TRAIN_IMAGES, idx_images(7, shape=(2**31, 28, 28)), "expected 1683627180032 bytes"),
        (TRAIN_LABELS, idx_labels([0, 1, 2, 3, 4, 5, 10]), "labels from 0 to 9, found 10"),
        (TRAIN_LABELS, idx_labels([0, 1, 2, 3, 4, 5, 200]), "labels from 0 to 9, found 200"),
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
