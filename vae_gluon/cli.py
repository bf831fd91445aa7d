"""The command ``vae-gluon``: words on the command line -> calls into the other rooms."""

from __future__ import annotations

import argparse
import math
import os
import shlex
import sys
import textwrap
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import mxnet as mx

from vae_gluon import __version__, runs
from vae_gluon.checkpoint import load_checkpoint, save_checkpoint
from vae_gluon.cluster import LOOPBACK, ROLES, run_cluster
from vae_gluon.conv import conv_decoder, conv_encoder
from vae_gluon.data import (
    MNISTUnavailableError,
    draw_pixels,
    load_mnist,
    locate_mnist,
    mnist_iterators,
)
from vae_gluon.digits import make_digits
from vae_gluon.export import PARTS, export_onnx, export_symbol
from vae_gluon.files import replacing
from vae_gluon.likelihood import active_units, elbo, log_likelihood
from vae_gluon.model import VAE
from vae_gluon.parameters import check_parameters, writing_parameters
from vae_gluon.runtime import default_context, read_contexts, seed
from vae_gluon.training import train
from vae_gluon.workers import check_agreement, shard

LEARNING_RATE = 0.001
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
        return args.run(args) or 0
    except CommandError as error:
        message, code = f"error: {error}", 2
    except (OSError, FloatingPointError) as error:
        message, code = f"error: {error}", 1
    except mx.base.MXNetError as error:
        # What there is to say stands in the last line, below the calls.
        message, code = f"error: {str(error).strip().splitlines()[-1].strip()}", 1
    except KeyboardInterrupt as interrupt:
        message, code = f"interrupted{interrupt}", 130
    print(f"vae-gluon {args.command}: {message}", file=sys.stderr, flush=True)
    if getattr(args, "connected", False):
        os._exit(code)  # MXNet would wait for the other workers, which wait for this one
    return code


# What the commands do


def run_train(args: argparse.Namespace) -> None:
    """Train a net, or resume its training; write all the files of the run."""
    kvstore = _connect(args)
    config, mnist, net, start, out = (_resumed if args.resume else _begun)(args, kvstore)
    seed(config["seed"])
    net.hybridize(static_alloc=True, static_shape=True)
    if _is_first(kvstore):
        workers = f", by {kvstore.num_workers} workers" if kvstore else ""
        print(
            f"Training on {len(mnist['train_data'])} images of {config['dataset']}, validating on "
            f"{len(mnist['test_data'])}, on {config['context']}{workers}, into {out}"
        )
        if start:
            print(f"Resuming after {len(start.history.train)} of {config['epochs']} epochs")
    if _is_first(kvstore):
        _draw_samples(mnist, config["seed"], out)
    with _last_words(out):
        history = _train(net, mnist, config, start, out, kvstore)
        if not _is_first(kvstore):
            return
        _save_parameters(net, out / f"{_net_name(config)}.params")
        runs.write_json(out / runs.HISTORY, history._asdict())
        _draw(net, mnist, history._asdict(), config["seed"], out)


def _connect(args):
    """Join the other workers of a training by several processes; None if there are none."""
    if args.kvstore is None:
        return None
    if os.environ.get("DMLC_ROLE") != "worker":
        raise CommandError(
            f"--kvstore {args.kvstore} needs a scheduler, servers and workers, told apart by "
            "MXNet's DMLC_* variables: vae-gluon cluster train ... starts them"
        )
    # It waits for the others, and once more when it is no longer referred to: main has to have
    # it until an error is told.
    args.connected = mx.kv.create(args.kvstore)
    return args.connected


def _is_first(kvstore):
    """Say whether this is the worker that writes the files of the run."""
    return kvstore is None or kvstore.rank == 0


def _train(net, mnist, config, start, out, kvstore):
    """Train as the config says, with a checkpoint at each of its epochs."""
    if kvstore:
        mnist = shard(mnist, kvstore.rank, kvstore.num_workers, config["batch_size"])
    iterators = mnist_iterators(mnist, config["batch_size"], config["shuffle"])

    def save(state):
        done = len(state.history.train)
        if not _is_first(kvstore):
            return
        if done % config["checkpoint_every"] == 0 or done == config["epochs"]:
            save_checkpoint(out / runs.CHECKPOINT, net, state, config)

    return train(
        net,
        *iterators,
        config["epochs"],
        config["lr"],
        binarize=config["binarize"],
        progress=_is_first(kvstore),
        seed=config["seed"],
        start=start,
        after_epoch=save,
        ctx=read_contexts(config["context"]),
        kvstore=kvstore,
    )


def run_figures(args: argparse.Namespace) -> None:
    """Draw the figures of a saved run again."""
    config, history, net, mnist = _finished(args)
    _draw(net, mnist, history, config["seed"], args.folder)


def run_evaluate(args: argparse.Namespace) -> None:
    """Measure how good a saved run is on its validation images; print it and write it."""
    config, _, net, mnist = _finished(args)
    images = mnist["test_data"][: args.images]
    seed(config["seed"])
    pixels = "grey"
    if config["binarize"]:
        pixels, images = "binarized", draw_pixels(mx.nd.array(images)).asnumpy()
    result = {
        "dataset": config["dataset"],
        "pixels": pixels,
        "images": len(images),
        **_measure(net, images, args.k),
    }
    runs.write_json(args.folder / runs.EVALUATION, result)
    print(f"{_table(result)}\n{args.folder / runs.EVALUATION}")


def run_export(args: argparse.Namespace) -> None:
    """Write a part of a saved run's net for other places; print what it takes and gives."""
    with _told():
        net = _load_net(args.folder, runs.read_config(args.folder))
        out = args.out or args.folder
        out.mkdir(parents=True, exist_ok=True)
        try:
            if args.format == "onnx":
                exported = export_onnx(net, out / f"{args.part}.onnx", args.part)
            else:
                exported = export_symbol(net, out / args.part, args.part)
        except ImportError as error:
            raise CommandError(error) from error
    shapes = (
        ", ".join(f"{name} {str(shape).replace(chr(39), '')}" for name, shape in arrays.items())
        for arrays in (exported.inputs, exported.outputs)
    )
    print(f"{' -> '.join(shapes)}: {', '.join(map(str, exported.files))}")


def run_cluster_command(args: argparse.Namespace) -> int:
    """Train by several processes on this machine."""
    if args.words[:1] != ["train"]:
        raise CommandError(
            f"expected train and its options, got {' '.join(args.words) or 'nothing'}"
        )
    words = ["train", "--kvstore", "dist_sync", *args.words[1:]]
    build_parser().parse_args(words)  # a wrong word is told once, and before anything begins
    return run_cluster(args.roles, [sys.executable, "-m", "vae_gluon", *words])


def _measure(net, images, k):
    """Measure the likelihood of images, and how many dimensions their codes use."""
    terms = elbo(net, images)
    bound = log_likelihood(net, images, k)
    active, variances = active_units(net, images)
    return {
        **terms._asdict(),
        "k": k,
        "log_likelihood_bound": float(bound.mean()),
        "standard_error": float(bound.std() / len(bound) ** 0.5),
        "active_units": active,
        "n_latent": net.n_latent,
        "variances_of_mu": variances.tolist(),
    }


def _table(result):
    return """\
{images} {pixels} validation images of {dataset}, nats per image
  reconstruction term   {reconstruction:9.2f}
  KL divergence         {kl:9.2f}
  ELBO                  {elbo:9.2f}
  log p(x) > L_k        {log_likelihood_bound:9.2f}   with k = {k}, +- {standard_error:.2f} over \
the images
  active latent units   {active_units:6d} of {n_latent}""".format(**result)


def _finished(args):
    """Take up a run that has come to its end: its config, history, net and data."""
    with _told():
        config, history = runs.read_config(args.folder), runs.read_history(args.folder)
        net = _load_net(args.folder, config)
        *_, mnist = _load_data(config["dataset"], args.data_dir or config["data_dir"])
    return config, history, net, mnist


def _load_net(folder, config):
    """Load the net of a run that has come to its end."""
    net = _make_net(config)
    net.load_parameters(folder / f"{_net_name(config)}.params", ctx=default_context())
    return net


def _begun(args, kvstore):
    """Begin a run: its config, data, net, no start, and its folder."""
    with _told():
        if args.out and _is_first(kvstore):
            runs.check_no_run(args.out)  # before the data, which may take a download
        dataset, folder, mnist = _load_data(args.dataset, args.data_dir)
        config = {
            "dataset": dataset,
            "dataset_asked_for": args.dataset,
            "data_crc32": _crc32(mnist),
            **_options(args),
            "n_workers": _n_workers(kvstore),
            **_here(args, folder),
        }
        _check_agreement(kvstore, config)
        net = _make_net(config)
        out = args.out or _default_folder(config)
        if _is_first(kvstore):
            runs.begin(out, config)
    return config, mnist, net, None, out


def _resumed(args, kvstore):
    """Take up a run: its config, data, net, where it stands, and its folder."""
    with _told():
        out = args.out or _find_run(args)
        config = runs.read_config(out)
        given = {**_given(args), **({"dataset": args.dataset} if args.dataset else {})}
        runs.check_options(out, config, given)
        data_dir = args.data_dir or config["data_dir"]
        _, folder, mnist = _load_data(config["dataset"], data_dir)
        if _crc32(mnist) != config["data_crc32"]:
            raise ValueError(f"the run in {out} was trained on other images than those of {folder}")
        if config["n_workers"] != _n_workers(kvstore):
            raise ValueError(
                f"the run in {out} has {config['n_workers']} workers: expected as many to go on "
                f"with it, got {_n_workers(kvstore)}"
            )
        config = {**config, **given, **_here(args, folder)}
        _check_agreement(kvstore, config)
        net, start = _make_net(config), None
        if (out / runs.CHECKPOINT).exists():
            start, kept = load_checkpoint(out / runs.CHECKPOINT, net)
            runs.check_checkpoint(out, config, kept, len(start.history.train))
        if _is_first(kvstore):
            runs.begin_again(out, config)
    return config, mnist, net, start, out


def _n_workers(kvstore):
    return kvstore.num_workers if kvstore else 1


def _check_agreement(kvstore, config):
    if kvstore:
        check_agreement(kvstore, {name: config[name] for name in config.keys() - runs.FREE})


def _save_parameters(net, path):
    with replacing(path) as partial, writing_parameters():
        net.save_parameters(str(partial))
        check_parameters(partial, net)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the rooms say of bad input into the one line of the command."""
    try:
        yield
    except (ValueError, FileNotFoundError) as error:
        raise CommandError(error) from error


@contextmanager
def _last_words(out: Path) -> Iterator[None]:
    """Say, where a run ends before its time, what is kept of it and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        kept = (out / runs.CHECKPOINT).exists()
        way = "; go on from its checkpoint" if kept else " before its first checkpoint; start again"
        command = f"vae-gluon train --resume --out {shlex.quote(str(out))}"
        raise KeyboardInterrupt(f"{way} with: {command}") from None
    except FloatingPointError as error:
        if not (out / runs.CHECKPOINT).exists():
            raise
        raise FloatingPointError(f"{error}; {out / runs.CHECKPOINT} is from before") from error


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


def _say_that_digits_stand_in(error):
    wrap = textwrap.TextWrapper(80, break_long_words=False, break_on_hyphens=False)
    print(
        f"{RULE}\nNOT MNIST: this run uses the embedded digits, which this package draws.\n"
        f"Its losses cannot be compared with those of MNIST.\n\n{wrap.fill(str(error))}.\n{RULE}",
        file=sys.stderr,
    )


def _options(args):
    """Return the numbers that describe the run, by their names in the config."""
    defaults = {name: option.default for name, option in runs.OPTIONS.items()}
    flags = dict.fromkeys(runs.FLAGS, False)
    options = {**defaults, "lr": LEARNING_RATE, "arch": "mlp", **flags, **_given(args)}
    if options["arch"] == "conv" and "n_layers" in vars(args):
        raise CommandError("--n-layers is for --arch mlp: the layers of conv are given")
    return options


def _given(args):
    """Return those of them that were given."""
    names = (*runs.OPTIONS, *runs.FLAGS, "lr", "arch")
    return {name: value for name, value in vars(args).items() if name in names}


def _here(args, folder):
    """Describe the place of a run, which may be another when it goes on."""
    contexts = args.ctx or [default_context()]
    return {
        "data_dir": None if folder is None else str(folder.resolve()),
        "context": ",".join(map(str, contexts)),
        "version": __version__,
    }


def _crc32(mnist):
    """Return a number that is another for other images."""
    return zlib.crc32(mnist["test_data"], zlib.crc32(mnist["train_data"]))


def _net_name(config):
    """Name a net as the tutorial names its parameter file."""
    if config["arch"] == "conv":
        return "vae_gluon_{n_latent}dconv{n_hidden}h".format(**config)
    return "vae_gluon_{n_latent}d{n_layers}l{n_hidden}h".format(**config)


def _default_folder(config):
    return Path("runs", "{dataset}_{net}_seed{seed}".format(net=_net_name(config), **config))


def _find_run(args):
    """Find the default folder of the run that the options describe."""
    datasets = [args.dataset] if args.dataset else runs.DATASETS
    folders = [_default_folder({**_options(args), "dataset": dataset}) for dataset in datasets]
    found = [folder for folder in folders if (folder / runs.CONFIG).exists()]
    if len(found) != 1:
        raise ValueError(
            f"expected one run to resume, found {len(found)}: looked for "
            f"{' and '.join(map(str, folders))}; name its folder with --out"
        )
    return found[0]


def _make_net(config):
    n_hidden, n_latent = config["n_hidden"], config["n_latent"]
    if config["arch"] == "conv":
        encoder, decoder = conv_encoder(n_latent, n_hidden), conv_decoder(n_latent, n_hidden)
        return VAE(n_latent=n_latent, encoder=encoder, decoder=decoder)
    return VAE(n_hidden, n_latent, config["n_layers"])


def _draw_samples(mnist, seed, folder):
    from vae_gluon.figures import draw_samples

    draw_samples(mnist, seed, folder)


def _draw(net, mnist, history, seed, folder):
    # Here, so that a wrong word is not answered after a wait for matplotlib.
    from vae_gluon.figures import draw_figures

    draw_figures(net, mnist, history, seed, folder)
    if net.n_latent != 2:
        instead = ": principal components instead" if net.n_latent > 2 else ""
        print(f"No pictures of a latent plane, n_latent is {net.n_latent}, not 2{instead}")
    print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


# The words


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage above it."""

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} ({self.prog} --help says more)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="vae-gluon",
        description="Train a variational autoencoder on MNIST, as the Gluon tutorial does.",
    )
    parser.add_argument("--version", action="version", version=f"vae-gluon {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_train(commands)
    _add_figures(commands)
    _add_evaluate(commands)
    _add_export(commands)
    _add_cluster(commands)
    return parser


def _add_train(commands):
    text = "train a net; write its config, checkpoints, parameters, history and figures"
    command = commands.add_parser("train", help=text, description=text.capitalize() + ".")
    add = command.add_argument
    _add_data_dir(add, "look in VAE_GLUON_DATA and in MXNet's cache, then download")
    add(
        "--dataset",
        choices=runs.DATASETS,
        help="what to train on; digits are drawn by this package "
        "(default: mnist, or digits where it can neither be found nor downloaded)",
    )
    for name, option in runs.OPTIONS.items():
        _add_number(add, name, _integer(option), option.default, option.text)
    _add_number(add, "lr", _positive, LEARNING_RATE, "learning rate of Adam")
    add(
        "--arch",
        choices=runs.ARCHITECTURES,
        default=argparse.SUPPRESS,
        help="dense layers, or convolutions and one hidden layer (default: mlp)",
    )
    for name, text in runs.FLAGS.items():
        add(f"--{name}", action="store_true", default=argparse.SUPPRESS, help=text)
    _add_folder(add)
    _add_devices(add)
    command.set_defaults(run=run_train)


def _add_folder(add):
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder to write (default: one under runs, named after data set, net and seed)",
    )
    add(
        "--resume",
        action="store_true",
        help="go on with the run in that folder, with its options, from its last checkpoint; "
        "more --epochs make it longer",
    )


def _add_devices(add):
    add(
        "--ctx",
        type=_contexts,
        metavar="CONTEXTS",
        help="devices to train on, each with its part of a batch: gpu(0),gpu(1) "
        "(default: a GPU if there is one)",
    )
    add(
        "--kvstore",
        choices=["dist_sync"],
        help="train as one of several workers of MXNet's parameter server, each with batches of "
        "--batch-size (see vae-gluon cluster)",
    )


def _add_number(add, name, read, default, text):
    """Add an option that is in the result only if it was given, so that it can contradict."""
    add(
        f"--{name.replace('_', '-')}",
        type=read,
        default=argparse.SUPPRESS,
        metavar="N",
        help=f"{text} (default: {default})",
    )


def _add_figures(commands):
    text = "draw the figures of a saved run again"
    command = commands.add_parser("figures", help=text, description=text.capitalize() + ".")
    command.add_argument("folder", type=Path, metavar="RUN", help="folder that train wrote")
    _add_data_dir(command.add_argument, "where the run found them")
    command.set_defaults(run=run_figures)


def _add_evaluate(commands):
    text = "measure the likelihood of a saved run on its validation images"
    command = commands.add_parser("evaluate", help=text, description=text.capitalize() + ".")
    add = command.add_argument
    add("folder", type=Path, metavar="RUN", help="folder that train wrote")
    k = runs.Option(1, None, 5000, "samples of the latent code for each image")
    images = runs.Option(1, None, None, "evaluate only the first N images")
    for name, option, default in (("--k", k, "5000"), ("--images", images, "all of them")):
        help_ = f"{option.text} (default: {default})"
        add(name, type=_integer(option), default=option.default, metavar="N", help=help_)
    _add_data_dir(add, "where the run found them")
    command.set_defaults(run=run_evaluate)


def _add_export(commands):
    text = "write the net of a saved run as ONNX, or as a symbol of MXNet"
    command = commands.add_parser("export", help=text, description=text + ".")
    add = command.add_argument
    add("folder", type=Path, metavar="RUN", help="folder that train wrote")
    add(
        "--format",
        choices=["onnx", "symbol"],
        default="onnx",
        help="PART.onnx, or PART-symbol.json and PART-0000.params (default: onnx)",
    )
    add(
        "--part",
        choices=PARTS,
        default="vae",
        help="encoder: x -> mu, lv; decoder: z -> y; vae: x, eps -> mu, lv, y (default: vae)",
    )
    add("--out", type=Path, metavar="DIR", help="folder to write into (default: RUN)")
    command.set_defaults(run=run_export)


def _add_cluster(commands):
    text = "train by several processes: scheduler, server and workers, started here"
    command = commands.add_parser("cluster", help=text, description=text.capitalize() + ".")
    command.add_argument(
        "--roles",
        type=_roles,
        default=LOOPBACK,
        metavar="ROLES",
        help="those to start on this machine, of those that DMLC_NUM_WORKER and "
        f"DMLC_NUM_SERVER count on all (default: {','.join(LOOPBACK)})",
    )
    command.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="train ...",
        help="the command that each worker runs; --kvstore dist_sync is added",
    )
    command.set_defaults(run=run_cluster_command)


def _contexts(words):
    try:
        return read_contexts(words)
    except ValueError as error:
        raise argparse.ArgumentTypeError(error) from error


def _roles(words):
    roles = words.split(",")
    if not set(roles) <= set(ROLES):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(ROLES)}, got {words!r}")
    return roles


def _add_data_dir(add, default):
    add(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help=f"folder of the four files of MNIST, plain or .gz (default: {default})",
    )


def _integer(option: runs.Option) -> Callable[[str], int]:
    """Return a reader of the integers that an option allows."""

    def read(word):
        try:
            number = int(word)
        except ValueError:
            number = None
        if not option.allows(number):
            raise argparse.ArgumentTypeError(f"expected {option.expected}, got {word!r}")
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
