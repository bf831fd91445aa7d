"""The Makefile finds a Python that fits, and says clearly when there is none."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parent.parent / "Makefile"

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None or not MAKEFILE.is_file(), reason="needs make and a checkout"
)

BROKEN = "#!/bin/sh\necho 'command not found in this version' >&2\nexit 127\n"


def python(version, venv="mkdir -p .venv/bin; touch .venv/bin/pip .venv/bin/python"):
    """Return a stand-in for an interpreter of a version: a shell script."""
    number = int(version.split(".")[1])
    return f"""#!/bin/sh
case "$1" in
    --version) echo "Python {version}" ;;
    -c) exit {int(not 9 <= number <= 12)} ;;
    -m) echo "{version}" > made_by; {venv} ;;
esac
"""


@pytest.fixture
def make(tmp_path):
    """A function that makes .venv where only the given interpreters are on the PATH."""
    (tmp_path / "bin").mkdir()
    shutil.copy(MAKEFILE, tmp_path)

    def run(interpreters, *words):
        for name in ("python3.11", "python3.10", "python3.9", "python3.12", "python3"):
            script = tmp_path / "bin" / name
            script.write_text(interpreters.get(name, BROKEN))
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
    ("interpreters", "chosen"),
    [
        ({"python3": "3.10.1"}, "3.10.1"),
        ({"python3": "3.13.0", "python3.9": "3.9.18"}, "3.9.18"),
        ({"python3": "3.13.0", "python3.12": "3.12.1"}, "3.12.1"),
        ({"python3": "3.9.2", "python3.10": "3.10.3", "python3.11": "3.11.7"}, "3.11.7"),
    ],
)
def test_a_fitting_python_is_found(make, tmp_path, interpreters, chosen):
    done = make({name: python(version) for name, version in interpreters.items()})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made_by").read_text().strip() == chosen


@pytest.mark.parametrize("version", ["3.14.0", "3.13.0", "3.8.18"])
def test_a_python_that_does_not_fit_is_told_in_a_sentence(make, tmp_path, version):
    done = make({"python3": python(version)})
    assert done.returncode != 0
    assert "needs Python 3.9, 3.10, 3.11 or 3.12" in done.stderr
    assert f"python3 is Python {version}." in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_no_python_at_all_is_told(make):
    assert "Not found: python3.11 python3.10 python3.9 python3.12 python3." in make({}).stderr
    assert "Not found: /no/python." in make({}, "PYTHON=/no/python").stderr


def test_python_can_be_named(make, tmp_path):
    own = tmp_path / "own-python"
    own.write_text(python("3.10.9"))
    own.chmod(0o755)
    done = make({"python3": python("3.11.1")}, f"PYTHON={own}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made_by").read_text().strip() == "3.10.9"


def test_the_next_python_is_tried_where_one_has_no_venv(make, tmp_path):
    done = make({"python3.11": python("3.11.1", venv="exit 1"), "python3": python("3.10.2")})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made_by").read_text().strip() == "3.10.2"


def test_a_python_without_venv_is_told_and_leaves_no_half(make, tmp_path):
    done = make({"python3": python("3.11.1", venv="mkdir .venv; exit 1")})
    assert "python3 cannot make a virtual environment" in done.stderr
    assert not (tmp_path / ".venv").exists()
