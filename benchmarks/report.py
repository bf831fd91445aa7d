"""Results -> tables and a plot."""

from __future__ import annotations

import statistics
from pathlib import Path

from matplotlib.figure import Figure

MANY_CORES = Path(__file__).with_name("many_cores.md")  # from another machine
BASE = "package"
RIVALS = {  # columns of the race: short names
    "tutorial": "tutorial",
    "package without numba": "without numba",
    "PyTorch eager": "PyTorch eager",
    "PyTorch fused Adam": "fused Adam",
    "PyTorch compiled": "compiled",
    "JAX": "JAX",
    "products alone (MXNet)": "products (MXNet)",
    "products alone (PyTorch)": "products (PyTorch)",
}


def text(results: dict) -> str:
    """Lay out all results in Markdown."""
    about = ", ".join(f"{key} {value}" for key, value in results["machine"].items())
    parts = [f"# Results\n\nWritten by `make bench`; README.md says how to read them. {about}.\n"]
    if "race" in results:
        parts.append("\n## An epoch: the share of each rival's time, with its quartiles\n\n")
        parts.append(race_table(results["race"]))
    for what, sweep in results.get("sweeps", {}).items():
        parts.append(f"\n## By {what}: time of an image, in the package's\n\n")
        parts.append(sweep_table(what, sweep))
    if "busy" in results:
        parts.append("\n## On busy cores: milliseconds a step, validation included\n\n")
        parts.append(busy_table(results["busy"]))
    if "startup" in results:
        rows = [[name, f"{taken:.2f}"] for name, taken in results["startup"].items()]
        parts.append("\n## Before the first epoch\n\n" + table(["what", "seconds"], rows))
    if "throughput" in results:
        rows = [[name, f"{rate:,.0f}"] for name, rate in results["throughput"].items()]
        parts.append("\n## Without training\n\n" + table(["what", "images a second"], rows))
    if "endurance" in results:
        parts.append("\n## Fifty epochs\n\n" + endurance(results["endurance"]))
    parts.append(MANY_CORES.read_text())
    return "".join(parts)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Lay out a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def ratios(mine: list[float], theirs: list[float]) -> tuple[float, float, float]:
    """Return the median of the rounds' ratios, and its quartiles."""
    quotients = [one / other for one, other in zip(mine, theirs)]
    lower, median, upper = statistics.quantiles(quotients, n=4, method="inclusive")
    return median, lower, upper


def race_table(race: list[dict]) -> str:
    """Lay out each contender's time as a share of each rival's."""
    by_name = {result["name"]: result for result in race}
    rivals = {name: short for name, short in RIVALS.items() if name in by_name}
    rows = []
    for result in race:
        row = [f"{result['name']} ({result['library']})"]
        for rival in rivals:
            median, lower, upper = ratios(result["seconds"], by_name[rival]["seconds"])
            same = rival == result["name"]
            row.append("1" if same else f"{median:.2f} ({lower:.2f}, {upper:.2f})")
        last = result["losses"][-1] if result["losses"] else None
        row.append(f"{last[0]:.1f} / {last[1]:.1f}" if last else "")
        row.append(f"{result['peak'] / 2**20:.0f}")
        rows.append(row)
    head = ["", *(f"/ {short}" for short in rivals.values()), "losses at the end", "peak MB"]
    return table(head, rows)


def sweep_table(what: str, sweep: dict[str, dict[str, float]]) -> str:
    """Lay out the time of an image as a multiple of the package's, at each point."""
    names = list(next(iter(sweep.values())))
    rows = [
        [point, *(f"{taken.get(name, float('nan')) / taken[BASE]:.2f}" for name in names)]
        for point, taken in sweep.items()
    ]
    return table([what, *names], rows)


def busy_table(busy: dict[str, dict[str, float]]) -> str:
    """Lay out the time of a step for each number of busy loops."""
    names = list(next(iter(busy.values())))
    rows = [
        [*point.split(", "), *(f"{taken.get(name, float('nan')):.1f}" for name in names)]
        for point, taken in busy.items()
    ]
    return table(["cores", "busy loops", *names], rows)


def endurance(lasting: dict) -> str:
    """Compare the last epochs of a long run with its first."""
    seconds, memory = lasting["seconds"], lasting["memory"]
    early, late = statistics.median(seconds[1:11]), statistics.median(seconds[-10:])
    rows = [
        ["time of the last ten epochs / of epochs 2 to 11 (medians)", f"{late / early:.2f}"],
        ["memory after epoch 2, MB", f"{memory[1] / 2**20:.0f}"],
        [f"memory after epoch {len(memory)}, MB", f"{memory[-1] / 2**20:.0f}"],
        ["losses at the end", f"{lasting['train'][-1]:.2f} / {lasting['val'][-1]:.2f}"],
    ]
    return table(["what", ""], rows)


def plot(results: dict, path: Path) -> None:
    """Draw the race's rounds, the sweeps' times per image, and the long run."""
    figure = Figure(figsize=(13, 7.5), layout="constrained")
    axes = iter(figure.subplots(2, 3).flat)
    if "race" in results:
        _draw_race(next(axes), results["race"])
    for what, sweep in results.get("sweeps", {}).items():
        _draw_sweep(next(axes), what, sweep)
    if "endurance" in results:
        lasting = results["endurance"]
        epochs = range(1, len(lasting["seconds"]) + 1)
        for key, unit, what in (("seconds", 1, "seconds"), ("memory", 2**20, "memory, MB")):
            ax = next(axes)
            ax.plot(epochs, [value / unit for value in lasting[key]], marker=".")
            ax.set_xlabel("epoch")
            ax.set_ylabel(what)
            ax.set_ylim(0, 1.15 * max(lasting[key]) / unit)
            ax.grid(alpha=0.4)
    for ax in axes:
        ax.set_visible(False)
    figure.savefig(path, dpi=100)


def _draw_race(ax, race):
    best = min(statistics.median(result["seconds"]) for result in race)
    shown = race[::-1]  # the first comes on top
    for row, result in enumerate(shown, 1):
        times = [taken / best for taken in result["seconds"]]
        ax.plot(times, [row] * len(times), "o", color="tab:blue", alpha=0.4, markersize=5)
        ax.plot(statistics.median(times), row, "|", color="tab:red", markersize=16, mew=2)
    ax.set_yticks(range(1, len(shown) + 1), [result["name"] for result in shown])
    ax.set_xlim(left=0)
    ax.set_xlabel("time of an epoch / the fastest median")
    ax.grid(axis="x", alpha=0.4)


def _draw_sweep(ax, what, sweep):
    points = [float(point) for point in sweep]
    for name in next(iter(sweep.values())):
        ax.plot(points, [taken.get(name) for taken in sweep.values()], marker="o", label=name)
    ax.set_xlabel(what)
    ax.set_ylabel("microseconds an image")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(points, [f"{point:g}" for point in points])
    ax.minorticks_off()
    ax.grid(alpha=0.4)
    ax.legend()
