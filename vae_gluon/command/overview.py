"""The pictures of a run on one sheet, for a README or a message."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from vae_gluon._files import replacing

OVERVIEW = "overview.png"
WIDTH = 2000  # pixels of the sheet
GAP = 20  # between pictures
# How the names of the pictures in each row begin. Not every run has all of them.
ROWS = (
    ("data_samples",),
    ("reconstructions",),
    ("elbo", "2d_latent_space_for_test_samples", "principal_components"),
    ("generated_samples", "latent_interpolations", "2d_latent_space_scan"),
)


def write_overview(pictures: Sequence[Path], folder: Path) -> Path:
    """Put pictures into rows as wide as the sheet, all of a row equally high; return the file."""
    rows = [
        [Image.open(path).convert("RGB") for path in pictures if path.name.startswith(names)]
        for names in ROWS
    ]
    heights = [_height(row) for row in rows]
    sheet = Image.new("RGB", (WIDTH, sum(heights) + GAP * (len(rows) - 1)), "white")
    top = 0
    for row, height in zip(rows, heights):
        left = 0
        for picture in row:
            width = round(height * picture.width / picture.height)
            sheet.paste(picture.resize((width, height)), (left, top))
            left += width + GAP
        top += height + GAP
    path = folder / OVERVIEW
    with replacing(path) as partial:
        sheet.save(partial, "PNG")
    return path


def _height(row: Sequence[Image.Image]) -> int:
    """Return the height at which pictures side by side are as wide as the sheet."""
    ratios = [picture.width / picture.height for picture in row]
    return round((WIDTH - GAP * (len(row) - 1)) / sum(ratios))
