"""A real training, killed again and again: it loses at most the epoch it was in, and no bit."""

import json
import random
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from idx_files import idx_files, write
from run_files import contents

import vae_gluon
from vae_gluon._files import read_npz
from vae_gluon.model.parameter_files import read_parameters

KILLS = 50
EPOCHS = 240  # of a third of a second, the checkpoint included
LIFE = 6.0  # seconds, two of which go into the start


def start(data, out):
    command = [sys.executable, "-m", "vae_gluon", "train", "--out", out, "--data-dir", data]
    command += ["--resume"] if (out / "checkpoint.npz").exists() else ["--epochs", str(EPOCHS)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process):
    _, err = process.communicate()
    assert process.returncode == 0, err


def check_whole(out):
    """See that every file of the run is whole, or not there; return the epochs that are kept."""
    epochs = 0
    for path in out.glob("[!.]*"):  # those that were being written begin with a dot
        if path.name == "checkpoint.npz":
            epochs = len(read_npz(path)["history/train"])
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".params":
            read_parameters(path)
        elif path.suffix == ".png":
            assert path.read_bytes()[-8:-4] == b"IEND"
        else:
            assert path.name == "history.csv"
    return epochs


@pytest.mark.soak
def test_a_training_killed_again_and_again_ends_as_one_that_was_not(tmp_path):
    data = write(tmp_path / "data", idx_files(vae_gluon.make_digits(3000, 500)))
    finish(start(data, tmp_path / "whole"))
    rng = random.Random(1)
    out, kept, writing = tmp_path / "killed", [], 0
    while len(kept) < KILLS:
        process = start(data, out)
        with suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0, LIFE))
        if len(kept) % 2 == 0:  # then until it writes a file
            while process.poll() is None and not list(out.glob(".vae-gluon-*")):
                time.sleep(0.0002)
            time.sleep(rng.uniform(0, 0.005))
        process.kill()
        process.communicate()
        if process.returncode == 0:
            continue  # it had come to its end before
        # Those that others left are removed when a process begins to train.
        writing += any(out.glob(".vae-gluon-*"))
        kept.append(check_whole(out))
        assert kept == sorted(kept)
    print(f"killed {KILLS} times, {writing} of them while a file was written; epochs kept: {kept}")
    finish(start(data, out))
    assert contents(out) == contents(tmp_path / "whole")
