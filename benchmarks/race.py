"""Races: each contender in a process of its own, epoch by epoch, in turns."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Task:
    """What every contender does."""

    train: np.ndarray  # (N, 784) float32
    train_label: np.ndarray  # (N,)
    test: np.ndarray
    test_label: np.ndarray
    epochs: int
    cores: int  # which the contenders may use
    batch_size: int = 100
    n_hidden: int = 400
    n_latent: int = 2
    n_layers: int = 2
    seed: int = 1


@dataclass
class Result:
    """What is known of one contender after a race."""

    name: str
    library: str = ""  # with its version
    seconds: list[float] = field(default_factory=list)
    losses: list[list[float]] = field(default_factory=list)  # (train, test) of each epoch
    peak: int = 0  # bytes


@dataclass
class Runner:
    """One contender's process."""

    process: subprocess.Popen
    log: IO[str]
    result: Result
    failure: str = ""

    def go(self) -> dict | None:
        """Let it run to its next turn; return its answer, None if it has failed."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.listen()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()  # which closes its pipes
        self.log.close()

    def listen(self) -> dict | None:
        """Return its next answer; None when it has failed, with the reason in ``failure``."""
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            self.failure = (self.log.read().strip().splitlines() or ["no message"])[-1]
            print(f"{self.result.name} takes no part: {self.failure}", file=sys.stderr)
            return None
        return json.loads(line)


def race(
    contenders: dict[str, str],
    task: Task,
    warm_up: int = 1,
) -> list[Result]:
    """Run ``task.epochs`` rounds, in each of them one epoch of each contender.

    The first ``warm_up`` rounds are run and not counted. A contender that fails drops out, and
    says why.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "task.pkl")
        path.write_bytes(pickle.dumps(task, protocol=4))
        runners = []
        try:
            for name, contender in contenders.items():
                runners.append(_start(name, contender, path, task.cores))
                runners[-1].listen()
            _run_rounds(runners, task.epochs, warm_up)
        finally:
            for runner in runners:
                runner.close()
    return [runner.result for runner in runners if not runner.failure]


def _run_rounds(runners, epochs, warm_up):
    """Let the runners take their turns, and write what they answer into their results."""
    for round_ in range(epochs):
        for runner in runners:
            answer = None if runner.failure else runner.go()
            if answer and round_ >= warm_up:
                runner.result.seconds.append(answer["seconds"])
    for runner in runners:
        answer = None if runner.failure else runner.go()
        for key, value in (answer or {}).items():
            setattr(runner.result, key, value)


@contextmanager
def busy_loops(n: int, cores: int) -> Iterator[None]:
    """Keep the cores that contenders may use busy with ``n`` other programs."""
    cpus = _cpus(cores)
    loops = [
        subprocess.Popen(
            [sys.executable, "-c", "while True: pass"],
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        )
        for _ in range(n)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def _cpus(cores):
    # Here, because contenders without MXNet import this module as well, for their Task.
    from vae_gluon.mxnet_today import one_cpu_per_core

    return one_cpu_per_core()[:cores]


def _start(name, contender, path, cores):
    cpus = _cpus(cores)
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115  read when the process has failed
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.worker", contender, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        cwd=ROOT,
        # The cores that a contender may use are those it sees, whatever its library.
        preexec_fn=lambda: os.sched_setaffinity(0, cpus),
    )
    return Runner(process, log, Result(name))
