"""The axes to draw on."""

from __future__ import annotations

from matplotlib.axes import Axes


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """Return ``ax``, or the axes of a new figure of this size in inches if it is None."""
    if ax is not None:
        return ax
    # Here, because the backend that pyplot loads may be a notebook's, and not there for a command.
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]
