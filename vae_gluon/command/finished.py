"""``vae-gluon figures``, ``evaluate`` and ``export``: what is done with a finished run."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np

from vae_gluon.command.errors import bad_input
from vae_gluon.command.run import finished_net, finished_run
from vae_gluon.command.run_files import (
    EVALUATION,
    EXPLORER,
    read_config,
    read_history,
    write_json,
)
from vae_gluon.data import draw_pixels
from vae_gluon.inference import active_units, elbo, export_onnx, export_symbol, log_likelihood
from vae_gluon.model import VAE
from vae_gluon.training import History, seed


def run_figures(args: argparse.Namespace) -> None:
    """Draw the figures of a finished run again, or the curves of several."""
    if len(args.folder) > 1:
        _draw_curves(args.folder)
        return
    (folder,) = args.folder
    with bad_input():
        run = finished_run(folder, args.data_dir, args.which)
    draw(run.net, run.mnist, run.history, run.config.seed, folder)
    print(f"Pictures are in {folder}")


def _draw_curves(folders: list[Path]) -> None:
    """Draw the curves of several runs into one figure beside the first; print where."""
    from vae_gluon.command.figures import draw_curves

    with bad_input():
        runs = {str(folder): read_history(folder, read_config(folder))[0] for folder in folders}
    print(draw_curves(runs, Path(os.path.normpath(folders[0] / ".."))))


def run_evaluate(args: argparse.Namespace) -> None:
    """Measure the likelihood of a finished run on its validation images; print and write it."""
    with bad_input():
        run = finished_run(args.folder, args.data_dir, args.which)
    images = run.mnist["test_data"][: args.images]
    seed(run.config.seed)
    pixels = "grey"
    if run.config.binarize:
        pixels, images = "binarized", draw_pixels(mx.nd.array(images)).asnumpy()
    result = {
        "dataset": run.config.dataset,
        "pixels": pixels,
        "images": len(images),
        **_measure(run.net, images, args.k),
    }
    print(_table(result), flush=True)  # first: it took minutes, and writing may fail
    write_json(args.folder / EVALUATION, result)
    print(args.folder / EVALUATION)


def run_explore(args: argparse.Namespace) -> None:
    """Write a page in which the latent space of a finished run can be touched."""
    from vae_gluon.explorer import explore  # here, because matplotlib takes its time

    with bad_input():
        run = finished_run(args.folder, args.data_dir, args.which)
        title = f"The latent space of {run.config.net_name}, trained on {run.config.dataset}"
        page = explore(run.net, run.mnist["test_data"], run.mnist.get("test_label"), title)
    page.save(args.folder / EXPLORER)
    print(args.folder / EXPLORER)


def run_export(args: argparse.Namespace) -> None:
    """Export a part of the net of a finished run; print its inputs and outputs."""
    with bad_input():
        _, net, _ = finished_net(args.folder, args.which)
        out = args.out or args.folder
        out.mkdir(parents=True, exist_ok=True)
        if args.format == "onnx":
            exported = export_onnx(net, out / f"{args.part}.onnx", args.part)
        else:
            exported = export_symbol(net, out / args.part, args.part)
    shapes = (
        ", ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in arrays.items())
        for arrays in (exported.inputs, exported.outputs)
    )
    print(f"{' -> '.join(shapes)}: {', '.join(map(str, exported.files))}")


def draw(
    net: mx.gluon.Block,
    mnist: Mapping[str, np.ndarray],
    history: History,
    seed: int,
    folder: Path,
) -> None:
    """Draw the figures of a run, as ``draw_figures`` does, into its folder."""
    # Imported here, so that an error in the options need not wait for matplotlib.
    from vae_gluon.command.figures import draw_figures

    draw_figures(net, mnist, history, seed, folder)
    if net.n_latent != 2:
        instead = ": principal components instead" if net.n_latent > 2 else ""
        print(f"No pictures of a latent plane, n_latent is {net.n_latent}, not 2{instead}")


def _measure(net: VAE, images: np.ndarray, k: int) -> dict[str, Any]:
    """Measure the likelihood of images, (N, ...), and how many dimensions their codes use."""
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


def _table(result: Mapping[str, Any]) -> str:
    return """\
{images} {pixels} validation images of {dataset}, nats per image
  reconstruction term   {reconstruction:9.2f}
  KL divergence         {kl:9.2f}
  ELBO                  {elbo:9.2f}
  log p(x) > L_k        {log_likelihood_bound:9.2f}   with k = {k}, +- {standard_error:.2f} over \
the images
  active latent units   {active_units:6d} of {n_latent}""".format(**result)
