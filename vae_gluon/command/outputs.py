"""``vae-gluon sample``, ``encode``, ``traverse`` and ``interpolate``: files from a run."""

from __future__ import annotations

import csv
import math
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vae_gluon._files import replacing
from vae_gluon.command.trained import load_data, read_trained
from vae_gluon.data.arrays import PARTS
from vae_gluon.inference import decode, encode, interpolate, sample_prior, traversals

SIDE = 280  # pixels of an enlarged walk, at most
N_STOPS, N_STEPS = 10, 20  # images on a walk, and steps from one to the next


def run_sample(args: Namespace) -> None:
    """Decode samples of the prior into a sheet, an ``.npz`` file or a folder of pictures."""
    from vae_gluon.plotting import tile  # here, because matplotlib loads slowly

    config, net, _ = read_trained(args.folder, args.which)
    z = sample_prior(args.n, net.n_latent, config.seed if args.seed is None else args.seed)
    images = decode(net, z).reshape(-1, config.height, config.width)
    out = args.out or args.folder / "samples.png"
    if out.suffix == ".npz":
        with replacing(out) as partial:
            np.savez(partial, images=images, z=z)
    elif out.suffix:
        n_columns = math.ceil(args.n**0.5)
        blank = np.zeros((-args.n % n_columns, *images.shape[1:]))  # the rest of the last row
        sheet = tile(np.concatenate([images, blank]), n_columns, gap=2)
        with replacing(out) as partial:
            _picture(sheet, config.invert).save(partial)
    else:
        out.mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(images):
            _picture(image, config.invert).save(out / f"{number:06d}.png")
    print(out)


def run_encode(args: Namespace) -> None:
    """Write a table of codes, with a row for each image."""
    config, net, _ = read_trained(args.folder, args.which)
    arrays = load_data(config, args.data_dir).arrays
    numbers = [np.arange(len(arrays[f"{part}_data"])) for part in PARTS]
    table: dict[str, Any] = {"part": np.repeat(PARTS, [len(part) for part in numbers])}
    table["number"] = np.concatenate(numbers)
    for name in ("file", "label", "data"):
        if all(f"{part}_{name}" in arrays for part in PARTS):
            table[name] = np.concatenate([arrays[f"{part}_{name}"] for part in PARTS])
    table["mu"], table["lv"] = encode(net, table.pop("data"))
    out = args.out or args.folder / "codes.csv"
    with replacing(out) as partial:
        if out.suffix == ".npz":
            np.savez(partial, **table)
        else:
            _write_table(partial, table)
    print(out)


def run_traverse(args: Namespace) -> None:
    """Draw a sweep through each latent dimension."""
    from vae_gluon.command.figures import draw_traversals

    config, net, _ = read_trained(args.folder, args.which)
    steps = traversals(net)
    steps = steps.reshape(*steps.shape[:2], config.height, config.width)
    print(draw_traversals(steps, args.folder))


def run_interpolate(args: Namespace) -> None:
    """Walk from image to image and back to the first, in a GIF."""
    from vae_gluon.live import write_gif

    config, net, _ = read_trained(args.folder, args.which)
    images = load_data(config, args.data_dir).arrays["test_data"]
    numbers = args.images or range(min(N_STOPS, len(images)))
    if max(numbers) >= len(images):
        raise ValueError(f"--images: expected numbers below {len(images)}, got {max(numbers)}")
    stops = images[[*numbers, numbers[0]]]
    legs = [interpolate(net, *pair, N_STEPS + 1)[:-1] for pair in zip(stops, stops[1:])]
    steps = np.concatenate(legs).reshape(-1, config.height, config.width)
    scale = max(1, SIDE // max(config.height, config.width))
    frames = [_picture(step.repeat(scale, 0).repeat(scale, 1), config.invert) for step in steps]
    write_gif(args.folder / "interpolation.gif", frames, len(legs) * [500, *[80] * (N_STEPS - 1)])
    print(args.folder / "interpolation.gif")


def _write_table(path: Path, table: dict[str, Any]) -> None:
    """Write a table as CSV; mu and lv, (N, n_latent), have a column for each dimension."""
    columns = {name: table[name] for name in table if name not in ("mu", "lv")}
    for name in ("mu", "lv"):
        columns.update({f"{name}_{i}": numbers for i, numbers in enumerate(table[name].T, 1)})
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        csv.writer(file).writerows([columns, *zip(*columns.values())])


def _picture(image: np.ndarray, invert: bool) -> Image.Image:
    """Return an image, (height, width), as in the run's data: 1 is black, unless inverted."""
    return Image.fromarray(np.rint(255 * (image if invert else 1 - image)).astype(np.uint8))
