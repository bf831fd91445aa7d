"""``RunConfig``: what describes a run, on the command line, in its config.json and in Python.

An option is one field here: its default, what it may be, its help. argparse's options, the checks,
the JSON and the name of the default folder come from it.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vae_gluon._checks import LIMIT, quoted
from vae_gluon.model import VAE, conv_decoder, conv_encoder


class Kind(NamedTuple):
    """What a value may be, in words and as a test, and how it is read from a word."""

    expected: str
    allows: Callable[[Any], bool]
    parse: Callable[[str], Any] = str
    choices: tuple[str, ...] | None = None


def integer(least: int, limit: int | None = None) -> Kind:
    """Return the kind of the integers from ``least`` to below ``limit``."""

    def allows(value: Any) -> bool:
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        return is_integer and least <= value < (limit or LIMIT)

    below = "" if limit is None else f" and below {limit}"
    return Kind(f"an integer of at least {least}{below}", allows, int)


def one_of(*names: str) -> Kind:
    """Return the kind of these names."""
    # A tuple, because a list or a mapping, which JSON may hold, cannot be looked up in a dict.
    return Kind(" or ".join(names), names.__contains__, choices=names)


def is_finite(value: Any) -> bool:
    """Return whether ``value``, read from JSON, is a number that fits into a float."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max  # integers in JSON have no limit


DATASETS = ("mnist", "digits")
# Elsewhere than on the command line it may be the name of the user's own pictures as well.
DATASET = Kind("a name", lambda value: isinstance(value, str) and bool(value), choices=DATASETS)
COUNT = integer(1)
SIZE = Kind(
    "a height and a width such as 48x32",
    lambda value: (
        value is None
        or (isinstance(value, str) and bool(re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", value)))
    ),
)
POSITIVE = Kind("a number above 0", lambda value: is_finite(value) and value > 0, float)
NOT_NEGATIVE = Kind("a number from 0 on", lambda value: is_finite(value) and value >= 0, float)
SHARE = Kind(
    "a number above 0 and up to 1", lambda value: is_finite(value) and 0 < value <= 1, float
)
OPTIONAL_COUNT = Kind(COUNT.expected, lambda value: value is None or COUNT.allows(value), int)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
INTEGER = Kind("an integer", lambda value: isinstance(value, int))
PATH = Kind("a path or null", lambda value: value is None or isinstance(value, str))
ANY = Kind("anything", lambda value: True)


class Architecture(NamedTuple):
    """What ``--arch`` names: how to build the net, and its part in the name of a file."""

    build: Callable[[RunConfig], VAE]
    name: str


ARCHITECTURES = {
    "mlp": Architecture(
        lambda config: VAE(
            config.n_hidden, config.n_latent, config.n_layers, config.height * config.width
        ),
        "{n_latent}d{n_layers}l{n_hidden}h",
    ),
    "conv": Architecture(
        lambda config: VAE(
            n_latent=config.n_latent,
            n_output=config.height * config.width,
            encoder=conv_encoder(config.n_latent, config.n_hidden, (config.height, config.width)),
            decoder=conv_decoder(config.n_latent, config.n_hidden, (config.height, config.width)),
        ),
        "{n_latent}dconv{n_hidden}h",
    ),
}


def _fact(kind: Kind, default: Any = MISSING, fixed: bool = True, text: str | None = None) -> Any:
    """Return a field; with a ``text`` it is an option. Only what is not ``fixed`` may change."""
    return dataclasses.field(default=default, metadata={"kind": kind, "fixed": fixed, "text": text})


def _option(default: Any, kind: Kind, text: str, fixed: bool = True) -> Any:
    value = "" if default is False else f" (default: {default})"
    return _fact(kind, default, fixed, text + value)


@dataclass(frozen=True)
class RunConfig:
    """What describes a run. What is not fixed may change when it is resumed."""

    dataset: str = _fact(
        DATASET,
        text="what to train on; digits are drawn by this package (default: mnist, or digits if it "
        "can be neither found nor downloaded)",
    )
    data_crc32: int = _fact(INTEGER)  # of all images
    height: int = _fact(COUNT, 28)
    width: int = _fact(COUNT, 28)
    dataset_asked_for: str | None = _fact(ANY, None)
    epochs: int = _option(50, COUNT, "passes over the training images", fixed=False)
    batch_size: int = _option(100, COUNT, "images in a step")
    n_latent: int = _option(2, COUNT, "dimensions of the latent code")
    n_hidden: int = _option(400, COUNT, "units of each hidden layer")
    n_layers: int = _option(2, integer(0, 1000), "hidden layers of the encoder, and of the decoder")
    seed: int = _option(
        1, integer(0, LIMIT), "of all random numbers: the same seed gives the same losses"
    )
    checkpoint_every: int = _option(1, COUNT, "epochs between checkpoints", fixed=False)
    lr: float = _option(0.001, POSITIVE, "learning rate of Adam")
    arch: str = _option(
        "mlp", one_of(*ARCHITECTURES), "dense layers, or convolutions and one hidden layer"
    )
    shuffle: bool = _option(False, FLAG, "give the training images in a new order each epoch")
    binarize: bool = _option(
        False, FLAG, "train and evaluate on black and white pixels, drawn anew for each batch"
    )
    size: str | None = _fact(
        SIZE, None, text="height and width to bring pictures of your own to, such as 48x32"
    )
    invert: bool = _option(False, FLAG, "take black for paper in pictures of your own, not white")
    kl_weight: float = _option(
        1.0,
        NOT_NEGATIVE,
        "weight of the KL term in what is trained; reported losses are without it",
    )
    kl_warmup: int = _option(
        0, integer(0), "epochs in which the weight of the KL term rises from 0"
    )
    lr_decay: float = _option(1.0, SHARE, "factor of the learning rate after each epoch")
    patience: int | None = _fact(
        OPTIONAL_COUNT,
        None,
        fixed=False,
        text="stop when the validation loss has not fallen for so many epochs, and keep the "
        "parameters of the best epoch as well (default: never)",
    )
    n_workers: int = _fact(COUNT, 1)
    # Where the run is, which affects the losses not at all, or in the last digits.
    data_dir: str | None = _fact(PATH, None, fixed=False)
    context: str = _fact(ANY, "cpu(0)", fixed=False)
    version: str = _fact(ANY, "", fixed=False)

    @classmethod
    def from_json(cls, path: Path, content: Mapping[str, Any]) -> RunConfig:
        """Check what a JSON file holds, and return it. What is left out has its default.

        Raises
        ------
        ValueError
            If it does not describe a run. The message says what was found and what was expected.
        """
        for field in dataclasses.fields(cls):
            kind, given = field.metadata["kind"], field.name in content
            if (given or field.default is MISSING) and not kind.allows(content.get(field.name)):
                found = quoted(content[field.name]) if given else "nothing"
                raise ValueError(
                    f"{path} does not describe a run: expected {field.name} to be "
                    f"{kind.expected}, found {found}"
                )
        unknown = content.keys() - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(
                f"{path} does not describe a run of this version: it has {quoted(min(unknown))}"
            )
        return cls(**content)

    def to_json(self) -> dict[str, Any]:
        """Return the values by name, as they are written to a JSON file."""
        return dataclasses.asdict(self)

    def fixed(self) -> dict[str, Any]:
        """Return the values that may not change when the run is resumed, by name."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.metadata["fixed"]
        }

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """The height and width of ``size``, None if there is none."""
        if self.size is None:
            return None
        height, width = map(int, self.size.split("x"))
        return height, width

    def make_net(self) -> VAE:
        """Build the net, without parameters yet."""
        return ARCHITECTURES[self.arch].build(self)

    @property
    def net_name(self) -> str:
        """The name of the net, as the tutorial names its parameter file, without the ending."""
        return "vae_gluon_" + ARCHITECTURES[self.arch].name.format(**self.to_json())

    def file_name(self, which: str) -> str:
        """Return the name of the file of parameters, of the ``last`` epoch or of the ``best``."""
        return f"{self.net_name}{'_best' if which == 'best' else ''}.params"

    def default_folder(self) -> Path:
        """Return the folder of the run if none is named: options that are not defaults are in it.

        Those that may change when it is resumed are not.
        """
        named = {"dataset", "arch", "n_latent", "n_hidden", "n_layers", "seed"}
        others = [
            name if value is True else f"{name}{value}"
            for name, value in self.fixed().items()
            if name in OPTIONS.keys() - named and value != OPTIONS[name].default
        ]
        return Path("runs", "_".join([self.dataset, self.net_name, f"seed{self.seed}", *others]))


# The fields that are options of the command line.
OPTIONS = {field.name: field for field in dataclasses.fields(RunConfig) if field.metadata["text"]}
