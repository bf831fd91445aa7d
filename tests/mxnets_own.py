"""Run MXNet's own tests in an old environment and in today's, and say what differs.

    python tests/mxnets_own.py [--every N] [--limit S] OLD_PYTHON FOLDER [FILE ...]

FOLDER is ``tests/python/unittest`` of MXNet's sources, tag 1.9.1, which is not in this project.
OLD_PYTHON is a Python 3.8 with mxnet 1.9.1, NumPy 1.21, SciPy, requests, onnx 1.12 and pytest. The
Python that runs this file is today's. It needs pytest too, and imports mxnet by
``python -m vae_gluon.mxnet_today``.

A file runs in a process of its own, and is gone on with after a test that crashed the process, or
that took more than S seconds. A test that is skipped or not collected counts as failed, in both.
``--every 8`` takes each eighth test of a file.

Loaded by pytest, this file is the plugin that writes what becomes of each test, and that gives the
tests what they import and no longer find: nose, distutils, and names of NumPy's.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

PLAN = "MXNETS_OWN_PLAN"  # the environment variable by which a process of pytest learns its tests


# What compares


def main() -> None:
    """Print a table, and the tests that pass in the old environment and not in today's."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", type=int, default=1, metavar="N")
    parser.add_argument("--limit", type=float, default=300, metavar="SECONDS", help="for one test")
    parser.add_argument("old_python", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("files", nargs="*", help="by default all of the folder")
    options = parser.parse_args()
    names = options.files or sorted(path.name for path in options.folder.glob("test_*.py"))
    old = [str(options.old_python.absolute()), "-m"]
    today = [sys.executable, "-m", "vae_gluon.mxnet_today", "-m"]

    def run(command: list[str], name: str) -> dict[str, str]:
        return run_file(command, options.folder.resolve() / name, options.every, options.limit)

    print("| file | tests | pass in the old environment | pass today |\n|---|---|---|---|")
    worse = []
    with ThreadPoolExecutor(2) as both:
        for name in names:
            before, after = both.map(run, (old, today), (name, name))
            then, now = ({t for t in world if world[t] == "passed"} for world in (before, after))
            print(f"| `{name}` | {len({*before, *after})} | {len(then)} | {len(now)} |", flush=True)
            worse += [f"- {t}: {after.get(t, 'not collected')}" for t in sorted(then - now)]
    print("\nPass in the old environment, and not today:" if worse else "\nAll that passed pass.")
    print(*worse, sep="\n")


def run_file(command: list[str], path: Path, every: int, limit: float) -> dict[str, str]:
    """Run a file's tests; return what became of each: "passed", or else why not."""
    outcomes: dict[str, str] = {}
    while True:
        with tempfile.TemporaryDirectory() as folder:
            record = Path(folder, "record")
            record.touch()
            plan = {"every": every, "done": list(outcomes), "record": str(record)}
            ended = _run_pytest(command, path, plan, limit)
            events = [json.loads(line) for line in record.read_text().splitlines()]
        started = [test for test, outcome in events if outcome == "started"]
        new = {test: outcome for test, outcome in events if outcome != "started"}
        outcomes.update(dict.fromkeys(started, ended), **new)
        if not started or started[-1] in new:  # all have run, or none could
            return outcomes


def _run_pytest(command: list[str], path: Path, plan: dict[str, object], limit: float) -> str:
    """Let pytest run the tests of a file; return how its process ended."""
    environment = {
        **os.environ,
        PLAN: json.dumps(plan),
        "PYTHONPATH": os.pathsep.join(
            [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
    }
    options = ["-c", os.devnull, "--rootdir", path.parent, "-q", "-p", "no:cacheprovider"]
    process = subprocess.Popen(
        [*command, "pytest", *options, "-p", Path(__file__).stem, path],
        cwd=path.parent,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    size, since = -1, time.monotonic()
    while process.poll() is None:
        time.sleep(0.2)
        if (now := os.stat(str(plan["record"])).st_size) != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > limit:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"took more than {limit:g} seconds"
    return f"ended the process with code {process.returncode}"


# What pytest loads


def pytest_configure(config):
    config.plan = json.loads(os.environ[PLAN])
    import mxnet  # noqa: F401  # before the tests, whose folder may be beside MXNet's sources

    sys.modules.update(_nose())
    try:
        import distutils.version  # noqa: F401
    except ImportError:
        sys.modules.update(_distutils())
    _answer_tests(str(config.rootpath))


def pytest_collection_modifyitems(config, items):
    done = set(config.plan["done"])
    items[:] = [item for item in items[:: config.plan["every"]] if item.nodeid not in done]


def pytest_runtest_logstart(nodeid):
    _write(nodeid, "started")


def pytest_runtest_logreport(report):
    if report.outcome != "passed":
        lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
        error = [line for line in lines if line.startswith("E ")]
        _write(report.nodeid, f"{report.outcome}: {(error or lines[-1:] or [''])[0]}")
    elif report.when == "call":
        _write(report.nodeid, "passed")


def _write(test, outcome):
    with open(json.loads(os.environ[PLAN])["record"], "a") as record:
        record.write(json.dumps([test, outcome]) + "\n")


def _nose():
    """Return nose, as far as MXNet's tests use it."""
    nose, tools = ModuleType("nose"), ModuleType("nose.tools")
    case = unittest.TestCase()
    for name in dir(case):
        if name.startswith("assert") and name[6:7].isupper():
            words = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
            vars(tools)[words] = getattr(case, name)

    def raises(*errors):
        def decorate(test):
            def raising(*args, **kwargs):
                with case.assertRaises(errors):  # noqa: PT027
                    test(*args, **kwargs)

            return functools.wraps(test)(raising)

        return decorate

    vars(tools).update(
        make_decorator=functools.wraps,
        raises=raises,
        ok_=case.assertTrue,
        eq_=case.assertEqual,
        nottest=lambda test: test,
    )
    nose.tools, nose.SkipTest = tools, unittest.SkipTest
    return {"nose": nose, "nose.tools": tools}


def _distutils():
    from packaging.version import Version

    package, version = ModuleType("distutils"), ModuleType("distutils.version")
    version.LooseVersion = version.StrictVersion = Version
    package.version = version
    return {"distutils": package, "distutils.version": version}


def _answer_tests(folder):
    """Let NumPy answer the tests' own files, too, when they ask for a name that it lacks."""
    today = sys.modules.get("vae_gluon.mxnet_today")
    if today:  # else this is the old environment, whose NumPy has them all
        names = today.old_names
        is_mxnets = names._is_mxnets
        names.OLD_NAMES.update(float=float, object=object, str=str)
        names._is_mxnets = lambda frame: (
            is_mxnets(frame) or (frame.f_globals.get("__file__") or "").startswith(folder)
        )


if __name__ == "__main__":
    main()
