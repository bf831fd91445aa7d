"""Download MNIST from public mirrors."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import requests

from vae_gluon._files import write_bytes
from vae_gluon._progress import make_bar

# The files by their keys in the result of load_mnist, with the SHA-1 of each from MXNet
# (mxnet/gluon/data/vision/datasets.py).
FILES = {
    "train_data": ("train-images-idx3-ubyte", "6c95f4b05d2bf285e1bfb0e7960c31bd3b3f8a7d"),
    "train_label": ("train-labels-idx1-ubyte", "2a80914081dc54586dbdf242f9805a6b8d2a15fc"),
    "test_data": ("t10k-images-idx3-ubyte", "c3a25af1f52dad7f726cce8cacb138654b760d48"),
    "test_label": ("t10k-labels-idx1-ubyte", "763e7fa3757d93b0cdec073cef058b2004252c17"),
}
DOWNLOAD_BYTES = 11_594_722  # the four .gz files together

MIRRORS = (
    "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/gluon/dataset/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
PATIENCE = 18.0  # seconds without a byte, over all mirrors together
CHUNK = 1 << 16


def download_mnist(folder: Path) -> None:
    """Download the four files; write them to ``folder`` once all have the published checksums.

    The mirrors are tried in turn, or only the one in ``MXNET_GLUON_REPO``. If all fail, a
    ConnectionError gives the reason for each.
    """
    repo = os.environ.get("MXNET_GLUON_REPO")
    mirrors = (repo.rstrip("/") + "/gluon/dataset/mnist/",) if repo else MIRRORS
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        try:
            for name, content in _fetch_all(mirror, PATIENCE / len(mirrors)).items():
                write_bytes(folder / name, content)
            return
        except (requests.ConnectionError, requests.Timeout) as error:
            failures.append(f"{mirror} could not be reached in time ({type(error).__name__})")
        except requests.RequestException as error:
            failures.append(f"{mirror} {error}")
    raise ConnectionError("; ".join(failures))


def _fetch_all(mirror: str, patience: float) -> dict[str, bytes]:
    """Return the files of one mirror; raise a RequestException unless it sends the right ones."""
    files = {}
    bar = make_bar(
        total=DOWNLOAD_BYTES, unit="B", unit_scale=True, desc=f"MNIST from {mirror}", leave=False
    )
    with bar, requests.Session() as session:
        # Otherwise requests might decompress the files.
        session.headers["Accept-Encoding"] = "identity"
        for name, sha1 in FILES.values():
            response = session.get(f"{mirror}{name}.gz", stream=True, timeout=patience)
            if not response.ok:
                raise requests.HTTPError(f"answered {response.status_code} {response.reason}")
            content = bytearray()
            for chunk in response.iter_content(CHUNK):
                content += chunk
                bar.update(len(chunk))
                if len(content) > DOWNLOAD_BYTES:
                    break
            if hashlib.sha1(content).hexdigest() != sha1:
                raise requests.RequestException("sent a file with another checksum than MNIST's")
            files[f"{name}.gz"] = bytes(content)
    return files
