"""Parameter files are looked through before MXNet sees them, and refused with the reason."""

import struct
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from damage import at_most, damaged
from hypothesis import given
from hypothesis import strategies as st
from mxnet import gluon, nd

from vae_gluon import VAE
from vae_gluon.model import (
    check_parameters,
    named_parameters,
    parameter_arrays,
    read_parameters,
    set_parameters,
    write_parameters,
)


def values(net):
    return {name: p.data().asnumpy() for name, p in net._collect_params_with_prefix().items()}


@pytest.fixture
def saved(net, tmp_path):
    """The parameter file of ``net``."""
    path = tmp_path / "net.params"
    net.save_parameters(str(path))
    return path


def small_file(folder):
    path = folder / "small.params"
    nd.save(str(path), {"a.wide": nd.arange(6).reshape((2, 3)), "a.bias": nd.ones((2,))})
    return path


def test_arrays_are_those_that_mxnet_reads(tmp_path):
    path = str(tmp_path / "file.params")
    arrays = {
        f"{dtype} {shape}": nd.array(np.arange(np.prod(shape)).reshape(shape), dtype=dtype)
        for dtype in ("float16", "float32", "float64", "uint8", "int8", "int32", "int64")
        for shape in ((1,), (7,), (2, 3), (2, 1, 3, 4))
    }
    nd.save(path, arrays)
    read = read_parameters(path)
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array.asnumpy())
    write_parameters(tmp_path / "written.params", read)
    assert (tmp_path / "written.params").read_bytes() == Path(path).read_bytes()


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (lambda data: b"", "expected the magic number 0x112, got 0x0"),
        (lambda data: data[:-1], "expected 6 bytes, got its end after 5"),
        (lambda data: data + b"\0", "2 arrays, each with one name, then the end"),
        (lambda data: data[:28] + b"\1" + data[29:], "got storage type 1"),
        (lambda data: data[:32] + struct.pack("<i", 33) + data[36:], "1 to 32 dim.* 33 dimensions"),
        (lambda data: data[:36] + struct.pack("<q", -2) + data[44:], "expected an array of num"),
        (lambda data: data[:60] + b"\x63" + data[61:], "type 99"),
        (lambda data: data.replace(b"a.wide", b"a.w\xffde"), "invalid start byte"),
        (lambda data: data.replace(b"wide", b"bias"), "2 arrays, each with one name, then"),
        (lambda data: data.replace(b"wide", b"wid\0"), "2 arrays, each with one name, then"),
        # What they claim to hold sets no memory aside.
        (lambda data: data[:16] + struct.pack("<Q", 10**9) + data[24:], "got storage type"),
        (lambda data: data[:32] + struct.pack("<i", 2**30) + data[36:], "1073741824 dimensions"),
        (
            lambda data: data[:36] + struct.pack("<qq", 2**40, 2**20) + data[52:],
            "expected .* bytes",
        ),
        (lambda data: data[:-14] + struct.pack("<Q", 2**40) + data[-6:], "bytes, got its"),
    ],
)
def test_a_file_that_is_none_gets_its_reason(tmp_path, net, cut, message):
    path = small_file(tmp_path)
    path.write_bytes(cut(path.read_bytes()))
    for read in (read_parameters, net.load_parameters):
        with at_most(megabytes=1), pytest.raises(ValueError, match=message) as error:
            read(path)
        assert str(error.value).startswith(f"{path} is not a parameter file of MXNet: ")


def test_names_must_be_there(tmp_path):
    path = tmp_path / "list.params"
    nd.save(str(path), [nd.ones((2,))])
    with pytest.raises(ValueError, match="expected 1 arrays, each with one name"):
        read_parameters(path)


@given(data=st.data())
def test_a_damaged_file_is_refused_or_read_as_mxnet_reads_it(tmp_path_factory, data):
    path = small_file(tmp_path_factory.getbasetemp())
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    try:
        read = read_parameters(path)
    except ValueError:
        return
    loaded = nd.load(str(path))
    assert list(read) == list(loaded) if loaded else not read
    for name, array in read.items():
        np.testing.assert_array_equal(array, loaded[name].asnumpy())


LAST = "decoder.1.bias"  # what loads last


# Parameters that two blocks share


def sharing():
    net = gluon.nn.HybridSequential()
    first = gluon.nn.Dense(3, in_units=3)
    net.add(first, gluon.nn.Dense(3, in_units=3, params=first.params))
    return net


@pytest.mark.parametrize("deduplicate", [False, True])
def test_a_parameter_that_two_blocks_share_may_be_in_the_file_once(tmp_path, deduplicate):
    path = tmp_path / "shared.params"
    net = sharing()
    net.initialize()
    net.save_parameters(str(path), deduplicate=deduplicate)
    assert len(nd.load(str(path))) == (2 if deduplicate else 4)
    check_parameters(path, sharing())
    nd.save(str(path), {"0.weight": nd.ones((3, 3))})
    with pytest.raises(
        ValueError, match=r"missing arrays \['0\.bias', '1\.bias'\], unexpected arrays \[\]"
    ):
        check_parameters(path, sharing())


def test_shared_parameters_are_written_once_and_set_everywhere(tmp_path):
    net, other, third = sharing(), sharing(), sharing()
    net.initialize(mx.init.Uniform(1))
    arrays = parameter_arrays(net)
    assert list(arrays) == list(named_parameters(net)) == ["0.weight", "0.bias"]
    set_parameters(other, arrays, mx.cpu(1))
    write_parameters(tmp_path / "shared.params", arrays)
    third.load_parameters(str(tmp_path / "shared.params"))
    x = nd.random.uniform(shape=(2, 3))
    expected = net(x).asnumpy()
    np.testing.assert_array_equal(other(x.as_in_context(mx.cpu(1))).asnumpy(), expected)
    np.testing.assert_array_equal(third(x).asnumpy(), expected)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (LAST, np.zeros((784, 1), "f4"), r"expected \(784,\) float32, got \(784, 1\) float32"),
        (LAST, np.zeros(784), r"expected \(784,\) float32, got \(784,\) float64"),
        (LAST, np.full(784, np.nan, "f4"), "expected finite numbers, got nan"),
        (
            "decoder.1.bisa",
            np.zeros(784),
            r"missing arrays \[\], unexpected arrays \['decoder.1.bisa'\]",
        ),
    ],
    ids=["longer shape", "type", "nan", "name"],
)
def test_arrays_that_do_not_fit_are_named_in_the_error_and_the_net_stays(
    saved, name, array, message
):
    nd.save(str(saved), {**nd.load(str(saved)), name: nd.array(array, dtype=array.dtype)})
    net = VAE(n_hidden=32)
    net.initialize(mx.init.Xavier())
    before = values(net)
    with pytest.raises(ValueError, match=f"{saved}: .*{message}"):
        net.load_parameters(saved)
    for name, value in values(net).items():
        np.testing.assert_array_equal(value, before[name])


def test_gluons_own_allowances_are_made(net, saved):
    with pytest.raises(ValueError, match=r"expected \(1, 784\) float32, got \(32, 784\)"):
        VAE(n_hidden=1).load_parameters(saved)  # and not any number of units
    arrays = nd.load(str(saved))
    del arrays[LAST]
    arrays["more.weight"] = nd.ones((3,))
    arrays["encoder.0.bias"] = arrays["encoder.0.bias"].astype("float64") + 1
    nd.save(str(saved), arrays)
    before = values(net)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.params"):
        net.load_parameters("nowhere.params")
    net.load_parameters(saved, allow_missing=True, ignore_extra=True, cast_dtype=True)
    np.testing.assert_array_equal(values(net)[LAST], before[LAST])
    assert values(net)["encoder.0.bias"].mean() == 1


def test_the_tutorials_names_are_known(net, tmp_path):
    path = tmp_path / "tutorial.params"
    net.collect_params().save(str(path), strip_prefix=net.prefix)
    other = VAE(n_hidden=32)
    other.load_parameters(path)
    np.testing.assert_array_equal(values(other)[LAST], values(net)[LAST])
    nd.save(str(path), {f"arg:{name}": array for name, array in nd.load(str(path)).items()})
    VAE(n_hidden=32).load_parameters(path)  # as mx.model.load_checkpoint names them
    with pytest.raises(ValueError, match=r"dense0_weight: expected \(31, .*, got \(32, 784\)"):
        VAE(n_hidden=31).load_parameters(path)
