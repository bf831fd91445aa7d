"""What a machine lacks to load MXNet is named in a paragraph that says how to get it."""

import ctypes
import os
import platform
import subprocess
import sys

import pytest

from vae_gluon.mxnet_today import libraries


@pytest.fixture
def machine(monkeypatch):
    """A function that makes this a machine of another kind, with some libraries."""

    def become(system="Linux", processor="x86_64", libc="glibc", has=()):
        def load(name):
            if name not in has:
                raise OSError(name)

        monkeypatch.setattr(platform, "system", lambda: system)
        monkeypatch.setattr(platform, "machine", lambda: processor)
        monkeypatch.setattr(platform, "libc_ver", lambda: (libc, "2.41"))
        monkeypatch.setattr(ctypes, "CDLL", load)

    return become


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ({"libc": ""}, "this is Linux on x86_64 with another C library"),  # Alpine, older Pythons
        ({"processor": "riscv64"}, "this is Linux on riscv64 with glibc"),
        ({"system": "Darwin", "processor": "arm64", "libc": ""}, "this is Darwin on arm64"),
        ({"system": "Darwin", "libc": ""}, ""),
        ({"processor": "aarch64"}, ""),
        ({}, ""),
    ],
)
def test_a_machine_without_a_wheel_is_named(machine, kind, told):
    machine(**kind)
    message = libraries.no_wheel()
    assert message.endswith(told)
    assert bool(message) == bool(told)
    assert not told or libraries.main() == message


BARE = ("libstdc++.so.6", "libz.so.1")  # what Debian has at its barest


@pytest.mark.parametrize(
    ("processor", "missing", "command"),
    [
        ("x86_64", "libquadmath.so.0", "apt-get install libgomp1 libquadmath0 libstdc++6 or dnf "),
        ("aarch64", "libopenblas.so.0", "or pacman -S gcc-libs openblas lapacke"),
    ],
)
def test_missing_libraries_are_named_with_the_commands_that_install_them(
    machine, processor, missing, command
):
    machine(processor=processor, has=BARE)
    told = libraries.missing_libraries()
    assert told.startswith(f"MXNet 1.9.1 needs libgomp.so.1 and {missing}")
    assert "libstdc++.so.6" not in told
    assert command in told
    machine(processor=processor, has=(*BARE, "libgomp.so.1"))
    assert f"needs {missing}, which" in libraries.missing_libraries() or processor == "aarch64"


@pytest.fixture
def arm(machine, monkeypatch, tmp_path):
    """The folder of MXNet on a machine with everything that MXNet needs on ARM."""
    machine(processor="aarch64", has=libraries.LIBRARIES["aarch64"].split())
    monkeypatch.setattr(libraries, "mxnet_folder", lambda: tmp_path)
    monkeypatch.setattr(libraries, "_path_of", "/usr/lib/{}".format)
    return tmp_path


def test_on_arm_missing_links_are_reported_and_made(arm):
    make_them = f"Make them by: {sys.executable} {libraries.__file__}"
    assert libraries.missing_libraries().endswith(make_them)
    (arm / "libastring.so").symlink_to("/nowhere")
    libraries.main()
    assert {path.name: os.readlink(path) for path in arm.iterdir()} == {
        "libarmpl_lp64_mp.so": "/usr/lib/libopenblas.so.0",
        "libamath.so": "/usr/lib/libm.so.6",
        "libastring.so": "/usr/lib/liblapacke.so.3",
    }


def test_on_arm_links_are_made_only_when_all_libraries_are_there(arm, machine):
    machine(processor="aarch64", has=["libopenblas.so.0"])
    assert "liblapacke.so.3" in libraries.main()
    assert not list(arm.iterdir())


FAIL = """
import sys
class Missing:
    def find_spec(name, path=None, target=None):
        if name == "mxnet":
            raise errors.pop()
sys.meta_path.insert(0, Missing)
errors = [OSError("libfoo.so: no such file"), ModuleNotFoundError("No module", name="mxnet")]
while errors:
    try:
        import vae_gluon
    except ImportError as error:
        print(error)
"""


def test_an_import_without_mxnet_says_how_to_get_it():
    done = subprocess.run([sys.executable, "-c", FAIL], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "MXNet is not installed, and is not installed along with vae_gluon, because its metadata "
        "would take NumPy back below 2. Install it by: "
        "python -m pip install --no-deps mxnet==1.9.1",
        "libfoo.so: no such file",
    ], done.stderr


@pytest.mark.slow
def test_mxnet_can_be_imported_without_docstrings():
    code = "import vae_gluon, mxnet; print(mxnet.nd.ones(2).sum().asscalar(), vae_gluon.__doc__)"
    done = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["2.0", "None"], done.stderr
