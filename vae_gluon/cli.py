"""The command ``vae-gluon``: words on the command line -> calls into the other rooms."""

from __future__ import annotations

import argparse
import json
import math
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import mxnet as mx

from vae_gluon import __version__
from vae_gluon.data import MNISTUnavailableError, load_mnist, locate_mnist, mnist_iterators
from vae_gluon.digits import make_digits
from vae_gluon.model import VAE
from vae_gluon.runtime import SEED_LIMIT, default_context, seed
from vae_gluon.training import train

CONFIG = "config.json"
HISTORY = "history.json"
RULE = "=" * 80


class CommandError(Exception):
    """Something the user can put right; it is shown in one line, with exit code 2."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv``, or with the words of the command line.

    Returns
    -------
    int
        The exit code: 0; 1 if the system refused something or the run diverged; 2 for wrong
        words; 130 after Ctrl-C.
    """
    args = build_parser().parse_args(argv)
    try:
        args.run(args)
    except CommandError as error:
        message, code = f"error: {error}", 2
    except (OSError, FloatingPointError) as error:
        message, code = f"error: {error}", 1
    except KeyboardInterrupt:
        message, code = "interrupted", 130
    else:
        return 0
    print(f"vae-gluon {args.command}: {message}", file=sys.stderr)
    return code


# What the commands do


def run_train(args: argparse.Namespace) -> None:
    """Train a net; write its config, parameters, history and figures."""
    if args.out:
        _refuse_a_run(args.out)  # before the data, which may take a download
    dataset, folder, mnist = _load_data(args.dataset, args.data_dir)
    config = _config(args, dataset, folder)
    out = args.out or Path("runs", f"{dataset}_{_net_name(config)}_seed{args.seed}")
    _make_folder(out)
    _write_json(out / CONFIG, config)

    seed(args.seed)
    train_iter, test_iter = mnist_iterators(mnist, args.batch_size)
    net = _make_net(config)
    net.hybridize(static_alloc=True, static_shape=True)
    print(
        f"Training on {len(mnist['train_data'])} images of {dataset}, validating on "
        f"{len(mnist['test_data'])}, on {config['context']}, into {out}"
    )
    history = train(net, train_iter, test_iter, args.epochs, args.lr)._asdict()

    net.save_parameters(str(out / f"{_net_name(config)}.params"))
    _write_json(out / HISTORY, history)
    _draw(net, mnist, history, config["seed"], out)


def run_figures(args: argparse.Namespace) -> None:
    """Draw the figures of a saved run again."""
    config, history = (_read_json(args.folder / name) for name in (CONFIG, HISTORY))
    try:
        net, name = _make_net(config), _net_name(config)
        dataset, data_dir, number = config["dataset"], config["data_dir"], config["seed"]
        history = {key: [float(loss) for loss in history[key]] for key in ("train", "val")}
    except (KeyError, TypeError, ValueError) as error:
        raise CommandError(f"{args.folder} does not describe a run: {error!r}") from error
    _load_parameters(net, args.folder / f"{name}.params")
    *_, mnist = _load_data(dataset, args.data_dir or data_dir)
    _draw(net, mnist, history, number, args.folder)


def _load_data(dataset, data_dir):
    """Load the data set that was asked for: its name, folder and arrays.

    Without a name that is MNIST, or the embedded digits where there is no MNIST.
    """
    if dataset == "digits":
        if data_dir is not None:
            raise CommandError("--data-dir is for the files of MNIST; digits are drawn, not read")
        return "digits", None, make_digits()
    try:
        folder = locate_mnist(data_dir)
        return "mnist", folder, load_mnist(folder)
    except MNISTUnavailableError as error:
        if dataset == "mnist":
            raise CommandError(error) from error
        _say_that_digits_stand_in(error)
        return "digits", None, make_digits()
    except (ValueError, FileNotFoundError) as error:
        raise CommandError(error) from error


def _say_that_digits_stand_in(error):
    wrap = textwrap.TextWrapper(80, break_long_words=False, break_on_hyphens=False)
    print(
        f"{RULE}\nNOT MNIST: this run uses the embedded digits, which this package draws.\n"
        f"Its losses cannot be compared with those of MNIST.\n\n{wrap.fill(str(error))}.\n{RULE}",
        file=sys.stderr,
    )


def _config(args, dataset, folder):
    """Describe a run so that it can be trained, or drawn, again."""
    return {
        "dataset": dataset,
        "dataset_asked_for": args.dataset,
        "data_dir": None if folder is None else str(folder.resolve()),
        "epochs": args.epochs,
        "batch_size": args.batch_size,
        "n_latent": args.n_latent,
        "n_hidden": args.n_hidden,
        "n_layers": args.n_layers,
        "lr": args.lr,
        "seed": args.seed,
        "context": str(default_context()),
        "version": __version__,
    }


def _net_name(config):
    """Name a net as the tutorial names its parameter file."""
    return "vae_gluon_{n_latent}d{n_layers}l{n_hidden}h".format(**config)


def _make_net(config):
    return VAE(
        n_hidden=config["n_hidden"], n_latent=config["n_latent"], n_layers=config["n_layers"]
    )


def _load_parameters(net, path):
    try:
        net.load_parameters(str(path), ctx=default_context())
    except (mx.base.MXNetError, AssertionError, ValueError) as error:
        reason = str(error).splitlines()[-1]
        raise CommandError(f"{path} holds no parameters of this net: {reason}") from error


def _refuse_a_run(out):
    # A run that was cut off before its end has left nothing but its config.
    if (out / HISTORY).exists():
        raise CommandError(f"{out} already holds a run: remove it, or name another with --out")


def _make_folder(out):
    _refuse_a_run(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise CommandError(f"--out {out} cannot be a folder: a file is in its place") from error


def _draw(net, mnist, history, seed, folder):
    # Here, so that a wrong word is not answered after a wait for matplotlib.
    from vae_gluon.figures import draw_figures

    draw_figures(net, mnist, history, seed, folder)
    if net.n_latent != 2:
        print(f"Left out the two pictures of the latent plane: n_latent is {net.n_latent}, not 2")
    print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


def _write_json(path, content):
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def _read_json(path):
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CommandError(f"{path.parent} holds no finished run: no {path.name} in it") from error
    except ValueError as error:
        raise CommandError(f"{path} is not JSON: {error}") from error


# The words


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage above it."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of both commands."""
    parser = _Parser(
        prog="vae-gluon",
        description="Train a variational autoencoder on MNIST, as the Gluon tutorial does.",
    )
    parser.add_argument("--version", action="version", version=f"vae-gluon {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_train(commands)
    _add_figures(commands)
    return parser


def _add_train(commands):
    text = "train a net; write its config, parameters, history and figures"
    command = commands.add_parser("train", help=text, description=text.capitalize() + ".")
    add = command.add_argument
    _add_data_dir(add, "look in VAE_GLUON_DATA and in MXNet's cache, then download")
    add(
        "--dataset",
        choices=("mnist", "digits"),
        help="what to train on; digits are drawn by this package "
        "(default: mnist, or digits where it can neither be found nor downloaded)",
    )
    for name, read, default, text in (
        ("--epochs", _integer(1), 50, "passes over the training images"),
        ("--batch-size", _integer(1), 100, "images in a step"),
        ("--n-latent", _integer(1), 2, "dimensions of the latent code"),
        ("--n-hidden", _integer(1), 400, "units of a hidden layer"),
        ("--n-layers", _integer(0), 2, "hidden layers of the encoder, and of the decoder"),
        ("--lr", _positive, 0.001, "learning rate of Adam"),
        ("--seed", _integer(0, SEED_LIMIT), 1, "the same seed gives the same losses"),
    ):
        add(name, type=read, default=default, metavar="N", help=f"{text} (default: {default})")
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder to write (default: one under runs, named after data set, net and seed)",
    )
    command.set_defaults(run=run_train)


def _add_figures(commands):
    text = "draw the figures of a saved run again"
    command = commands.add_parser("figures", help=text, description=text.capitalize() + ".")
    command.add_argument("folder", type=Path, metavar="RUN", help="folder that train wrote")
    _add_data_dir(command.add_argument, "where the run found them")
    command.set_defaults(run=run_figures)


def _add_data_dir(add, default):
    add(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help=f"folder of the four files of MNIST, plain or .gz (default: {default})",
    )


def _integer(least: int, limit: int | None = None) -> Callable[[str], int]:
    """Return a reader of integers from ``least`` up to, not including, ``limit``."""

    def read(word):
        try:
            number = int(word)
        except ValueError:
            number = None
        if number is None or number < least or (limit is not None and number >= limit):
            upper = "" if limit is None else f" and below {limit}"
            raise argparse.ArgumentTypeError(
                f"expected an integer of at least {least}{upper}, got {word!r}"
            )
        return number

    return read


def _positive(word):
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {word!r}")
    return number
