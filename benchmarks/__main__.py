"""``python -m benchmarks``: measure, and write ``results.md`` and ``results.png`` here."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks import measures, report
from benchmarks.race import Task, busy_loops, race
from vae_gluon import MNISTUnavailableError, make_digits
from vae_gluon.data import find_mnist, read_mnist
from vae_gluon.mxnet_today import usable_cores

HERE = Path(__file__).parent
CONTENDERS = {
    "tutorial": "tutorial:contend",
    "package": "package:contend",
    "package without numba": "package:contend_without_numba",
    "PyTorch eager": "pytorch:contend",
    "PyTorch fused Adam": "pytorch:contend_fused",
    "PyTorch compiled": "pytorch:contend_compiled",
    "JAX": "jax_optax:contend",
    "products alone (MXNet)": "floor:contend_mxnet",
    "products alone (PyTorch)": "floor:contend_pytorch",
}
IN_SWEEPS = ["package", "tutorial", "PyTorch eager", "PyTorch fused Adam"]
BESIDE_OTHERS = {
    "package": "package:contend",
    "package on one thread": "package_on_one_thread:contend",
    "PyTorch fused Adam": "pytorch:contend_fused",
}
PARTS = ["race", "sweeps", "busy", "startup", "throughput", "endurance"]


def main() -> None:
    """Measure the parts that the command line asks for; report them with those kept before."""
    args = parse()
    cores = usable_cores() or 1
    try:
        paths = find_mnist(args.data_dir)
        folder, mnist, data = paths["train_data"].parent, read_mnist(paths), "MNIST"
    except MNISTUnavailableError:
        folder, mnist, data = None, make_digits(60000, 10000), "the embedded digits"

    kept = HERE / "results.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    machine = measures.machine(cores) | {"data": data}
    if results.get("machine") != machine:
        results = {"machine": machine}  # figures of another machine do not belong beside these
    for part in args.parts:
        print(f"Measuring: {part}, on {data} and {cores} cores", file=sys.stderr)
        if part == "race":
            task = make_task(mnist, args.rounds, cores)
            results[part] = [asdict(result) for result in race(CONTENDERS, task)]
        elif part == "sweeps":
            results[part] = sweeps(mnist, cores)
        elif part == "busy":
            results[part] = busy(mnist, cores)
        elif part == "startup":
            results[part] = measures.startup(cores, folder)
        elif part == "throughput":
            results[part] = measures.throughput(mnist)
        else:
            results[part] = measures.endurance(mnist)
        kept.write_text(json.dumps(results, indent=1) + "\n")

    text = report.text(results)
    (HERE / "results.md").write_text(text)
    report.plot(results, HERE / "results.png")
    print(text)


def parse():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help=f"what to measure, of {', '.join(PARTS)}; all if not given",
    )
    parser.add_argument("--rounds", type=int, default=9, help="epochs of each, the first apart")
    parser.add_argument("--data-dir", help="the folder with MNIST; otherwise as load_mnist()")
    args = parser.parse_args()
    args.parts = args.parts or PARTS
    if not set(args.parts) <= set(PARTS):
        parser.error(f"expected parts out of {', '.join(PARTS)}, got {' '.join(args.parts)}")
    if args.rounds < 3:
        parser.error(f"expected at least 3 rounds, two of which are counted, got {args.rounds}")
    return args


def make_task(mnist, epochs, cores, train=60000, test=10000, **settings):
    """Describe a task on the first images of each part."""

    def part(name, n):
        images = mnist[f"{name}_data"][:n]
        return images.reshape(len(images), -1), mnist[f"{name}_label"][:n]

    return Task(*part("train", train), *part("test", test), epochs, cores, **settings)


def sweeps(mnist, cores, epochs=5):
    """Race at each point on few images; return microseconds an image."""
    points = {
        "batch size": [{"batch_size": n} for n in (32, 100, 256, 1024, 4096)],
        "hidden units": [{"n_hidden": n} for n in (100, 200, 400, 800, 1600)],
        "cores": [{"cores": n} for n in range(1, cores + 1)],
    }
    contenders = {name: CONTENDERS[name] for name in IN_SWEEPS}
    taken = {}
    for what, settings in points.items():
        taken[what] = {}
        for setting in settings:
            task = make_task(
                mnist, epochs, **{"cores": cores, "train": 8192, "test": 4096} | setting
            )
            taken[what][str(*setting.values())] = {
                result.name: float(np.median(result.seconds)) / len(task.train) * 1e6
                for result in race(contenders, task)
            }
    return taken


def busy(mnist, cores, epochs=4):
    """Race on few images beside other programs; return milliseconds a step, validation included."""
    taken = {}
    for n_cores in range(1, cores + 1):
        task = make_task(mnist, epochs, n_cores, train=6000, test=1000)
        steps = len(task.train) / task.batch_size
        for n_loops in (0, 1, 2, 4):
            with busy_loops(n_loops, n_cores):
                taken[f"{n_cores}, {n_loops}"] = {
                    result.name: float(np.median(result.seconds)) / steps * 1e3
                    for result in race(BESIDE_OTHERS, task)
                }
    return taken


if __name__ == "__main__":
    main()
