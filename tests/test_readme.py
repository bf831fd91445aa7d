"""What the README and the pages of docs say is so."""

import re
import shlex
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import vae_gluon
from vae_gluon import plotting
from vae_gluon.command import cli
from vae_gluon.mxnet_today import libraries
from vae_gluon.training import OPTIONS

ROOT = Path(__file__).parent.parent
README, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
INDEX = ROOT / "docs" / "index.md"

BOTH = pytest.mark.parametrize("path", [README, CHINESE], ids=lambda path: path.name)
ALL = pytest.mark.parametrize("path", [README, CHINESE, *PAGES], ids=lambda path: path.name)


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), flags=re.DOTALL)


def page(name):
    return (ROOT / "docs" / name).read_text()


def run(path, namespace):
    """Run all Python of a file, with fewer epochs."""
    for block in blocks(path, "python"):
        exec(re.sub(r"epochs=(\d)0", r"epochs=\1", block), namespace)
    return namespace


# The page without_mxnet.md is run by test_export.py, where there is no MXNet.
@pytest.mark.filterwarnings("ignore:.*Cannot decide type:UserWarning")  # as exporting.md says
def test_the_python_runs(monkeypatch, tmp_path, digits_folder):
    """That of the pages after that of the first; the Chinese README has the same: see below."""
    monkeypatch.setenv("VAE_GLUON_DATA", str(digits_folder))
    monkeypatch.chdir(tmp_path)
    assert len(run(README, {})["history"].train) == 1
    names = run(INDEX, {})
    for name in ("training.md", "measuring.md", "exploring.md", "exporting.md"):
        after = run(ROOT / "docs" / name, dict(names))
        assert name != "training.md" or len(after["history"].train) == 4
        assert name != "exporting.md" or after["y"].shape == (7, 784)
    plt.close("all")


def test_mxnet_is_imported_after_the_package():
    for path in (README, CHINESE, INDEX):
        code = "".join(blocks(path, "python"))
        assert code.index("vae_gluon") < code.find("mxnet") or "mxnet" not in code


@ALL
def test_the_commands_are_ones(path, monkeypatch):
    monkeypatch.setattr(cli, "read_contexts", lambda words: words)  # of GPUs that are not here
    for line in "".join(blocks(path, "sh")).splitlines():
        loop = re.fullmatch(r"for (\w+) in (\w+) .*; do (.*); done", line)
        if loop:
            line = loop[3].replace(f"${loop[1]}", loop[2])  # its first turn
        words = shlex.split(line, comments=True)
        while "=" in words[0]:
            words.pop(0)  # a variable of the environment
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        elif words[:3] == ["python", "-m", "vae_gluon.mxnet_today"]:
            continue  # see test_finder.py
        elif words[0] not in ("export", "git", "pip"):
            assert words.pop(0) in (".venv/bin/vae-gluon", "uv")
            words = words[words.index("vae-gluon") + 1 :] if "vae-gluon" in words else words
            assert cli.build_parser().parse_args(words).command == words[0]


def test_the_options_have_the_defaults_of_the_command():
    defaults = {
        name.replace("_", "-"): str(field.default)
        for name, field in OPTIONS.items()
        if type(field.default) in (int, float)
    }
    named = dict(re.findall(r"^\| `--([\w-]+)` \| ([\d.]+) \|", page("training.md"), re.M))
    assert named == defaults


def test_the_libraries_and_the_oldest_numpys_are_the_true_ones():
    text = page("running.md")
    for needed, commands in zip(libraries.LIBRARIES.values(), libraries.COMMANDS.values()):
        assert set(needed.split()) <= set(re.findall(r"[\w.+-]+", text))
        assert all(f"`{command}`" in text for command in commands.split(" or "))
    tested = set(re.findall(r'"numpy==([\d.]+);', (ROOT / "pyproject.toml").read_text()))
    assert set(re.findall(r"^\| 3\.\d+ \| ([\d.]+) \|", text, re.M)) == tested


def test_the_reference_has_all_that_is_public():
    names = re.findall(r"^::: vae_gluon\.(.+)$", page("api.md"), re.MULTILINE)
    public = [*vae_gluon.__all__, *(f"plotting.{name}" for name in plotting.__all__)]
    assert sorted(names) == sorted(public)


@BOTH
def test_the_tree_is_what_is_there(path):
    folders = {path.parent.name for path in Path(vae_gluon.__file__).parent.glob("*/__init__.py")}
    assert set(re.findall(r"^  (\w+)/ ", path.read_text(), re.MULTILINE)) == folders


def code(path, language):
    """Return the code of a page without its comments."""
    return re.sub(r" *#.*", "", "".join(blocks(path, language)))


@pytest.mark.parametrize("name", ["README.md", "docs/without_mxnet.md", "docs/mxnet.md"])
@pytest.mark.parametrize("language", ["python", "sh"])
def test_both_languages_have_the_same_code(name, language):
    chinese = name.replace(".md", ".zh-CN.md" if name == "README.md" else ".zh.md")
    assert code(ROOT / name, language) == code(ROOT / chinese, language)


@ALL
def test_links_lead_to_files(path):
    text = path.read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"", text):
        assert (path.parent / "".join(target)).exists(), target


@BOTH
def test_names_are_public(path):
    table = re.search(r"^\|.*`gpu_exists`(.|\n)*?\n\n", path.read_text(), re.MULTILINE)[0]
    cells = [row.split("|")[2] for row in table.splitlines() if row]
    names = re.findall(r"`(?:plotting\.)?(\w+)", "".join(cells))
    assert len(names) > 20
    for name in set(names) - {"net"}:
        assert hasattr(vae_gluon, name) or hasattr(plotting, name), name
