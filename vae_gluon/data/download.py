"""Download MNIST from public mirrors."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import requests

from vae_gluon._progress import make_bar

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
CHUNK = 1 << 16


def download_mnist(folder: Path) -> None:
    """Download the four files into ``folder``, all of them or none.

    The mirrors are tried in turn, or only the one that ``MXNET_GLUON_REPO`` names. The files
    arrive in a temporary folder beside ``folder``, which takes its place once all four are there
    and have the published checksums.

    Raises
    ------
    OSError
        If no mirror provides them (a ConnectionError with the reason of each), or ``folder``
        cannot be written.
    """
    own_repo = os.environ.get("MXNET_GLUON_REPO")
    mirrors = (own_repo.rstrip("/") + "/gluon/dataset/mnist/",) if own_repo else MIRRORS
    folder.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        arrivals = Path(tempfile.mkdtemp(dir=folder.parent, prefix="download-"))
        try:
            _fetch_all(mirror, arrivals, PATIENCE / len(mirrors))
            _move(arrivals, folder)
            return
        except requests.RequestException as error:
            failures.append(f"{mirror} {_explain(error)}")
        finally:
            shutil.rmtree(arrivals, ignore_errors=True)
    raise ConnectionError("; ".join(failures))


def _fetch_all(mirror: str, arrivals: Path, patience: float) -> None:
    """Download from one mirror; raise a RequestException if it does not send the right files."""
    description = f"MNIST from {mirror}"
    with (
        make_bar(
            total=DOWNLOAD_BYTES, unit="B", unit_scale=True, desc=description, leave=False
        ) as bar,
        requests.Session() as session,
    ):
        for name, sha1 in FILES.values():
            # Asked for as it is, because requests unpacks what is packed for the way.
            response = session.get(
                f"{mirror}{name}.gz",
                stream=True,
                timeout=patience,
                headers={"Accept-Encoding": "identity"},
            )
            response.raise_for_status()
            digest = hashlib.sha1()
            with (arrivals / f"{name}.gz").open("wb") as file:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    bar.update(len(chunk))
            if digest.hexdigest() != sha1:
                raise requests.exceptions.ContentDecodingError


def _move(arrivals: Path, folder: Path) -> None:
    """Rename one folder to another, or move its files there if that has files already."""
    arrivals.chmod(0o755)  # a temporary folder is readable by its owner alone
    try:
        arrivals.replace(folder)
    except OSError:
        for path in arrivals.iterdir():
            path.replace(folder / path.name)


def _explain(error: requests.RequestException) -> str:
    """Say in a few words why a mirror failed."""
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return "sent a file whose checksum is not the published one"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "sent next to nothing for too long"
    return f"could not be reached ({type(error).__name__})"
