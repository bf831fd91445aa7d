"""``RunConfig``: the settings of a run, on the command line, in its checkpoint and in Python.

Each option is one field, with its reader, default and help. The command's options, the check of a
checkpoint's config and the default folder's name are derived from it.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any

from vae_gluon._checks import LIMIT, quoted
from vae_gluon.data import DATASETS
from vae_gluon.model import VAE, conv_decoder, conv_encoder

# Readers parse an argument or a JSON value; a ValueError says what was expected.
Reader = Callable[[Any], Any]


def _reader(expected: str, parse: Callable[[str], Any], fits: Callable[[Any], bool]) -> Reader:
    def read(value: Any) -> Any:
        try:
            parsed = parse(str(value))
        except ValueError:
            parsed = None
        if parsed is None or not fits(parsed):
            raise ValueError(f"expected {expected}, got {quoted(value)}")
        return parsed

    return read


def integer(least: int, most: int = LIMIT - 1) -> Reader:
    """Return a reader of integers from ``least`` to ``most``."""
    above = "" if most == LIMIT - 1 else f" and at most {most}"
    return _reader(f"an integer of at least {least}{above}", int, lambda n: least <= n <= most)


def _height_and_width(text: str) -> str | None:
    """Return ``HxW``, where a single number stands for both, or None if it is something else."""
    match = re.fullmatch(r"([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?", text)
    return f"{match[1]}x{match[2] or match[1]}" if match else None


positive_int = integer(1)
positive = _reader("a number above 0", float, lambda x: 0 < x < math.inf)
not_negative = _reader("a number of at least 0", float, lambda x: 0 <= x < math.inf)
fraction = _reader("a number above 0 and up to 1", float, lambda x: 0 < x <= 1)
size = _reader("a height and a width such as 48x32", _height_and_width, bool)
text = _reader("a name", str, bool)
any_integer = _reader("an integer", int, lambda n: True)
flag = _reader("true or false", {"True": True, "False": False}.get, lambda value: True)


def _field(
    read: Reader,
    default: Any = MISSING,
    help: str | None = None,
    fixed: bool = True,
    choices: tuple[str, ...] = (),
) -> Any:
    """Return a field, an option if it has ``help``. If ``fixed``, a resumed run keeps it."""
    if help and type(default) in (int, float, str):
        help += f" (default: {default})"
    metadata = {"read": read, "help": help, "fixed": fixed, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


def _choice(names: tuple[str, ...], help: str) -> Any:
    """Return an option that is one of these names, by default the first."""
    read = _reader(" or ".join(names), str, names.__contains__)
    return _field(read, names[0], help, choices=names)


@dataclass(frozen=True)
class RunConfig:
    """The settings of a run. Those not fixed may change when it is resumed."""

    dataset: str = _field(
        text,
        help="data set; digits are drawn by this package (default: mnist, or digits if it can be "
        "neither found nor downloaded)",
        choices=tuple(DATASETS),
    )
    data_crc32: int = _field(any_integer, 0)  # of all images
    height: int = _field(positive_int, 28)
    width: int = _field(positive_int, 28)
    epochs: int = _field(positive_int, 50, "passes over the training images", fixed=False)
    batch_size: int = _field(positive_int, 100, "images per step")
    n_latent: int = _field(positive_int, 2, "dimensions of the latent code")
    n_hidden: int = _field(positive_int, 400, "units of each hidden layer")
    n_layers: int = _field(integer(0, 1000), 2, "hidden layers of the encoder, and of the decoder")
    seed: int = _field(integer(0), 1, "of all random numbers: the same seed gives the same losses")
    checkpoint_every: int = _field(positive_int, 1, "epochs between checkpoints", fixed=False)
    lr: float = _field(positive, 0.001, "learning rate of Adam")
    arch: str = _choice(("mlp", "conv"), "dense layers, or convolutions and one hidden layer")
    shuffle: bool = _field(flag, False, "shuffle the training images before each epoch")
    binarize: bool = _field(
        flag, False, "train and evaluate on binary pixels, sampled anew for each batch"
    )
    size: str | None = _field(
        size, None, "resize your own pictures to this height and width, such as 48x32"
    )
    invert: bool = _field(flag, False, "in your own pictures, black is paper, not white")
    kl_weight: float = _field(
        not_negative, 1.0, "weight of the KL term in training; reported losses are unweighted"
    )
    kl_warmup: int = _field(integer(0), 0, "epochs in which the weight of the KL term rises from 0")
    lr_decay: float = _field(fraction, 1.0, "multiply the learning rate by N after each epoch")
    lr_schedule: str = _choice(
        ("constant", "cosine"),
        "cosine: the learning rate falls to 0 at the last epoch, along half a cosine",
    )
    lr_warmup: int = _field(integer(0), 0, "epochs in which the learning rate rises from 0")
    patience: int | None = _field(
        positive_int,
        None,
        "stop when the validation loss has not fallen for N epochs, and keep the parameters of "
        "the best epoch too (default: never)",
        fixed=False,
    )
    film: bool = _field(
        flag, False, "write film.gif: the latent plane after each epoch", fixed=False
    )
    n_workers: int = _field(positive_int, 1)
    # Where it runs, which affects at most the last digits of the losses.
    data_dir: str | None = _field(text, None, fixed=False)
    context: str = _field(text, "cpu(0)", fixed=False)
    version: str = _field(text, "unknown", fixed=False)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> RunConfig:
        """Return a config from values by name, the others at their defaults.

        Raise a ValueError if a name or value is invalid.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        if "dataset" not in content or not content.keys() <= fields.keys():
            raise ValueError(f"expected the config of a run, got {quoted(dict(content))}")
        values = dict(content)
        for name, value in content.items():
            if value is None and fields[name].default is None:
                continue
            try:
                values[name] = fields[name].metadata["read"](value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return cls(**values)

    def fixed(self) -> dict[str, Any]:
        """Return the values that may not change when the run is resumed, by name."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.metadata["fixed"]
        }

    def make_net(self) -> VAE:
        """Build the net, uninitialized."""
        n_output = self.height * self.width
        if self.arch == "mlp":
            return VAE(self.n_hidden, self.n_latent, self.n_layers, n_output)
        sizes = self.n_latent, self.n_hidden, (self.height, self.width)
        encoder, decoder = conv_encoder(*sizes), conv_decoder(*sizes)
        return VAE(n_latent=self.n_latent, n_output=n_output, encoder=encoder, decoder=decoder)

    @property
    def net_name(self) -> str:
        """The net's name: the tutorial's for its parameter file, without the suffix."""
        layers = f"{self.n_layers}l" if self.arch == "mlp" else self.arch
        return f"vae_gluon_{self.n_latent}d{layers}{self.n_hidden}h"

    @property
    def default_folder(self) -> Path:
        """The folder of the run by default, named after its options that are not defaults.

        Those that may change when it is resumed are left out.
        """
        named = {"dataset", "arch", "n_latent", "n_hidden", "n_layers", "seed"}
        others = [
            name if value is True else f"{name}{value}"
            for name, value in self.fixed().items()
            if name in OPTIONS.keys() - named and value != OPTIONS[name].default
        ]
        return Path("runs", "_".join([self.dataset, self.net_name, f"seed{self.seed}", *others]))


# The fields that are command-line options.
OPTIONS = {field.name: field for field in dataclasses.fields(RunConfig) if field.metadata["help"]}


def picture_size(size: str | None) -> tuple[int, int] | None:
    """Return the height and width in the option ``size``, None if it is not set."""
    if size is None:
        return None
    height, width = map(int, size.split("x"))
    return height, width
