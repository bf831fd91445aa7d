"""MXNet does with NumPy's numbers and arrays what it did with the NumPy of its time."""

import copy
import json
import types

import matplotlib.pyplot as plt
import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn

from vae_gluon.mxnet_today import old_behaviour
from vae_gluon.mxnet_today.old_behaviour import Text

NEW = np.lib.NumpyVersion(np.__version__) >= "2.0.0"


# Parameters as text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((np.int64(3),), "(3,)"),
        ([np.float64(0.1), np.float32(0.1)], "[0.1, 0.1]"),
        (((np.int32(1), None), [np.bool_(True)]), "((1, None), [True])"),
        ((np.str_("a"), "np.b"), "('a', 'np.b')"),
        ("np.a", "np.a"),
        (np.float64(0.5), "0.5"),
        (None, "None"),
    ],
)
def test_text_is_that_of_pythons_own_numbers(value, text):
    assert Text(value) == text
    assert type(Text(value)) is str
    assert isinstance(value, Text) == isinstance(value, str)


def test_operators_symbols_optimizers_and_blocks_take_numbers_of_numpys():
    two, three = np.array([2, 3])
    x = nd.arange(6).reshape(2, 3)
    assert nd.tile(x, reps=(two, 1)).shape == (4, 3)
    assert nd.random.uniform(shape=(two, three)).shape == (2, 3)
    x[np.int64(0), np.int64(1) : three] = 9
    assert x.asnumpy()[0].tolist() == [0, 9, 9]
    assert mx.np.ones((2, 6)).reshape((three, 4)).shape == (3, 4)
    y = mx.sym.Convolution(mx.sym.var("image"), kernel=(three, three), num_filter=two)
    assert y.infer_shape(image=(1, 2, 5, 5))[1] == [(1, 2, 3, 3)]

    weights = [nd.ones(2), nd.ones(2), nd.ones(3), nd.ones(3)]  # each with its gradient
    rates = list(np.array([0.5, 0.25]))
    nd.multi_sgd_update(*weights, lrs=rates, wds=[0, 0], num_weights=2, out=weights[::2])
    assert weights[2].asnumpy().tolist() == [0.75] * 3

    net = gluon.model_zoo.vision.mobilenet0_25(classes=np.int64(7))
    net.initialize()
    assert net(nd.ones((1, 3, 32, 32))).shape == (1, 7)
    normalize = gluon.data.vision.transforms.Normalize(tuple(np.ones(3)), tuple(np.full(3, 2.0)))
    assert normalize(nd.zeros((3, 1, 1))).asnumpy().ravel().tolist() == [-0.5] * 3


# recordio


@pytest.mark.parametrize("label", [[1.5, 2.5], (1.5, 2.5), np.array([1.5, 2.5])])
def test_labels_are_packed(label):
    header, content = mx.recordio.unpack(mx.recordio.pack((0, label, 7, 0), b"content"))
    assert (header.label.tolist(), header.id, content) == ([1.5, 2.5], 7, b"content")


def test_encoded_images_are_packed(monkeypatch):
    """OpenCV, which encodes them, need not be installed."""
    cv2 = types.ModuleType("cv2")
    cv2.IMWRITE_PNG_COMPRESSION = 16
    cv2.imencode = lambda *args: (True, np.frombuffer(b"encoded", np.uint8))
    monkeypatch.setattr(mx.recordio, "cv2", cv2)
    monkeypatch.setattr(mx.recordio, "np", mx.recordio.np)  # so that it is put back
    old_behaviour.restore_recordio(mx.recordio)
    packed = mx.recordio.pack_img((0, 3.0, 0, 0), np.zeros((2, 2)), img_fmt=".png")
    assert mx.recordio.unpack(packed)[1] == b"encoded"


# Metrics


@pytest.mark.parametrize(
    ("metric", "update"),
    [
        (mx.metric.Loss, (None, nd.array([0.1]))),
        (mx.metric.MAE, (nd.array([0.0]), nd.array([0.1]))),
        (
            lambda: mx.metric.CustomMetric(lambda label, pred: np.float32(0.1)),
            ([nd.array([0.0])], [nd.array([0.0])]),
        ),
    ],
)
def test_metrics_add_in_double_precision(metric, update):
    metric = metric()
    for _ in range(2000):
        metric.update(*update)
    assert metric.get()[1] == pytest.approx(np.float32(0.1), abs=1e-12)
    assert metric.get_global()[1] == metric.get()[1]
    assert json.loads(json.dumps(metric.get()))[1] == metric.get()[1]


def test_metrics_keep_what_is_not_a_float():
    metric = mx.metric.Accuracy()
    metric.update([nd.array([1, 0])], [nd.array([[0.5, 0.6], [0.5, 0.4]])])
    assert type(metric.num_inst) is int
    metric.anything = array = np.ones(2, np.float32)
    assert metric.anything is array


# NDArrays as NumPy's arrays


@pytest.mark.parametrize("make", [nd.array, mx.np.array, lambda v: nd.array(v).tostype("csr")])
def test_arrays_become_numpys(make):
    values = [[1.0, 2.0], [3.0, 4.0]]
    assert np.asarray(make(values)).tolist() == values
    assert np.asarray(make(values), dtype="int8").dtype == "int8"
    np.testing.assert_allclose(np.stack([make(values)] * 2).sum(axis=0), 2 * np.array(values))


def test_matplotlib_takes_arrays():
    (line,) = plt.plot(nd.array([1, 4, 9]))
    assert line.get_ydata(orig=False).tolist() == [1, 4, 9]
    plt.close("all")


@pytest.mark.skipif(not NEW, reason="needs NumPy 2")
def test_an_array_that_would_share_memory_is_refused():
    with pytest.raises(ValueError, match="which NumPy can only copy"):
        np.array(nd.ones(3), copy=False)


def test_arithmetic_stays_mxnets():
    """NumPy leaves it to MXNet, which takes numbers of NumPy's, and no arrays, as ever."""
    assert type(np.float64(2) - nd.ones(3)) is nd.NDArray
    assert type(np.float32(1) + mx.np.ones(3)) is mx.np.ndarray
    with pytest.raises(TypeError, match=r"numpy.ndarray'> not supported"):
        np.ones(3) * nd.ones(3)


def test_an_array_is_made_of_a_list_of_arrays():
    made = nd.array([nd.ones(2), nd.zeros(2)], dtype="int32")
    assert made.asnumpy().tolist() == [[1, 1], [0, 0]]


# Integers out of range


def assign(value):
    x = nd.zeros(1, dtype="uint8")
    x[:] = value
    return x


@pytest.mark.parametrize(
    "make", [lambda v: nd.array(v, dtype="uint8"), lambda v: mx.np.array(v, dtype="uint8"), assign]
)
def test_an_integer_out_of_range_is_named(make):
    if NEW:
        with pytest.raises(OverflowError, match=r"-1 out of bounds for uint8"):
            make([-1])
    else:
        assert make([-1]).asnumpy().tolist() == [255]


# Copies of nets


def test_a_deep_copy_of_a_hybridized_net_can_be_trained():
    net = nn.HybridSequential()
    net.add(nn.Dense(3, in_units=2), nn.Dense(1, in_units=3))
    net.initialize()
    net.hybridize()
    x = nd.ones((4, 2))
    before = net(x).asnumpy()
    twin = copy.deepcopy(net)
    np.testing.assert_array_equal(twin(x).asnumpy(), before)
    trainer = gluon.Trainer(twin.collect_params(), "sgd", {"learning_rate": 0.1})
    with autograd.record():
        loss = (twin(x) - 1) ** 2
    loss.backward()
    trainer.step(4)
    assert ((twin(x) - 1) ** 2).sum().asscalar() < loss.sum().asscalar()
    np.testing.assert_array_equal(net(x).asnumpy(), before)


# ONNX, by MXNet's own converters


def test_an_exported_file_says_what_it_is_computes_the_same_and_can_be_imported(tmp_path):
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    net = nn.HybridSequential()
    net.add(nn.Conv2D(2, 3, in_channels=1), nn.Flatten(), nn.Dense(3, in_units=18))
    net.initialize(mx.init.Xavier())
    net.hybridize()
    x = nd.random.uniform(shape=(1, 1, 5, 5))
    expected = net(x).asnumpy()
    net.export(str(tmp_path / "net"))
    ends = ("-symbol.json", "-0000.params", ".onnx")
    *files, path = (str(tmp_path / f"net{end}") for end in ends)
    mx.onnx.export_model(*files, [(1, 1, 5, 5)], np.float32, path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == 13
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {session.get_inputs()[0].name: x.asnumpy()})
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)

    symbol, arguments, _ = mx.contrib.onnx.import_model(path)
    assert mx.contrib.onnx.get_model_metadata(path)["input_tensor_data"][0][1] == (1, 1, 5, 5)
    inputs = set(symbol.list_inputs()) - set(arguments)
    bound = symbol.bind(mx.cpu(), {**arguments, inputs.pop(): x})
    np.testing.assert_allclose(bound.forward()[0].asnumpy(), expected, rtol=1e-5, atol=1e-6)

    # onnx is left as it was; of onnx 1.16 the mapping is its own.
    assert type(vars(onnx).get("mapping", types)) is types.ModuleType
    assert "opset_imports" not in getattr(onnx.helper.make_model, "keywords", {})
