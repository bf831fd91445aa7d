"""What the files of a run hold, for tests that compare runs."""

import csv
import io
import json

import numpy as np


def contents(folder):
    """Return what the files of a run hold, without what depends on the clock."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    history = json.loads(files.pop("history.json"))
    rows = [dict(row) for row in csv.DictReader(io.StringIO(files.pop("history.csv").decode()))]
    checkpoint = dict(np.load(io.BytesIO(files.pop("checkpoint.npz"))))
    del history["seconds"], checkpoint["history/seconds"]
    for row in rows:
        del row["seconds"]
    checkpoint = {name: array.tobytes() for name, array in checkpoint.items()}
    return {**files, "history": history, "rows": rows, "checkpoint": checkpoint}


def snapshot(folder):
    """Return the bytes of all files in a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
