"""MNIST is fetched whole or not at all, from mirrors on this machine."""

import gzip
import hashlib
import http.server
import socket
import threading
import time

import pytest
import requests
from idx_files import TRAIN_IMAGES

from vae_gluon import MNISTUnavailableError, load_mnist
from vae_gluon.data import download


class Mirror(http.server.ThreadingHTTPServer):
    """Serves ``files`` by name, on a free port of this machine."""

    daemon_threads = True

    def __init__(self, files, status=200, pause=0.0):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                assert self.headers["Accept-Encoding"] == "identity"  # or it might be unpacked
                content = files.get(self.path.rpartition("/")[2])
                self.send_response(status if content is not None else 404)
                self.end_headers()
                time.sleep(pause)
                self.wfile.write(content or b"")

            def log_message(self, *args):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture
def mirror(monkeypatch):
    """A function that starts a mirror and makes it MXNet's repository."""
    started = []

    def start(files, status=200, pause=0.0):
        started.append(Mirror(files, status, pause))
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


def test_download_fills_mxnets_cache(mirror, cache, packed, terminal):
    mirror(packed)
    assert load_mnist()["test_label"][0] == 9
    assert sorted(path.name for path in cache.iterdir()) == sorted(packed)
    out, err = terminal.readouterr()
    assert out == ""
    assert "MNIST from" in err  # the bar
    mirror({})  # now nothing need be asked for
    assert load_mnist()["test_label"][0] == 9


def test_a_download_that_was_cut_off_is_repeated(mirror, cache, packed):
    mirror(packed)
    load_mnist()
    for name in sorted(packed)[:2]:
        (cache / name).unlink()
    load_mnist()
    assert sorted(path.name for path in cache.iterdir()) == sorted(packed)


def html_for_all(packed):
    return dict.fromkeys(packed, b"<html>Log in to this network</html>")


def endless(packed):
    return dict.fromkeys(packed, bytes(2 * download.DOWNLOAD_BYTES))


def only_the_first(packed):
    return {f"{TRAIN_IMAGES}.gz": packed[f"{TRAIN_IMAGES}.gz"]}


@pytest.mark.parametrize(
    ("choose", "status", "reason"),
    [
        (lambda packed: {}, 200, "answered 404 Not Found"),
        (lambda packed: packed, 500, "answered 500 Internal Server Error"),
        (html_for_all, 200, "another checksum"),
        (only_the_first, 200, "answered 404 Not Found"),
        (endless, 200, "another checksum"),
    ],
)
def test_a_failed_download_leaves_nothing_behind(mirror, cache, packed, choose, status, reason):
    mirror(choose(packed), status)
    with pytest.raises(MNISTUnavailableError, match=reason) as error:
        load_mnist()
    assert str(cache) in str(error.value)
    assert not left_in(cache)


def test_a_cache_that_holds_other_things_keeps_them(mirror, cache, packed):
    cache.mkdir(parents=True)
    (cache / "notes.txt").write_text("mine")
    mirror(packed)
    assert load_mnist()["test_label"][0] == 9
    assert {path.name for path in cache.iterdir()} == {*packed, "notes.txt"}


def test_another_repository_is_asked_alone(mirror, cache, packed, monkeypatch):
    monkeypatch.setattr(download, "MIRRORS", [mirror(packed).url])
    other = mirror({})  # now the one that MXNET_GLUON_REPO names
    with pytest.raises(
        MNISTUnavailableError, match=f"{other.url}gluon/dataset/mnist/ answered 404"
    ):
        load_mnist()


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


@pytest.fixture
def silent(monkeypatch):
    """A function that starts a server which sends some bytes, now and then, and no more."""
    servers = []

    def start(pieces=(), pause=0.0):
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def answer():
            connections = []  # kept, so that they stay open
            while True:
                try:
                    connections.append(server.accept()[0])
                    for piece in pieces:
                        connections[-1].sendall(piece)
                        time.sleep(pause)
                except OSError:
                    return

        threading.Thread(target=answer, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/"

    monkeypatch.delenv("MXNET_GLUON_REPO")
    yield start
    for server in servers:
        server.close()


HEAD = b"HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\n"


@pytest.mark.parametrize("pieces", [[], [HEAD + b"abc"]])
def test_a_network_that_never_answers_is_given_up(cache, monkeypatch, silent, pieces):
    monkeypatch.setattr(download, "PATIENCE", 1.0)
    monkeypatch.setattr(download, "MIRRORS", [silent(pieces), silent(pieces)])
    with pytest.raises(MNISTUnavailableError, match="could not be reached in time"):
        load_mnist()
    assert not left_in(cache)


def test_a_slow_network_is_waited_for_as_long_as_it_sends(mirror, cache, packed, monkeypatch):
    monkeypatch.setattr(download, "PATIENCE", 1.2)
    mirror(packed, pause=0.6)  # for each file: twice the patience in all
    assert load_mnist()["test_label"][0] == 9


def test_the_patience_is_shared_among_the_mirrors(cache, monkeypatch):
    given = []

    def fail(mirror, patience):
        given.append(patience)
        raise requests.ConnectionError

    monkeypatch.setattr(download, "_fetch_all", fail)
    monkeypatch.delenv("MXNET_GLUON_REPO")
    with pytest.raises(MNISTUnavailableError, match="could not be reached"):
        load_mnist()
    assert len(given) == len(download.MIRRORS)
    assert sum(given) == pytest.approx(download.PATIENCE)
    assert download.PATIENCE < 20


def test_a_full_disk_is_not_taken_for_the_network(mirror, cache, packed, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    mirror(packed)
    monkeypatch.setattr(download, "_fetch_all", fail)
    with pytest.raises(MNISTUnavailableError, match=r"downloaded: \[Errno 28\] No space left"):
        load_mnist()
    assert not left_in(cache)


def test_the_error_has_what_it_says_as_fields(mirror, cache):
    mirror({})
    with pytest.raises(MNISTUnavailableError) as error:
        load_mnist()
    assert error.value.looked_in == [cache]
    assert "404" in error.value.reason


def test_a_cache_that_cannot_be_made_is_named_in_the_error(tmp_path, monkeypatch):
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "home"))
    with pytest.raises(MNISTUnavailableError, match=r"not be downloaded: \[Errno \d+\] .*home"):
        load_mnist()
