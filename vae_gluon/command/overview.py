"""The pictures of a run on one sheet, for a README or a message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import FigureBase

WIDTH = 16  # of the sheet, in inches
FULL_ROW = 3.4  # minimum width of a row, in units of its height


class Picture(NamedTuple):
    """A picture that can be drawn on a figure or on a part of one."""

    name: str
    width: float  # in inches
    height: float
    draw: Callable[[FigureBase], Any]


def overview(pictures: Sequence[Picture]) -> Picture:
    """Put pictures in order into rows as wide as the sheet, with the same text size."""
    rows: list[list[Picture]] = [[]]
    for picture in pictures:
        if _ratio(rows[-1]) >= FULL_ROW:
            rows.append([])
        rows[-1].append(picture)
    heights = [WIDTH / max(_ratio(row), FULL_ROW) for row in rows]

    def draw(figure: FigureBase) -> None:
        strips = figure.subfigures(len(rows), 1, squeeze=False, height_ratios=heights).flat
        for strip, row, height in zip(strips, rows, heights):
            widths = [height * _ratio([picture]) for picture in row]
            if sum(widths) < WIDTH - 1e-6:  # the last row
                widths.append(WIDTH - sum(widths))
            parts = strip.subfigures(1, len(widths), squeeze=False, width_ratios=widths).flat
            for part, picture in zip(parts, row):
                picture.draw(part)

    return Picture("overview", WIDTH, sum(heights), draw)


def _ratio(row: Sequence[Picture]) -> float:
    """Return the width of pictures side by side in units of their common height."""
    return sum(picture.width / picture.height for picture in row)
