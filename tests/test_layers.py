"""The packages import from those below them, and what is public is there."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import vae_gluon
from vae_gluon import conv_decoder, conv_encoder, plotting
from vae_gluon.distributed.workers import shard

PACKAGE = Path(vae_gluon.__file__).parent

# A package may import from the layers below its own.
LAYERS = [
    {"__main__"},
    {"command"},
    {"__init__"},
    {"explorer", "live", "distributed"},
    {"inference", "plotting", "training"},
    {"data", "model"},
    {"_files", "_progress"},
    {"_checks"},
    {"mxnet_today"},
]
LAYER = {name: number for number, names in enumerate(reversed(LAYERS)) for name in names}


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


def test_packages_import_from_the_layers_below_them():
    for path in PACKAGE.rglob("*.py"):
        package = path.relative_to(PACKAGE).with_suffix("").parts[0]
        imported = imports(path)
        names = {name.split(".")[1] for name in imported if name.startswith("vae_gluon.")}
        # Other names are those of __init__ itself.
        others = {name if name in LAYER else "__init__" for name in names} - {package}
        assert all(LAYER[name] < LAYER[package] for name in others), path
        if package == "plotting":  # which knows no net
            assert not {name for name in imported if name.split(".")[0] == "mxnet"}


def test_the_first_page_of_help_has_every_public_name():
    missing = [name for name in vae_gluon.__all__ if f"``{name}``" not in vae_gluon.__doc__]
    # What elbo returns and load_mnist raises.
    assert set(missing) == {"ELBO", "MNISTUnavailableError"}


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
                found[name] = ast.literal_eval(re.sub(r",(?=\d)", "", value))
    return found


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_defaults_are_those_that_the_docstring_names(function):
    parameters = inspect.signature(function).parameters
    defaults = {n: p.default for n, p in parameters.items() if p.default not in (p.empty, None)}
    if function is conv_decoder:  # whose parameters are those of conv_encoder, as it says
        function = conv_encoder
    assert documented_defaults(function) == defaults
