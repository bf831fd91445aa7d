"""The command, and what the files of its runs hold."""

import csv
import io
import json

import numpy as np

from vae_gluon.command import cli


def run(*words):
    """Return the exit code of the command, as the shell would see it."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as stop:  # argparse's way
        return stop.code


def contents(folder):
    """Return what the files of a run hold, without what depends on the clock."""
    files = snapshot(folder)
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
