"""What the README says is so."""

import re
import shlex
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import vae_gluon
from vae_gluon import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_runs(monkeypatch, tmp_path, digits_folder):
    monkeypatch.setenv("VAE_GLUON_DATA", str(digits_folder))
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks("python"):
        exec(re.sub(r"epochs=(\d)0", r"epochs=\1", block), namespace)
    assert len(namespace["history"].train) == 2
    assert len(plt.get_fignums()) == 1
    plt.close("all")


def test_the_commands_are_ones(monkeypatch):
    monkeypatch.setattr(cli, "read_contexts", lambda words: words)  # of GPUs that are not here
    for line in "".join(blocks("sh")).splitlines():
        words = shlex.split(line, comments=True)
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        elif words[0] != "export" and "--help" not in words:
            assert words.pop(0) == ".venv/bin/vae-gluon"
            assert cli.build_parser().parse_args(words).command == words[0]


@pytest.mark.parametrize("path", sorted(Path(vae_gluon.__file__).parent.glob("*.py")))
def test_every_room_is_on_the_map(path):
    if not path.name.startswith("__"):
        assert f"`{path.name}`" in README
