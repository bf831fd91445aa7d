"""The exported graphs give what the net gives, in onnxruntime and in MXNet, for any batch size."""

import errno
import re
import shutil
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib.pyplot as plt
import mxnet as mx
import numpy as np
import pytest
from mxnet import gluon, nd

from vae_gluon import (
    VAE,
    conv_decoder,
    conv_encoder,
    decode,
    export_onnx,
    export_symbol,
    ndtri_grid,
    seed,
)
from vae_gluon.command import cli
from vae_gluon.inference.export import PARTS
from vae_gluon.plotting import tile

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")

CLOSE = 1e-5  # single precision, in other orders of addition


def dense():
    return VAE(n_hidden=50, n_latent=3, n_layers=2)


def convolutional():
    return VAE(n_latent=5, encoder=conv_encoder(5, 40), decoder=conv_decoder(5, 40))


@pytest.fixture(params=[dense, convolutional])
def net(request):
    net = request.param()
    seed(2)
    net.initialize(mx.init.Xavier(magnitude=6))
    return net


def given(net, part, n):
    """Return inputs for a part, and what the net makes of them."""
    rng = np.random.default_rng(n)
    x = rng.random((n, net.n_output)).astype("float32")
    noise = rng.standard_normal((n, net.n_latent)).astype("float32")
    if part == "decoder":
        return {"z": noise}, {"y": net.decode(nd.array(noise))}
    mu, lv = net.encode(nd.array(x))
    if part == "encoder":
        return {"x": x}, {"mu": mu, "lv": lv}
    y = net.decode(mu + nd.exp(lv / 2) * nd.array(noise))
    return {"x": x, "eps": noise}, {"mu": mu, "lv": lv, "y": y}


# MXNet's own, of every graph that is imported.
imports_warns = pytest.mark.filterwarnings("ignore:Cannot decide type:UserWarning")


@imports_warns
@pytest.mark.parametrize("part", PARTS)
def test_onnxruntime_and_a_symbol_block_give_what_gluon_gives(net, part, tmp_path, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of mxnet, too
        exported = export_onnx(net, tmp_path / "a.onnx", part)
    session = onnxruntime.InferenceSession(
        str(tmp_path / "a.onnx"), providers=["CPUExecutionProvider"]
    )
    assert {value.name: tuple(value.shape) for value in session.get_inputs()} == exported.inputs
    assert {value.name: tuple(value.shape) for value in session.get_outputs()} == exported.outputs
    files, names, outputs = export_symbol(net, tmp_path / "a", part)
    assert (names, outputs) == exported[1:]
    blocks = {
        ctx: gluon.SymbolBlock.imports(str(files[0]), list(names), str(files[1]), ctx=ctx)
        for ctx in (mx.cpu(0), mx.cpu(1))
    }
    for n in (1, 7):
        inputs, expected = given(net, part, n)
        for name, result in zip(outputs, session.run(None, inputs)):
            assert result.shape == (n, outputs[name][1])
            np.testing.assert_allclose(result, expected[name].asnumpy(), rtol=CLOSE, atol=CLOSE)
        for ctx, block in blocks.items():
            results = block(*(nd.array(inputs[name], ctx=ctx) for name in names))
            for name, result in zip(outputs, results if len(outputs) > 1 else [results]):
                assert result.context == ctx
                np.testing.assert_array_equal(result.asnumpy(), expected[name].asnumpy())
    assert capfd.readouterr() == ("", "")

    model = onnx.load(str(tmp_path / "a.onnx"))
    assert [entry.version for entry in model.opset_import] == [13]
    assert model.ir_version == 7  # that of ONNX 1.8, which brought opset 13
    used = {name for node in model.graph.node for name in node.input}
    assert {value.name for value in model.graph.initializer} <= used


@pytest.mark.parametrize("export", [export_onnx, export_symbol])
def test_what_cannot_be_exported_raises_and_writes_nothing(export, tmp_path):
    with pytest.raises(ValueError, match="VAE has no parameters yet"):
        export(VAE(), tmp_path / "a")
    net = dense()
    net.initialize()
    with pytest.raises(ValueError, match="part: expected one of encoder, decoder, vae, got 'loss'"):
        export(net, tmp_path / "a", "loss")
    with pytest.raises(OSError, match=r"No such file or directory: .*nowhere"):
        export(net, tmp_path / "nowhere" / "a")
    assert not list(tmp_path.iterdir())


def test_an_export_that_fails_keeps_both_older_files(net, tmp_path, monkeypatch):
    def fail(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    def contents():
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    export_symbol(net, tmp_path / "a")
    before = contents()
    net.initialize(force_reinit=True)
    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match=r"No space left on device: '.*a-.*'$"):
        export_symbol(net, tmp_path / "a")
    assert contents() == before


def with_layers(*layers):
    """Return a net whose encoder has these layers."""
    encoder = gluon.nn.HybridSequential(prefix="encoder")
    encoder.add(gluon.nn.Dense(8, in_units=784), *layers, gluon.nn.Dense(4, in_units=8))
    net = VAE(n_latent=2, encoder=encoder)
    net.initialize(mx.init.Xavier(magnitude=6))
    return net


def less(name, **options):
    """Return a layer that subtracts what an operator of MXNet makes of its input."""
    return gluon.nn.HybridLambda(lambda F, h: F.broadcast_sub(h, getattr(F, name)(h, **options)))


BATCH_NORM = gluon.nn.BatchNorm(in_channels=8)  # whose statistics are exported too
LAYER_NORM = gluon.nn.LayerNorm(in_channels=8)
OVER_AXES = (less(name, axis=1, keepdims=True) for name in ("mean", "max", "norm"))


@imports_warns
@pytest.mark.parametrize("layer", [BATCH_NORM, LAYER_NORM, *OVER_AXES])
def test_other_layers_are_exported(layer, tmp_path):
    """Operators take axes as an attribute up to opset 13, and as an input since."""
    net = with_layers(layer)
    with mx.autograd.train_mode():
        net.encoder(nd.random.uniform(shape=(50, 784)))
    inputs, expected = given(net, "encoder", 3)
    files = export_symbol(net, tmp_path / "a", "encoder").files
    kinds = {name.split(".")[-1]: name[:4] for name in nd.load(str(files[1]))}
    assert kinds.get("running_mean", "aux:") == "aux:"  # as MXNet reads them
    assert kinds["weight"] == kinds.get("gamma", "arg:") == "arg:"
    block = gluon.SymbolBlock.imports(str(files[0]), ["x"], str(files[1]))
    lv = block(nd.array(inputs["x"]))[1].asnumpy()
    np.testing.assert_array_equal(lv, expected["lv"].asnumpy())
    export_onnx(net, tmp_path / "a.onnx", "encoder")
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"))
    np.testing.assert_allclose(session.run(["lv"], inputs)[0], lv, atol=CLOSE)


def test_onnx_is_left_as_it_was(tmp_path):
    before = dict(vars(onnx)), dict(vars(onnx.checker))
    message = "this net as ONNX: No conversion function registered for op type gamma"
    with pytest.raises(ValueError, match=message):
        export_onnx(with_layers(gluon.nn.HybridLambda("gamma")), tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())
    nets, paths = (with_layers(), with_layers()), (tmp_path / "b.onnx", tmp_path / "c.onnx")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(export_onnx, nets, paths))
    assert (dict(vars(onnx)), dict(vars(onnx.checker))) == before


def test_the_command_exports_a_run(finished, tmp_path, capsys, monkeypatch):
    run = shutil.copytree(finished, tmp_path / "run")
    assert cli.main(["export", str(run)]) == 0
    assert cli.main(["export", str(run), "--part", "decoder", "--out", str(tmp_path / "a/b")]) == 0
    assert cli.main(["export", str(run), "--format", "symbol", "--part", "encoder"]) == 0
    assert capsys.readouterr() == (
        f"x (N, 784), eps (N, 2) -> mu (N, 2), lv (N, 2), y (N, 784): {run / 'vae.onnx'}\n"
        f"z (N, 2) -> y (N, 784): {tmp_path / 'a/b/decoder.onnx'}\n"
        f"x (N, 784) -> mu (N, 2), lv (N, 2): {run / 'encoder-symbol.json'}, "
        f"{run / 'encoder-0000.params'}\n",
        "",
    )
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert cli.main(["export", str(run)]) == 2
    error = capsys.readouterr().err
    assert "onnx" in error
    assert error.count("\n") == 1


PAGE = Path(__file__).parent.parent / "docs" / "without_mxnet.md"


def test_the_page_draws_the_latent_plane_without_mxnet(tmp_path, monkeypatch):
    net = VAE(n_hidden=50)
    net.initialize(mx.init.Xavier(magnitude=6))
    export_onnx(net, tmp_path / "decoder.onnx", "decoder")
    upwards = decode(net, ndtri_grid(20)).reshape(20, 20, 784)[::-1]
    canvas = tile(upwards.reshape(400, 784), 20)
    plt.imsave(tmp_path / "gluon.png", canvas, cmap="Greys", vmin=0, vmax=1)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    for name in ("mxnet", "vae_gluon"):
        monkeypatch.setitem(sys.modules, name, None)
    exec(code, {})
    ours, theirs = plt.imread("gluon.png"), plt.imread("scan.png")
    # One step of grey, where single precision rounds to the other side.
    np.testing.assert_allclose(ours, theirs, atol=1.01 / 255)
