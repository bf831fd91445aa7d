"""``import mxnet`` works by itself in an enabled environment and in a script that is run so."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import vae_gluon
from vae_gluon.distributed.cluster import LOOPBACK, run_cluster
from vae_gluon.mxnet_today import command, server

ROOT = Path(vae_gluon.__file__).parent.parent
RUNNER = ("-m", "vae_gluon.mxnet_today")


def run(*words, python=sys.executable, **environment):
    """Run Python; by default without the line that its environment may have."""
    return subprocess.run(
        [str(python), *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, "MXNET_TODAY": "0", **environment},
    )


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The Python of an environment of its own, that sees what this one has installed."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/*/site-packages")
    (site / "seen.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
    return folder / "bin" / "python"


@pytest.fixture
def enabled(bare):
    """The same, enabled."""
    assert run(*RUNNER, "enable", python=bare).returncode == 0
    return bare


def test_what_it_is_told_it_does_and_tells(enabled):
    status = run(*RUNNER, "status", python=enabled)
    assert status.returncode == 0
    assert status.stdout.startswith(f"enabled in {enabled.parent.parent}, by ")
    done = run(*RUNNER, "disable", python=enabled)
    assert (done.returncode, done.stderr) == (0, "")
    after = run(*RUNNER, "status", python=enabled)
    assert (after.returncode, after.stderr) == (1, f"not enabled in {enabled.parent.parent}\n")


# Without mxnet

LOOK = """
import sys
finders = [getattr(finder, "__name__", "") for finder in sys.meta_path]
print(finders.count("MXNetToday"), sorted(sys.modules), sys.path)
"""


def test_an_interpreter_that_imports_no_mxnet_has_one_finder_more(enabled):
    off = run("-W", "error", "-c", LOOK, python=enabled)
    on = run("-W", "error", "-c", LOOK, python=enabled, MXNET_TODAY="1")
    assert (on.stderr, on.stdout[0], off.stdout[0]) == ("", "1", "0")
    assert on.stdout[1:] == off.stdout[1:]


def test_looking_for_mxnet_loads_nothing_and_an_import_that_fails_says_why_each_time(enabled):
    code = "import sys; from importlib.util import find_spec; assert find_spec('mxnet').origin\n"
    code += "assert 'numpy' not in sys.modules\n"
    code += "for _ in range(2):\n try: import mxnet\n except ImportError as error: print(error)"
    done = run("-c", code, python=enabled, MXNET_TODAY="1", OMP_NUM_THREADS="auto")
    told = "expected OMP_NUM_THREADS to be a number of threads, got 'auto'\n"
    assert (done.stdout, done.stderr) == (2 * told, "")


def test_the_line_does_nothing_once_the_package_is_gone(enabled):
    (line,) = enabled.parent.parent.glob(f"lib/*/site-packages/{command.NAME}")
    line.write_text(line.read_text().replace(str(command.FOLDER), "/gone"))
    code = "from importlib.util import find_spec; print(find_spec('mxnet').loader)"
    done = run("-W", "error", "-c", code, python=enabled, MXNET_TODAY="1")
    assert done.stderr == ""
    assert "SourceFileLoader" in done.stdout


# The runner


def test_a_script_gets_its_words_and_pythons_options_and_gives_its_exit_code(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, __main__\n"
        "print(sys.argv[1:], sys.warnoptions, __main__.__spec__, 'numpy' in sys.modules)\n"
        "sys.exit(7)\n"
    )
    done = run("-W", "error", *RUNNER, script, "--epochs", "3")
    assert (done.returncode, done.stdout) == (7, "['--epochs', '3'] ['error'] None False\n")


def test_the_sitecustomize_of_the_user_still_runs(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.seen = True")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = run(*RUNNER, "-c", "import sys; print(seen, sys.path.count('x'))", PYTHONPATH=path)
    assert done.stdout == "True 0\n", done.stderr


# With mxnet: everything that imports it, in one script

EVERYWHERE = """
import multiprocessing, pickle, subprocess, sys

def total(array):
    return array.asnumpy().sum().item()

def ones(n):
    import mxnet as mx
    return mx.nd.ones(n)

if __name__ == "__main__":
    methods = sys.argv[1:]
    import mxnet as mx
    import numpy as np
    loaded = [name for name in sys.modules if name.startswith("vae_gluon")]
    assert "vae_gluon" not in loaded and "matplotlib" not in sys.modules, loaded
    array = mx.nd.ones((np.int64(2), 3))
    for method in methods:
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.map(total, [array]) == [6]
            assert pool.map(ones, [3])[0].shape == (3,)
    if methods:
        code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).shape)"
        given = {"input": pickle.dumps(array), "capture_output": True}
        child = subprocess.run([sys.executable, "-c", code], **given)
        assert child.stdout.split() == [b"(2,", b"3)"], child.stderr
    data = mx.gluon.data.ArrayDataset(np.arange(8, dtype="float32"))
    batches = mx.gluon.data.DataLoader(data, batch_size=4, num_workers=1)
    assert [total(batch) for batch in batches] == [6, 22]
    from vae_gluon import VAE, mxnet_today
    assert mxnet_today.late_import is None and mxnet_today is sys.modules[mxnet_today.__name__]
    print("all of it")
"""


@pytest.mark.parametrize(
    ("way", "methods"),
    [
        ("enabled", []),
        pytest.param("enabled", ["spawn", "forkserver"], marks=pytest.mark.slow),
        pytest.param("runner", ["spawn", "forkserver"], marks=pytest.mark.slow),
    ],
)
def test_whoever_imports_mxnet_gets_it(way, methods, request, tmp_path, strict):
    script = tmp_path / "script.py"
    script.write_text(EVERYWHERE)
    if way == "enabled":
        python = request.getfixturevalue("enabled")
        done = run(*strict, script, *methods, python=python, MXNET_TODAY="1")
    else:
        done = run(*strict, *RUNNER, script, *methods, MXNET_TODAY="1")
    assert (done.stdout, done.stderr) == ("all of it\n", "")


# Servers of other people's scripts


def test_a_server_refuses_an_optimizer_and_unpickles_nothing(monkeypatch, capfd):
    ended = []
    monkeypatch.setattr(server.os, "_exit", ended.append)
    server._refuse(1, b"\x80", None)  # another command
    assert ended == []
    server._refuse(server.OPTIMIZER, b"\x80", None)
    assert ended == [1]
    assert "pass update_on_kvstore=False to gluon.Trainer" in capfd.readouterr().err


TRAINING = """
import mxnet as mx
from mxnet import autograd, gluon, nd
store = mx.kv.create("dist_sync")
net = gluon.nn.Dense(1, in_units=2)
net.initialize(mx.init.One())
trainer = gluon.Trainer(
    net.collect_params(), "sgd", {"learning_rate": 0.1}, kvstore=store, update_on_kvstore=False
)
for _ in range(3):
    with autograd.record():
        loss = net(nd.ones((4, 2))).sum()
    loss.backward()
    trainer.step(4)
print(net.weight.data().asnumpy().round(3).tolist())
"""


@pytest.mark.slow
def test_other_peoples_cluster_is_served():
    assert run_cluster(LOOPBACK, [sys.executable, *RUNNER, "-c", TRAINING]) == 0
