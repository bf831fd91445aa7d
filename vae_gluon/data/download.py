"""Download MNIST from public mirrors."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

from mxnet.gluon.utils import download
from tqdm import tqdm

# The files by their names in the result of load_mnist, with the SHA-1 that MXNet
# publishes for each (mxnet/gluon/data/vision/datasets.py).
FILES = {
    "train_data": ("train-images-idx3-ubyte", "6c95f4b05d2bf285e1bfb0e7960c31bd3b3f8a7d"),
    "train_label": ("train-labels-idx1-ubyte", "2a80914081dc54586dbdf242f9805a6b8d2a15fc"),
    "test_data": ("t10k-images-idx3-ubyte", "c3a25af1f52dad7f726cce8cacb138654b760d48"),
    "test_label": ("t10k-labels-idx1-ubyte", "763e7fa3757d93b0cdec073cef058b2004252c17"),
}
DOWNLOAD_BYTES = 11_594_722  # the four .gz files together

MXNET_REPO = "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/"
MIRRORS = (
    MXNET_REPO + "gluon/dataset/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
PATIENCE = 18.0  # seconds without a byte, over all mirrors together


def download_mnist(folder: Path) -> None:
    """Download the four files into ``folder``, all of them or none.

    The mirrors are tried in turn, or only the one that ``MXNET_GLUON_REPO`` names. The files
    arrive in a temporary folder beside ``folder``, which takes its place once all four are there
    and have the published checksums.

    Raises
    ------
    OSError
        If no mirror provides them, or ``folder`` cannot be written. The message gives the reason
        of each.
    """
    own_repo = os.environ.get("MXNET_GLUON_REPO")
    mirrors = (own_repo.rstrip("/") + "/gluon/dataset/mnist/",) if own_repo else MIRRORS
    folder.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        arrivals = Path(tempfile.mkdtemp(dir=folder.parent, prefix="download-"))
        try:
            failure = _fetch_all(mirror, arrivals, PATIENCE / len(mirrors))
            if failure is None:
                _move(arrivals, folder)
                return
        finally:
            shutil.rmtree(arrivals, ignore_errors=True)
        failures.append(f"{mirror} {failure}")
    raise ConnectionError("; ".join(failures))


def _move(arrivals, folder):
    """Rename one folder to another, or move its files there if that has files already."""
    arrivals.chmod(0o755)  # a temporary folder is readable by its owner alone
    try:
        arrivals.replace(folder)
    except OSError:
        for path in arrivals.iterdir():
            path.replace(folder / path.name)


def _fetch_all(mirror, arrivals, patience):
    """Download from one mirror; return None, or why it failed.

    MXNet's downloader has no timeout. So it runs in a thread of its own, which is abandoned when
    no byte has come for ``patience`` seconds; what it may still write goes to a folder that is
    deleted.
    """
    outcome: dict[str, str | None] = {}

    def fetch():
        try:
            for name, sha1 in FILES.values():
                path = arrivals / f"{name}.gz"
                download(mirror + path.name, path=str(path), sha1_hash=sha1, retries=0)
            outcome["failure"] = None
        # The downloader raises many kinds of errors, and nothing above a thread catches them.
        except Exception as error:
            outcome["failure"] = _explain(error)

    thread = threading.Thread(target=fetch, name="MNIST download", daemon=True)
    # The downloader prints, which would garble the bar. Its output is caught here rather than in
    # the thread, which may never end.
    silence = contextlib.redirect_stdout(io.StringIO())
    bar = tqdm(
        total=DOWNLOAD_BYTES, unit="B", unit_scale=True, desc=f"MNIST from {mirror}", leave=False
    )
    with silence, bar:
        thread.start()
        if _falls_silent(thread, arrivals, bar, patience):
            return f"sent next to nothing for {patience:.0f} s"
    return outcome["failure"]


def _falls_silent(thread, arrivals, bar, patience):
    """Wait for a download; return whether it was given up after ``patience`` silent seconds."""
    last_byte = time.monotonic()
    while thread.is_alive():
        thread.join(0.05)
        arrived = _bytes_in(arrivals)
        if arrived > bar.n:
            last_byte = time.monotonic()
            bar.update(arrived - bar.n)
        elif time.monotonic() - last_byte > patience:
            return True
    return False


def _bytes_in(folder):
    """Count the bytes that have arrived so far, unfinished files included."""
    count = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # renamed in the meantime
            count += path.stat().st_size
    return count


def _explain(error):
    """Say in a few words why MXNet's downloader failed."""
    if isinstance(error, UserWarning):
        return "sent a file whose checksum is not the published one"
    if isinstance(error, RuntimeError):
        return "did not send the files"  # an HTTP status other than 200, which it does not name
    if isinstance(error, OSError) and error.errno is None:  # errors of requests have none
        return f"could not be reached ({type(error).__name__})"
    return f"failed with {type(error).__name__}: {error}"
