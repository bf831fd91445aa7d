"""The axes to draw on, and their texts."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.font_manager import fontManager

from vae_gluon._checks import printable

# Fonts with Chinese characters on most systems; matplotlib's own has none.
CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",  # with the same characters
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
)


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """Return ``ax``, or the axes of a new figure of this size in inches if it is None."""
    if ax is not None:
        return ax
    # Here, because pyplot may load a notebook's backend, which is missing for a command.
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def set_texts(ax: Axes, x: str, y: str, title: str | None = None) -> Axes:
    """Set axis labels and title; matplotlib draws formulas itself, without LaTeX."""
    style: dict[str, Any] = {"parse_math": True, "usetex": False}
    ax.set_xlabel(x, **style)
    ax.set_ylabel(y, **style)
    if title:
        ax.set_title(title, **style)
    return ax


def as_label(name: str, limit: int) -> str:
    """Return the name of a class or a run as a label for ``add_legend``: short, printable text.

    It begins with a space, because matplotlib drops labels that are empty or begin with "_".
    """
    text = printable(name)
    half = limit // 2
    return f" {text}" if len(text) <= limit else f" {text[: half - 3]}...{text[-half:]}"


def add_legend(ax: Axes, **options: Any) -> None:
    """Add a legend of literal names: a dollar sign begins no formula, Chinese is readable."""
    installed = set(fontManager.get_font_names())
    others = [font for font in CHINESE if font in installed]
    for text in ax.legend(**options).get_texts():
        text.set(text=text.get_text().removeprefix(" "), parse_math=False, usetex=False)
        text.set_fontfamily([*text.get_fontfamily(), *others])
