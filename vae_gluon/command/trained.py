"""``vae-gluon figures``, ``evaluate``, ``explore`` and ``export``: commands on a run."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import mxnet as mx

from vae_gluon._files import write_json
from vae_gluon.data import Dataset, load_dataset, sample_pixels
from vae_gluon.inference import active_units, elbo, export_onnx, export_symbol, log_likelihood
from vae_gluon.model import VAE
from vae_gluon.training import History, RunConfig, load_run, picture_size, seed

# Titles of the interactive page by data set; it has them in Chinese too.
TITLES = {
    "mnist": "Latent space of handwritten digits",
    "digits": "Latent space of digits",
}

TABLE = """\
{images} {pixels} validation images of {dataset}, nats per image
  reconstruction term   {reconstruction:9.2f}
  KL divergence         {kl:9.2f}
  ELBO                  {elbo:9.2f}
  log p(x) > L_k        {log_likelihood_bound:9.2f}   with k = {k}, +- {standard_error:.2f} over \
the images
  active latent units   {active_units:6d} of {n_latent}"""


def run_figures(args: Namespace) -> None:
    """Redraw the figures of a run, or draw the curves of several."""
    from vae_gluon.command import figures  # here, because matplotlib loads slowly

    if len(args.folder) > 1:
        runs = {}
        for folder in args.folder:
            config, _, history = read_trained(folder, args.which)
            runs[str(folder)] = config, history
        groups, varying = _group(runs)
        parent = Path(os.path.normpath(args.folder[0] / ".."))
        print(figures.draw_curves(groups, parent, "kl_weight" in varying))
        return
    (folder,) = args.folder
    config, net, history = read_trained(folder, args.which)
    data = load_data(config, args.data_dir)
    figures.draw_figures(net, data.arrays, history, config.seed, folder)
    print(f"Pictures are in {folder}")


def _group(
    runs: Mapping[str, tuple[RunConfig, History]],
) -> tuple[dict[str, list[History]], list[str]]:
    """Group the histories of runs that differ only in their seed; return what else varies too.

    Groups are named after what varies; if two runs would coincide, all after their folders.
    """
    options = [{**config.fixed(), "epochs": config.epochs} for config, _ in runs.values()]
    varying = [name for name in options[0] if len({values[name] for values in options}) > 1]
    left_out = ("seed", "data_crc32") if "dataset" in varying else ("seed",)
    varying = [name for name in varying if name not in left_out]
    groups: dict[str, dict[int, History]] = {}  # by name and by seed
    for (config, history), values in zip(runs.values(), options):
        words = (f"{name} {values[name]}".removesuffix(".0") for name in varying)
        groups.setdefault(", ".join(words) or config.net_name, {})[config.seed] = history
    if sum(map(len, groups.values())) < len(runs):
        return {folder: [history] for folder, (_, history) in runs.items()}, varying
    return {name: [*histories.values()] for name, histories in groups.items()}, varying


def run_evaluate(args: Namespace) -> None:
    """Estimate the likelihood of a run's validation images; print and save it."""
    config, net, history = read_trained(args.folder, args.which)
    data = load_data(config, args.data_dir)
    images = data.arrays["test_data"][: args.images]
    seed(config.seed)
    if config.binarize:
        images = sample_pixels(mx.nd.array(images)).asnumpy()
    terms = elbo(net, images)
    bound = log_likelihood(net, images, args.k)
    active, variances = active_units(net, images)
    result = {
        "dataset": data.name,
        "data_crc32": data.crc32,
        "which": args.which,
        "epochs": len(history.val),
        "pixels": "binarized" if config.binarize else "grey",
        "images": len(images),
        **terms._asdict(),
        "k": args.k,
        "log_likelihood_bound": float(bound.mean()),
        "standard_error": float(bound.std() / len(bound) ** 0.5),
        "active_units": active,
        "n_latent": net.n_latent,
        "variances_of_mu": variances.tolist(),
    }
    print(TABLE.format(**result), flush=True)  # first: it took minutes, and writing may fail
    path = args.folder / f"evaluation{'_best' if args.which == 'best' else ''}.json"
    write_json(path, result)
    print(path)


def run_explore(args: Namespace) -> None:
    """Write an interactive page of a run's latent space."""
    from vae_gluon.explorer import explore  # here, because matplotlib loads slowly

    config, net, _ = read_trained(args.folder, args.which)
    data = load_data(config, args.data_dir)
    images, labels = data.arrays["test_data"], data.arrays.get("test_label")
    title = TITLES.get(data.name, "Latent space")
    page = explore(net, images, labels, title, subtitle=f"{config.net_name}, {data.name}")
    path = args.folder / "explorer.html"
    page.save(path)
    print(path)


def run_export(args: Namespace) -> None:
    """Export a part of the net of a run; print its inputs and outputs."""
    _, net, _ = read_trained(args.folder, args.which)
    out = args.out or args.folder
    out.mkdir(parents=True, exist_ok=True)
    if args.format == "onnx":
        exported = export_onnx(net, out / f"{args.part}.onnx", args.part)
    else:
        exported = export_symbol(net, out / args.part, args.part)
    inputs, outputs = (
        ", ".join(f"{name} (N, {size})" for name, (_, size) in arrays.items())
        for arrays in (exported.inputs, exported.outputs)
    )
    print(f"{inputs} -> {outputs}: {', '.join(map(str, exported.files))}")


def read_trained(folder: Path, which: str) -> tuple[RunConfig, VAE, History]:
    """Read a run; print a note if it is unfinished."""
    net, config, history = load_run(folder, which)
    done, epochs = len(history.train), config["epochs"]
    if which == "last" and done < epochs:
        print(f"{folder}: after {done} of {epochs} epochs")
    return RunConfig(**config), net, history


def load_data(config: RunConfig, data_dir: Path | None) -> Dataset:
    """Load a run's data set, or another from ``data_dir``; print a note if images differ."""
    name = None if data_dir else config.dataset
    path = data_dir or config.data_dir
    data = load_dataset(name, path, picture_size(config.size), config.invert)
    if data.crc32 != config.data_crc32:
        if not data_dir:
            raise ValueError(
                f"the run was trained on other images than those now in {path}; see --data-dir"
            )
        print(f"On other images than the run's: {data.name}, of {data.path}")
    return data
