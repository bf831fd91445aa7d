"""The axes to draw on."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.axes import Axes


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """Return ``ax``, or the axes of a new figure of this size in inches if it is None."""
    return plt.subplots(figsize=(width, height), layout="constrained")[1] if ax is None else ax
