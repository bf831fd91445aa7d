"""What people and programs outside see: names, signatures, words, files, fields.

The list is changed with intent, and with a line in CHANGELOG.md.
"""

import argparse
import inspect
from pathlib import Path

import vae_gluon
from vae_gluon import plotting
from vae_gluon.command import cli
from vae_gluon.training import History, TrainingState

LIST = Path(__file__).with_name("outside.txt")


def signature(thing):
    """Return the parameters of a function, a class or its methods, with their defaults."""
    parameters = []
    star = False
    for name, parameter in inspect.signature(thing).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            parameters.append("*")
            star = True
        default = parameter.default
        text = getattr(default, "__name__", None) or repr(default)
        parameters.append(name if default is parameter.empty else f"{name}={text}")
    return f"({', '.join(parameters)})"


def public(module, names):
    for name in sorted(names):
        thing = getattr(module, name)
        yield name + signature(thing)
        if inspect.isclass(thing) and not issubclass(thing, (tuple, Exception)):
            for method, function in sorted(vars(thing).items()):
                if inspect.isfunction(function) and not method.startswith("_"):
                    yield f"    {method}{signature(function)}"


def words(parser):
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        options = []
        for action in command._actions[1:]:  # after --help
            choices = f"={{{','.join(action.choices)}}}" if action.choices else ""
            options.append((action.option_strings or [action.metavar])[-1] + choices)
        yield f"{name} {' '.join(options)}"


def outside():
    yield from ("# vae_gluon", *public(vae_gluon, vae_gluon.__all__))
    yield from ("# vae_gluon.plotting", *public(plotting, plotting.__all__))
    yield from ("# vae-gluon", *words(cli.build_parser()))
    for fields in (History, TrainingState, vae_gluon.LoadedRun, vae_gluon.ELBO, vae_gluon.Exported):
        yield from (f"# {fields.__name__}", " ".join(fields._fields))


def test_what_is_seen_from_outside_is_what_is_listed():
    assert "\n".join(outside()) + "\n" == LIST.read_text()
