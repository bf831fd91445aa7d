"""The arrows between the rooms, read from the imports."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import vae_gluon
from vae_gluon import conv_decoder, conv_encoder, plotting
from vae_gluon.workers import shard

PACKAGE = Path(vae_gluon.__file__).parent

# Each room, and the rooms it may know.
ARROWS = {
    "arrays": set(),
    "checks": {"arrays"},
    "progress": set(),
    "mxnet_today.libraries": set(),
    "mxnet_today.load": {
        "mxnet_today.libraries",
        "mxnet_today.old_names",
        "mxnet_today.threads",
    },
    "mxnet_today.old_names": set(),
    "mxnet_today.onnx_names": set(),
    "mxnet_today.threads": set(),
    "mxnet_today": {"mxnet_today.load", "mxnet_today.onnx_names", "mxnet_today.threads"},
    "runtime": {"checks"},
    "optimizer": set(),
    "sampler": set(),
    "losses": set(),
    "digits": {"checks"},
    "idx": set(),
    "download": set(),
    "data": {"checks", "download", "idx"},
    "files": set(),
    "interrupts": set(),
    "parameters": set(),
    "model": {"checks", "losses", "parameters", "runtime", "sampler"},
    "conv": {"model"},
    "export": {"files", "model", "mxnet_today", "parameters", "runtime"},
    "epoch": {"data", "runtime", "workers"},
    "training": {
        "checks",
        "data",
        "epoch",
        "interrupts",
        "mxnet_today",
        "optimizer",
        "parameters",
        "progress",
        "runtime",
        "workers",
    },
    "workers": {"checks"},
    "cluster": {"mxnet_today"},
    "checkpoint": {"arrays", "files", "parameters", "runtime", "training"},
    "nets": {"conv", "model"},
    "options": {"runtime"},
    "run_folder": {"files", "nets", "options", "training"},
    "runs": {
        "",
        "checkpoint",
        "data",
        "digits",
        "model",
        "nets",
        "options",
        "run_folder",
        "runtime",
        "training",
        "workers",
    },
    "latent": {"arrays", "checks", "runtime"},
    "likelihood": {"checks", "latent", "losses", "progress", "sampler"},
    "plotting.axes": set(),
    "plotting.curves": {"plotting.axes"},
    "plotting.images": {"arrays", "plotting.axes"},
    "plotting.latent": {"arrays", "plotting.axes"},
    "plotting.scan": {"arrays", "plotting.axes", "plotting.images"},
    "plotting": {"plotting.curves", "plotting.images", "plotting.latent", "plotting.scan"},
    "figures": {"files", "latent", "plotting"},
    "commands": {
        "checkpoint",
        "data",
        "export",
        "figures",
        "files",
        "likelihood",
        "nets",
        "parameters",
        "run_folder",
        "runs",
        "runtime",
        "training",
        "workers",
    },
    "cli": {"", "cluster", "commands", "export", "nets", "options", "runtime"},
    "__main__": {"cli"},
    "": {
        "checkpoint",
        "conv",
        "data",
        "digits",
        "epoch",
        "export",
        "latent",
        "likelihood",
        "losses",
        "model",
        "mxnet_today",
        "plotting",
        "runtime",
        "sampler",
        "training",
    },
}


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path):
    """Return the full names of all modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms_known(path):
    """Return the rooms of the package that a file imports from."""
    known = set()
    for name in imports(path):
        if name.split(".")[0] != "vae_gluon":
            continue
        inside = name.split(".")[1:]
        while inside and ".".join(inside) not in ARROWS:
            inside.pop()  # a name in the room
        known.add(".".join(inside))
    return known


FILES = sorted(PACKAGE.rglob("*.py"))


def test_every_room_is_on_the_map():
    assert {name_of(path) for path in FILES} == set(ARROWS)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_rooms_know_those_that_the_map_says_and_no_others(path):
    assert rooms_known(path) == ARROWS[name_of(path)]


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("plotting/*.py")), ids=name_of)
def test_plotting_takes_arrays_and_knows_no_net(path):
    assert not {name for name in imports(path) if name.split(".")[0] == "mxnet"}


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=name_of)
def test_scipy_and_matplotlib_are_imported_when_they_are_used(path):
    names = {
        name.split(".")[0]
        for node in ast.parse(path.read_text()).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in [getattr(node, "module", None) or node.names[0].name]
    }
    assert path.stem == "figures" or not names & {"scipy", "matplotlib"}


def test_importing_the_package_leaves_matplotlib_for_later():
    code = "import sys, vae_gluon; assert 'plotting' in dir(vae_gluon)"
    code += "; assert 'matplotlib' not in sys.modules"
    code += "; assert vae_gluon.plotting.plot_elbo; assert 'matplotlib' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="'vae_gluon' has no attribute 'plots'"):
        vae_gluon.plots  # noqa: B018


def test_public_names_are_there():
    assert all(hasattr(vae_gluon, name) for name in vae_gluon.__all__)


def test_the_first_page_of_help_has_every_public_name():
    missing = [name for name in vae_gluon.__all__ if f"``{name}``" not in vae_gluon.__doc__]
    assert missing == ["ELBO", "MNISTUnavailableError"]  # what elbo returns and load_mnist raises


PUBLIC = [getattr(vae_gluon, name) for name in vae_gluon.__all__]
PUBLIC += [getattr(plotting, name) for name in plotting.__all__]
FUNCTIONS = [*filter(inspect.isfunction, PUBLIC), shard, vae_gluon.VAE]


def documented_defaults(thing):
    """Return the defaults that a docstring names, by parameter."""
    found = {}
    for names, kind in re.findall(r"^ *([\w, ]+) : (.+)$", inspect.getdoc(thing), re.MULTILINE):
        if choices := re.match(r"\{('\w+')", kind):  # numpydoc: the first one
            found[names] = ast.literal_eval(choices[1])
        elif default := re.search(r", default (.+)$", kind):
            values = default[1].split(" and ")
            for name, value in zip(names.split(", "), values):
                found[name] = ast.literal_eval(value.replace(",", ""))
    return found


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_defaults_are_those_that_the_docstring_names(function):
    parameters = inspect.signature(function).parameters
    defaults = {n: p.default for n, p in parameters.items() if p.default not in (p.empty, None)}
    if function is conv_decoder:  # whose parameters are those of conv_encoder, as it says
        function = conv_encoder
    assert documented_defaults(function) == defaults
