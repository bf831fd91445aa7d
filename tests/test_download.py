"""MNIST is fetched whole or not at all, from mirrors on this machine."""

import gzip
import hashlib
import http.server
import threading

import pytest
import requests

from vae_gluon import MNISTUnavailableError, load_mnist
from vae_gluon.data import download


class Mirror(http.server.ThreadingHTTPServer):
    """Serves ``files`` by name, on a free port of this machine."""

    daemon_threads = True

    def __init__(self, files, status=200):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                assert self.headers["Accept-Encoding"] == "identity"  # or it might be unpacked
                content = files.get(self.path.rpartition("/")[2])
                self.send_response(status if content is not None else 404)
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *args):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def mirror(monkeypatch):
    """A function that starts a mirror and makes it MXNet's repository."""
    started = []

    def start(files, status=200):
        started.append(Mirror(files, status))
        monkeypatch.setenv("MXNET_GLUON_REPO", started[-1].url)
        return started[-1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "home"))
    return tmp_path / "home/datasets/mnist"


def left_in(cache):
    """Return what a download has left."""
    return list(cache.parent.glob("*/*"))


@pytest.fixture
def packed(contents, monkeypatch):
    """The four files as a mirror has them, their checksums published."""
    files = {f"{name}.gz": gzip.compress(content) for name, content in contents.items()}
    checksums = {
        key: (name, hashlib.sha1(files[f"{name}.gz"]).hexdigest())
        for key, (name, _) in download.FILES.items()
    }
    monkeypatch.setattr(download, "FILES", checksums)
    return files


def test_download_fills_mxnets_cache_and_other_things_stay(mirror, cache, packed, terminal):
    cache.mkdir(parents=True)
    (cache / "notes.txt").write_text("mine")
    (cache / min(packed)).write_bytes(packed[min(packed)])  # of a download that was cut off
    mirror(packed)
    assert load_mnist()["test_label"][0] == 9
    assert {path.name for path in cache.iterdir()} == {*packed, "notes.txt"}
    out, err = terminal.readouterr()
    assert out == ""
    assert "MNIST from" in err  # the bar
    mirror({})  # now nothing need be asked for
    assert load_mnist()["test_label"][0] == 9


@pytest.mark.parametrize(
    ("choose", "status", "reason"),
    [
        (lambda packed: packed, 500, "answered 500 Internal Server Error"),
        (lambda packed: dict.fromkeys(packed, b"<html>Log in</html>"), 200, "another checksum"),
        (lambda packed: dict(list(packed.items())[:1]), 200, "answered 404 Not Found"),
    ],
    ids=["error", "login", "one"],
)
def test_a_failed_download_leaves_nothing_behind(
    mirror, cache, packed, monkeypatch, choose, status, reason
):
    monkeypatch.setattr(download, "MIRRORS", [mirror(packed).url])  # which is not asked
    other = mirror(choose(packed), status)  # now the one that MXNET_GLUON_REPO names
    with pytest.raises(MNISTUnavailableError, match=reason) as error:
        load_mnist()
    assert str(cache) in str(error.value)
    assert error.value.looked_in == [cache]
    assert f"{other.url}gluon/dataset/mnist/" in error.value.reason
    assert not left_in(cache)


def test_mirrors_are_asked_in_turn(mirror, cache, packed, monkeypatch):
    urls = [mirror({}).url, mirror(packed).url]
    monkeypatch.delenv("MXNET_GLUON_REPO")
    monkeypatch.setattr(download, "MIRRORS", urls)
    assert load_mnist()["test_label"][0] == 9


def test_a_network_that_refuses_raises_at_once(cache):
    with pytest.raises(
        MNISTUnavailableError, match=r"could not be reached in time \(ConnectionError\)"
    ):
        load_mnist()
    assert not left_in(cache)


def test_the_patience_is_shared_among_the_mirrors_and_is_for_each_byte(cache, monkeypatch):
    given = []

    def fail(session, url, timeout, **options):
        given.append(timeout)  # of requests: seconds without a byte
        raise requests.ReadTimeout

    monkeypatch.setattr(requests.Session, "get", fail)
    monkeypatch.delenv("MXNET_GLUON_REPO")
    with pytest.raises(MNISTUnavailableError, match="could not be reached in time"):
        load_mnist()
    assert given == [download.PATIENCE / len(download.MIRRORS)] * len(download.MIRRORS)
    assert download.PATIENCE < 20


def test_a_full_disk_is_not_taken_for_the_network(mirror, cache, packed, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    mirror(packed)
    monkeypatch.setattr("vae_gluon._files.os.replace", fail)
    with pytest.raises(MNISTUnavailableError, match=r"downloaded: \[Errno 28\] No space left"):
        load_mnist()
    assert not left_in(cache)
