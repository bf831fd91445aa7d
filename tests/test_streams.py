"""A training ends well whatever its output goes to, and whatever a notebook has left behind."""

import subprocess
import sys
from unittest.mock import MagicMock

import pytest

from vae_gluon.command import cli, figures


@pytest.fixture
def words(digits_folder):
    """A quick training, into the folder that is named next."""
    quick = "--epochs 1 --n-hidden 8 --n-layers 1"
    return f"train --data-dir {digits_folder} {quick} --out".split()


@pytest.mark.slow
@pytest.mark.parametrize("redirection", ["2>&1 | head -c 1", ">&- 2>&-", ">/dev/full"])
def test_output_that_goes_nowhere_ends_no_training(tmp_path, words, redirection):
    folder = tmp_path / "run"
    command = " ".join([sys.executable, "-m", "vae_gluon", *words, str(folder)])
    script = f"set -o pipefail; {command} {redirection}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert (folder / "history.json").exists()
    assert (folder / "elbo.png").exists()
    assert done.returncode == 0
    assert "rror" not in done.stderr


def test_a_run_whose_pictures_fail_is_complete_and_says_how_to_draw_them(
    tmp_path, words, capsys, monkeypatch
):
    monkeypatch.setattr(figures.plotting, "plot_samples", MagicMock(side_effect=RuntimeError("no")))
    out = tmp_path / "run"
    assert cli.main([*words, str(out)]) == 1
    hint = f"(no): vae-gluon figures {out} draws them"
    assert hint in capsys.readouterr().err
    assert (out / "history.json").exists()
    assert not (out / "elbo.png").exists()


def test_a_folder_that_looks_like_an_option_is_named_so_that_the_hint_works(
    tmp_path, words, capsys, monkeypatch, no_pictures
):
    monkeypatch.chdir(tmp_path)
    stop = MagicMock(side_effect=KeyboardInterrupt)
    monkeypatch.setattr("vae_gluon.training.loop.train_epoch", stop)
    assert cli.main([*words[:-1], "--out=-x"]) == 130
    hint = capsys.readouterr().err.strip().rpartition("with: vae-gluon ")[2]
    assert hint == "train --resume --out=-x"
    assert str(cli.build_parser().parse_args(hint.split()).out) == "-x"
