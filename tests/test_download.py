"""A file that was downloaded is whole, or is not there."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from signs.core import download
from signs.core.errors import UserError

CONTENT = bytes(range(256)) * 4096
HASH = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


class Server(HTTPServer):
    """Sends `CONTENT`, the first few times only half of it.

    Attributes:
        broken: how many times.
        asked: how often it was asked.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.broken = 0
        self.asked = 0


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        is_broken = self.server.asked <= self.server.broken
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // (1 + is_broken)])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def fetch(server: Server, folder: Path, known_hash: str | None = HASH) -> Path:
    address = f"http://127.0.0.1:{server.server_port}/a/weights.h5"
    return download.fetch(address, known_hash, folder, "get it elsewhere")


@pytest.mark.parametrize("known_hash", [HASH, None])
def test_a_broken_download_starts_again(
    server: Server, tmp_path: Path, known_hash: str | None
) -> None:
    server.broken = 1
    folder = tmp_path / "models"
    assert fetch(server, folder, known_hash) == folder / "weights.h5"
    assert list(folder.iterdir()) == [folder / "weights.h5"]
    assert (folder / "weights.h5").read_bytes() == CONTENT
    assert fetch(server, folder, known_hash).exists() and server.asked == 2


def test_what_stays_broken_is_not_there(server: Server, tmp_path: Path) -> None:
    server.broken = 99
    with pytest.raises(UserError, match="/a/weights.h5 cannot .* elsewhere"):
        fetch(server, tmp_path)
    assert not list(tmp_path.iterdir())


def test_other_files_are_refused_or_replaced(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="does not match"):
        fetch(server, tmp_path, "md5:" + "0" * 32)
    (tmp_path / "weights.h5").write_bytes(CONTENT[:99])
    assert fetch(server, tmp_path).read_bytes() == CONTENT
