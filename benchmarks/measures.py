"""What a race does not show: starting up, loading, evaluating, drawing, lasting."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

IMPORT = """
import time
begun = time.perf_counter()
import vae_gluon
print(time.perf_counter() - begun)
"""
FIRST_STEP = """
import numpy as np
from benchmarks.contenders import {module}
from benchmarks.race import Task
x = np.zeros((100, 784), np.float32)
{module}.contend(Task(x, None, x, None, epochs=1, cores={cores}), lambda: None)
"""
STARTERS = {"package": "package", "tutorial": "tutorial", "PyTorch eager": "pytorch"}


def medians(codes: dict[str, str], rounds: int) -> dict[str, float]:
    """Return the median seconds of fresh interpreters, each running one of ``codes``, in turns."""
    taken = {name: [] for name in codes}
    for _ in range(rounds):
        for name, code in codes.items():
            begun = time.perf_counter()
            done = subprocess.run([sys.executable, "-c", code], capture_output=True)
            if done.returncode == 0:
                taken[name].append(time.perf_counter() - begun)
    return {name: statistics.median(seconds) for name, seconds in taken.items() if seconds}


def startup(cores: int, data_dir: Path | None, rounds: int = 7) -> dict[str, float]:
    """Seconds from the start of Python: to an import, to the first step; and to read MNIST."""
    taken = [
        subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True)
        for _ in range(rounds)
    ]
    imports = statistics.median(float(run.stdout) for run in taken)
    steps = medians(
        {name: FIRST_STEP.format(module=module, cores=cores) for name, module in STARTERS.items()},
        rounds,
    )
    result = {"import vae_gluon, and mxnet with it": imports}
    result |= {f"start to first step, {name}": taken for name, taken in steps.items()}
    if data_dir is not None:
        from vae_gluon import load_mnist

        taken = []
        for _ in range(rounds):
            begun = time.perf_counter()
            load_mnist(data_dir)
            taken.append(time.perf_counter() - begun)
        result["load MNIST"] = statistics.median(taken)
    return result


def throughput(mnist: dict[str, np.ndarray], rounds: int = 7) -> dict[str, float]:
    """Images a second, with a net of the tutorial's size: evaluated, encoded, generated."""
    import mxnet as mx

    import vae_gluon

    vae_gluon.seed(1)
    net = vae_gluon.VAE(n_layers=2)
    net.initialize(mx.init.Xavier())
    net.hybridize(static_alloc=True, static_shape=True)
    images = mnist["test_data"].reshape(len(mnist["test_data"]), -1)
    _, test_iter = vae_gluon.mnist_iterators(mnist)
    z = np.random.RandomState(1).normal(size=(len(images), 2)).astype(np.float32)
    calls = {
        "evaluate": lambda: vae_gluon.evaluate(net, test_iter),
        "encode": lambda: vae_gluon.encode(net, images),
        "decode (generate)": lambda: vae_gluon.decode(net, z),
    }
    taken = {name: [] for name in calls}
    for round_ in range(rounds + 1):
        for name, call in calls.items():
            begun = time.perf_counter()
            call()
            if round_ > 0:
                taken[name].append(time.perf_counter() - begun)
    return {name: len(images) / statistics.median(seconds) for name, seconds in taken.items()}


def endurance(mnist: dict[str, np.ndarray], epochs: int = 50) -> dict[str, list[float]]:
    """Train as the tutorial does; return the history, and the memory (bytes) in each epoch.

    The memory is measured between training and validation.
    """
    import mxnet as mx

    import vae_gluon

    memory = []

    class Watched(mx.io.NDArrayIter):
        def reset(self):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            memory.append(pages * os.sysconf("SC_PAGE_SIZE"))
            super().reset()

    vae_gluon.seed(1)
    images = {part: mnist[f"{part}_data"].reshape(-1, 784) for part in ("train", "test")}
    train_iter = mx.io.NDArrayIter(images["train"], None, 100)
    test_iter = Watched(images["test"], None, 100)
    net = vae_gluon.VAE(n_layers=2)
    net.hybridize(static_alloc=True, static_shape=True)
    history = vae_gluon.train(net, train_iter, test_iter, epochs=epochs)
    return {**history._asdict(), "memory": memory[-epochs:]}


def machine(cores: int) -> dict[str, str]:
    """Describe what was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": str(cores),
        "system": platform.system(),
        "python": platform.python_version(),
    }
