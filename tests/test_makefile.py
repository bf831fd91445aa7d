"""The Makefile finds a Python that fits, and says clearly when there is none."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vae_gluon.mxnet_today import libraries

ROOT = Path(__file__).parent.parent
LIBRARIES = "vae_gluon/mxnet_today/libraries.py"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")

BROKEN = "#!/bin/sh\necho 'command not found in this version' >&2\nexit 127\n"


def python(version, venv="mkdir -p .venv/bin; touch .venv/bin/pip .venv/bin/python"):
    """Return a stand-in for an interpreter of a version: a shell script around this one."""
    number = tuple(map(int, version.split(".")))
    return f"""#!/bin/sh
case "$1" in
    --version) echo "Python {version}" ;;
    -c) exec {sys.executable} -c "import sys; sys.version_info = {number}; $2" ;;
    -m) echo "{version}" > made_by; {venv} ;;
    *) exec {sys.executable} "$@" ;;
esac
"""


@pytest.fixture
def make(tmp_path):
    """A function that makes .venv where only the given interpreters are on the PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / LIBRARIES).parent.mkdir(parents=True)
    for path in ("Makefile", LIBRARIES):
        shutil.copy(ROOT / path, tmp_path / path)

    def run(interpreters, *words):
        minors = ("", *(f".{number}" for number in range(9, 15)))
        for name in {*interpreters, *(f"python3{minor}" for minor in minors)}:
            script = tmp_path / "bin" / name
            script.write_text(interpreters.get(script.name, BROKEN))
            script.chmod(0o755)
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            ["make", ".venv/bin/pip", *words],
            cwd=tmp_path,
            env={"PATH": path},
            capture_output=True,
            text=True,
        )

    return run


@pytest.mark.parametrize(
    ("interpreters", "words", "chosen", "told"),
    [
        ({"python3": ["3.8.18"], "python3.9": ["3.9.18"]}, [], "3.9.18", ""),
        ({"python3": ["3.15.0"], "python3.12": ["3.12.1"]}, [], "3.12.1", ""),
        ({"python3": ["3.9.2"], "python3.13": ["3.13.3"]}, [], "3.9.2", ""),
        ({"python3": ["3.15.0"]}, [], "3.15.0", "is newer than those that vae_gluon is tested wit"),
        ({"python3": ["3.11.1"], "own-python": ["3.10.9"]}, ["PYTHON=own-python"], "3.10.9", ""),
        ({"python3": ["3.11.1", "exit 1"], "python3.10": ["3.10.2"]}, [], "3.10.2", ""),
    ],
    ids=["too old", "tested", "first", "newer", "named", "without venv"],
)
def test_a_tested_python_is_found_or_another_is_tried(
    make, tmp_path, interpreters, words, chosen, told
):
    done = make({name: python(*how) for name, how in interpreters.items()}, *words)
    assert done.returncode == 0, done.stderr
    assert told in done.stdout if told else not done.stdout
    assert (tmp_path / "made_by").read_text().strip() == chosen


def test_older_pythons_are_named(make, tmp_path):
    done = make({"python3": python("3.8.18"), "python3.9": python("3.7.2")})
    assert done.returncode != 0
    assert done.stderr.startswith(
        "vae_gluon needs Python 3.9 or newer. python3 is Python 3.8.18. python3.9 is Python 3.7.2. "
        "Install one, or name it: make .venv/bin/pip PYTHON=/path/to/python3\n"
    )
    assert not (tmp_path / ".venv").exists()


def test_the_error_says_which_pythons_were_looked_for(make):
    assert "Not found: python3 python3.14 python3.13 python3.12 python3.11 " in make({}).stderr


def test_what_the_system_lacks_is_printed_before_anything_is_made(make, tmp_path):
    (tmp_path / LIBRARIES).write_text("import sys; sys.exit('MXNet needs libgomp.so.1')")
    done = make({"python3": python("3.13.5"), "python3.9": python("3.9.2")})
    assert done.returncode != 0
    assert done.stderr.startswith("MXNet needs libgomp.so.1\nmake: ")
    assert not (tmp_path / "made_by").exists()


def test_a_python_without_venv_is_named_and_leaves_no_half(make, tmp_path):
    done = make({"python3": python("3.11.1", venv="mkdir .venv; exit 1")})
    assert "python3 cannot make a virtual environment" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_mxnet_is_the_one_that_uv_installs():
    (version,) = re.findall(r"^MXNET := --no-deps (\S+)$", (ROOT / "Makefile").read_text(), re.M)
    assert f'mxnet = ["{version}"]' in (ROOT / "pyproject.toml").read_text()
    assert libraries.INSTALL.endswith(f"--no-deps {version}")
