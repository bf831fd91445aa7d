"""What the README says is so."""

import re
import shlex
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import vae_gluon
from vae_gluon.command import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CHINESE = (ROOT / "README.zh-CN.md").read_text()
BOTH = pytest.mark.parametrize("text", [README, CHINESE], ids=["english", "chinese"])


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@BOTH
def test_the_python_runs(text, monkeypatch, tmp_path, digits_folder):
    monkeypatch.setenv("VAE_GLUON_DATA", str(digits_folder))
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks(text, "python"):
        exec(re.sub(r"epochs=(\d)0", r"epochs=\1", block), namespace)
    assert len(namespace["history"].train) == 2
    assert len(plt.get_fignums()) == 1
    plt.close("all")


@BOTH
def test_the_commands_are_ones(text, monkeypatch):
    monkeypatch.setattr(cli, "read_contexts", lambda words: words)  # of GPUs that are not here
    for line in "".join(blocks(text, "sh")).splitlines():
        words = shlex.split(line, comments=True)
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        elif words[0] not in ("export", "pip") and "--help" not in words:
            assert words.pop(0) == ".venv/bin/vae-gluon"
            assert cli.build_parser().parse_args(words).command == words[0]


@BOTH
def test_the_tree_is_what_is_there(text):
    folders = {path.parent.name for path in Path(vae_gluon.__file__).parent.glob("*/__init__.py")}
    assert set(re.findall(r"^  (\w+)/ ", text, re.MULTILINE)) == folders


def without_comments(code):
    return [re.sub(r" *#.*", "", line) for line in code.splitlines()]


@pytest.mark.parametrize("language", ["python", "sh", "bibtex"])
def test_both_languages_have_the_same_code(language):
    ours, theirs = (map(without_comments, blocks(text, language)) for text in (README, CHINESE))
    assert list(ours) == list(theirs)


@BOTH
def test_links_lead_to_files(text):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"", text):
        assert (ROOT / "".join(target)).exists(), target


@BOTH
def test_names_are_public(text):
    rows = re.search(r"^\|.*`gpu_exists`(.|\n)*?\n\n", text, re.MULTILINE)[0].splitlines()
    cells = [row.split("|")[2] for row in rows if row]
    names = re.findall(r"`(?:plotting\.)?(\w+)", "".join(cells))
    assert len(names) > 20
    for name in set(names) - {"net"}:
        assert hasattr(vae_gluon, name) or hasattr(vae_gluon.plotting, name), name
