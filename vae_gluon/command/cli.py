"""The command ``vae-gluon``: command-line arguments -> a command and its options."""

from __future__ import annotations

import argparse
import difflib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import Field
from pathlib import Path
from typing import Any, NoReturn, Union

import mxnet as mx

from vae_gluon import __version__
from vae_gluon._checks import printable
from vae_gluon.command.outputs import run_encode, run_interpolate, run_sample, run_traverse
from vae_gluon.command.streams import lenient_output
from vae_gluon.command.train import run_train
from vae_gluon.command.trained import run_evaluate, run_explore, run_export, run_figures
from vae_gluon.distributed import LOOPBACK, ROLES, TIMEOUT, run_cluster
from vae_gluon.inference import PARTS
from vae_gluon.model import read_contexts
from vae_gluon.training import OPTIONS, ending_by_signals
from vae_gluon.training.run_config import integer, positive, positive_int

Command = Callable[[argparse.Namespace], Union[int, None]]
MAX_K = 10**6  # samples per image; on MNIST's 10,000 that takes a day


@lenient_output()
@ending_by_signals()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv``, or with the command line's arguments.

    Return the exit code: 0 for success, 1 after a system error or if the run diverged, 2 for bad
    input, 128 plus the number of a signal: 130 after Ctrl-C.
    """
    args = build_parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except mx.base.MXNetError as error:
        # The message is in the last line, below a stack trace.
        message, code = f"error: {str(error).strip().splitlines()[-1].strip()}", 1
    except (ValueError, FileNotFoundError, ImportError) as error:
        message, code = f"error: {error}", 2
    except (OSError, FloatingPointError) as error:
        message, code = f"error: {error}", 1
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else signal.SIGINT
        message, code = "".join(["interrupted", *error.args[1:]]), 128 + number
    print(f"vae-gluon {args.command}: {printable(message)}", file=sys.stderr, flush=True)
    if getattr(args, "connected", False):
        sys.stdout.flush()
        os._exit(code)  # a normal exit would wait for the other workers, which wait for this one
    return code


class _Parser(argparse.ArgumentParser):
    """Reports errors in one line, without the usage."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        # Each command rejects unknown arguments itself, so that the error names its --help.
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            close = difflib.get_close_matches(unknown[0], self._option_string_actions, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return namespace, unknown

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} ({self.prog} --help for details)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="vae-gluon",
        description="Train a variational autoencoder on MNIST, as the Gluon tutorial does.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"vae-gluon {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_train(commands)
    _add_run_commands(commands)
    _add_cluster(commands)
    return parser


def _add_train(commands: Any) -> None:
    text = "train a net; write its config, checkpoints, parameters, history and figures"
    add = _add_command(commands, "train", run_train, text)
    _add_data_dir(add, "look in VAE_GLUON_DATA and in MXNet's cache, then download")
    for field in OPTIONS.values():
        _add_option(add, field)
    text = "folder of the run (default: one in runs, named after the options)"
    add("--out", type=Path, metavar="DIR", help=text)
    text = "resume the run in that folder, with its options; a larger --epochs extends it"
    add("--resume", action="store_true", help=text)
    text = "devices that share each batch, such as gpu(0),gpu(1) (default: a GPU if available)"
    add("--ctx", type=_type(read_contexts), metavar="CONTEXTS", help=text)
    text = "train as one of several workers, each with --batch-size images (see vae-gluon cluster)"
    add("--kvstore", choices=["dist_sync"], help=text)
    text = f"time without a batch after which other workers count as dead (default: {TIMEOUT:g})"
    add("--timeout", type=_type(positive), default=TIMEOUT, metavar="SECONDS", help=text)


def _add_option(add: Callable[..., Any], field: Field[Any]) -> None:
    """Add an option without a default: --resume must know which options were given."""
    settings: dict[str, Any] = {"type": _type(field.metadata["read"]), "metavar": "N"}
    if field.default is False:
        settings = {"action": "store_true"}
    elif field.metadata["choices"]:
        settings = {"choices": field.metadata["choices"]}
    name = f"--{field.name.replace('_', '-')}"
    add(name, default=argparse.SUPPRESS, help=field.metadata["help"], **settings)


def _add_run_commands(commands: Any) -> None:
    text = "estimate the likelihood of a run's validation images"
    add = _add_run_command(commands, "evaluate", run_evaluate, text)
    text = "samples of the latent code for each image (default: 5000)"
    add("--k", type=_type(integer(1, MAX_K)), default=5000, metavar="N", help=text)
    text = "evaluate only the first N images (default: all of them)"
    add("--images", type=_type(positive_int), metavar="N", help=text)

    text = "write a table of the codes of all images, including training images"
    add = _add_run_command(commands, "encode", run_encode, text)
    add("--out", type=Path, metavar="FILE", help=".csv or .npz (default: RUN/codes.csv)")

    text = "redraw the figures of a run, or draw the curves of several runs in one"
    _add_run_command(commands, "figures", run_figures, text, nargs="+")

    text = "write an interactive page of a run's latent space: explorer.html"
    _add_run_command(commands, "explore", run_explore, text)

    text = "decode codes drawn from the prior"
    add = _add_run_command(commands, "sample", run_sample, text, data=False)
    add("--n", type=_type(positive_int), default=64, help="number of codes (default: 64)")
    add("--seed", type=_type(integer(0)), metavar="N", help="for the codes (default: the run's)")
    text = "a sheet (x.png), arrays (x.npz) or a folder of images (default: RUN/samples.png)"
    add("--out", type=Path, metavar="PATH", help=text)

    text = "draw a sweep of each latent dimension in a row: traversals.png"
    _add_run_command(commands, "traverse", run_traverse, text, data=False)

    text = "walk from image to image through the latent space: interpolation.gif"
    add = _add_run_command(commands, "interpolate", run_interpolate, text)
    text = "validation images, counted from 0, such as 3,7,1 (default: the first ten)"
    add("--images", type=_type(_integers), metavar="N,N", help=text)

    text = "export the net of a run as ONNX, or as symbol files of MXNet"
    add = _add_run_command(commands, "export", run_export, text, data=False)
    text = "PART.onnx, or PART-symbol.json and PART-0000.params (default: onnx)"
    add("--format", choices=["onnx", "symbol"], default="onnx", help=text)
    text = "encoder: x -> mu, lv; decoder: z -> y; vae: x, eps -> mu, lv, y (default: vae)"
    add("--part", choices=PARTS, default="vae", help=text)
    add("--out", type=Path, metavar="DIR", help="folder to write into (default: RUN)")


def _add_cluster(commands: Any) -> None:
    text = "train with several processes: start a scheduler, a server and workers here"
    add = _add_command(commands, "cluster", run_cluster_command, text)
    text = f"processes to start on this machine (default: {','.join(LOOPBACK)})"
    add("--roles", type=_type(_roles), default=LOOPBACK, metavar="ROLES", help=text)
    text = "the command that each worker runs; --kvstore dist_sync is added"
    add("words", nargs=argparse.REMAINDER, metavar="train ...", help=text)


def _add_run_command(
    commands: Any, name: str, run: Command, text: str, nargs: str | None = None, data: bool = True
) -> Callable[..., Any]:
    """Add a command on a run, or on several, with an option for the images if ``data``."""
    add = _add_command(commands, name, run, text)
    add("folder", type=Path, nargs=nargs, metavar="RUN", help="folder that train wrote")
    text = "parameters of the last epoch or, in a run with --patience, of the best (default: last)"
    add("--which", choices=["last", "best"], default="last", help=text)
    if data:
        _add_data_dir(add, "as in training")
    return add


def _add_command(commands: Any, name: str, run: Command, text: str) -> Callable[..., Any]:
    """Add a command; return the function that adds its options."""
    description = f"{text[0].upper()}{text[1:]}."  # capitalize() would lower-case ONNX and MXNet
    command = commands.add_parser(name, help=text, description=description, allow_abbrev=False)
    command.set_defaults(run=run)
    return command.add_argument


def _add_data_dir(add: Callable[..., Any], default: str) -> None:
    text = f"folder of MNIST's files or of your own pictures; or an .npz file (default: {default})"
    add("--data-dir", type=Path, metavar="DIR", help=text)


def run_cluster_command(args: argparse.Namespace) -> int:
    """Train with several processes on this machine."""
    if args.words[:1] != ["train"]:
        raise ValueError(f"expected train and its options, got {' '.join(args.words) or 'nothing'}")
    words = ["train", "--kvstore", "dist_sync", *args.words[1:]]
    build_parser().parse_args(words)  # so that errors come once, before anything starts
    return run_cluster(args.roles, [sys.executable, "-m", "vae_gluon", *words])


def _roles(words: str) -> list[str]:
    roles = words.split(",")
    if not set(roles) <= set(ROLES):
        raise ValueError(f"expected some of {', '.join(ROLES)}, got {words!r}")
    return roles


def _integers(words: str) -> list[int]:
    return [integer(0)(word) for word in words.split(",")]


def _type(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return an argparse type that prints the message of a ValueError."""

    def parse(word: str) -> Any:
        try:
            return read(word)
        except ValueError as error:
            raise argparse.ArgumentTypeError(error) from error

    return parse
