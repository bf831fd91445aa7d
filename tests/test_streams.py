"""A training ends well whatever its output goes to, and whatever a notebook has left behind."""

import os
import subprocess
import sys

import pytest

from vae_gluon.command import cli, figures


@pytest.fixture
def words(digits_folder):
    """A quick training, into the folder that is named next."""
    quick = "--epochs 1 --n-hidden 8 --n-layers 1"
    return f"train --data-dir {digits_folder} {quick} --out".split()


def shell(tmp_path, words, redirection, **environment):
    """Train in a shell, with its output redirected; return what the shell says."""
    folder = tmp_path / "模型"
    command = " ".join([sys.executable, "-m", "vae_gluon", *words, str(folder)])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} {redirection}"],
        env={
            name: text for name, text in {**os.environ, **environment}.items() if text is not None
        },
        capture_output=True,
        text=True,
    )
    assert (folder / "history.json").exists()
    assert (folder / "elbo.png").exists()
    return done


def test_output_that_goes_nowhere_a_notebooks_backend_no_home_and_ascii_do_no_harm(tmp_path, words):
    done = shell(
        tmp_path,
        words,
        "2>&1 | head -c 1",
        MPLBACKEND="module://matplotlib_inline.backend_inline",
        HOME=None,
        PYTHONIOENCODING="ascii",
        TQDM_DISABLE="1",
    )
    assert done.returncode == 0
    assert "rror" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("redirection", [">&- 2>&-", ">/dev/full"])
def test_other_outputs_that_go_nowhere_end_no_training(tmp_path, words, redirection):
    done = shell(tmp_path, words, redirection)
    assert done.returncode == 0
    assert "rror" not in done.stderr


def test_a_run_whose_pictures_fail_is_complete_and_says_how_to_draw_them(
    tmp_path, words, capsys, monkeypatch
):
    def fail(*args, **kwargs):
        raise RuntimeError("no font")

    monkeypatch.setattr(figures.plotting, "plot_samples", fail)
    out = tmp_path / "run"
    assert cli.main([*words, str(out)]) == 1
    hint = f"(no font): vae-gluon figures {out} draws them"
    assert hint in capsys.readouterr().err
    assert (out / "history.json").exists()
    assert not (out / "elbo.png").exists()
    monkeypatch.undo()
    assert cli.main(["figures", str(out)]) == 0
    assert (out / "elbo.png").exists()


def test_a_folder_that_looks_like_an_option_is_named_so_that_the_hint_works(
    tmp_path, words, capsys, monkeypatch
):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vae_gluon.training.loop.train_epoch", stop)
    assert cli.main([*words[:-1], "--out=-x"]) == 130
    hint = capsys.readouterr().err.strip().rpartition("with: vae-gluon ")[2]
    assert hint == "train --resume --out=-x"
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert cli.main(hint.split()) == 0
