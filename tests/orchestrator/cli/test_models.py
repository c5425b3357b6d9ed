"""Facts about `shiftbook models`: the real command against servers on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.models import download
from orchestrator.adapters.models.download import DownloadFailedError, DownloadSource, download_file
from orchestrator.adapters.models.gguf import NotGguf, read_gguf_info
from orchestrator.core import disk_space
from orchestrator.core.errors import NotFound, OrchestratorError, Refused, WrongSetting
from tests import program
from tests.loopback import LoopbackServer
from tests.ollama_shim import Shim
from tests.servers import free_port


@dataclass
class Hub:
    """A loopback server of one file, with faults to choose."""

    data: bytes = b""
    url: str = ""
    etag: str = '"one"'
    linked: str = ""
    cut_at: int | None = None
    redirect: str = ""
    status: int = 0
    ranges: list[str | None] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        hub = self.hub
        hub.ranges.append(self.headers.get("Range"))
        hub.tokens.append(self.headers.get("Authorization"))
        hub.paths.append(self.path)
        if hub.status:
            return self._head(hub.status, 0)
        if hub.redirect:
            return self._head(302, 0, Location=hub.redirect)
        start, status = 0, 200
        if (wanted := self.headers.get("Range")) and self.headers.get("If-Range") == hub.etag:
            start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
        if status == 206 and start >= len(hub.data):
            return self._head(416, 0, **{"Content-Range": f"bytes */{len(hub.data)}"})
        piece = hub.data[start:]
        span = {"Content-Range": f"bytes {start}-{len(hub.data) - 1}/{len(hub.data)}"} if status == 206 else {}
        self._head(status, len(piece), ETag=hub.etag, **span)
        if hub.cut_at is not None:
            piece, hub.cut_at = piece[: hub.cut_at], None
        self.wfile.write(piece)
        return None

    def _head(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.hub.linked:
            self.send_header("X-Linked-Etag", f'"{self.hub.linked}"')
        self.send_header("Content-Length", str(length))
        self.end_headers()


@pytest.fixture
def hubs() -> Iterator[Callable[..., Hub]]:
    """Starts servers."""
    running = []

    def start(**how: Any) -> Hub:
        hub = Hub(**how)
        server = LoopbackServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        hub.url = f"http://127.0.0.1:{server.server_port}"
        return hub

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


DATA = bytes(range(256)) * 20_000
HASH = hashlib.sha256(DATA).hexdigest()


def get(url: str, folder: Path, **how: str) -> tuple[Path, str]:
    """A download that does not wait between two tries."""
    return download_file(
        DownloadSource(url=url, **how), folder, progress=lambda done, of: None, sleep=lambda seconds: None
    )


def test_download(hubs: Callable[..., Hub], tmp_path: Path) -> None:
    """A file arrives whole, with its hash and with progress, and nothing is left beside; a second time it is there."""
    hub, told = hubs(data=DATA), []
    source = DownloadSource(url=f"{hub.url}/x/tiny.gguf", sha256=HASH)
    path, found = download_file(source, tmp_path, progress=lambda done, of: told.append((done, of)))
    assert (path.name, path.read_bytes(), found) == ("tiny.gguf", DATA, HASH)
    assert told[-1] == (len(DATA), len(DATA))
    assert [each.name for each in tmp_path.iterdir() if each.suffix not in (".lock", ".gguf")] == []
    assert get(source.url, tmp_path) == (path, HASH)
    assert len(hub.paths) == 1


def test_goes_on_where_it_stopped(hubs: Callable[..., Hub], tmp_path: Path) -> None:
    """A broken line costs only what was not there yet, in the same run and in the next one."""
    hub = hubs(data=DATA, cut_at=3_000_000)
    assert get(f"{hub.url}/tiny.gguf", tmp_path)[1] == HASH
    assert hub.ranges[0] is None
    assert int(str(hub.ranges[1]).removeprefix("bytes=").rstrip("-")) > 1_000_000


def test_file_that_changed_meanwhile(hubs: Callable[..., Hub], tmp_path: Path) -> None:
    """Pieces of two versions of a file are never put together."""
    part = tmp_path / "tiny.gguf.part"
    part.write_bytes(b"old" * 1000)
    part.with_name("tiny.gguf.part.json").write_text(json.dumps({"etag": '"zero"'}))
    hub = hubs(data=DATA)
    assert get(f"{hub.url}/tiny.gguf", tmp_path)[1] == HASH
    assert hub.ranges == ["bytes=3000-"]


def test_part_without_a_note(hubs: Callable[..., Hub], tmp_path: Path) -> None:
    """A piece of which nobody knows what it is of is begun anew; a whole one is only named."""
    (tmp_path / "tiny.gguf.part").write_bytes(b"?" * 10)
    hub = hubs(data=DATA)
    assert get(f"{hub.url}/tiny.gguf", tmp_path)[1] == HASH
    (tmp_path / "whole.gguf.part").write_bytes(DATA)
    (tmp_path / "whole.gguf.part.json").write_text(json.dumps({"etag": '"one"'}))
    assert get(f"{hub.url}/whole.gguf", tmp_path)[1] == HASH
    assert hub.ranges == [None, f"bytes={len(DATA)}-"]


def test_wrong_hash(hubs: Callable[..., Hub], tmp_path: Path) -> None:
    """A file with another hash than was asked for, or than the hub promised, never gets its name."""
    hub = hubs(data=DATA)
    with pytest.raises(Refused, match="thrown away"):
        get(f"{hub.url}/tiny.gguf", tmp_path, sha256="0" * 64)
    hub.linked = "1" * 64
    with pytest.raises(Refused, match="1111"):
        get(f"{hub.url}/tiny.gguf", tmp_path)
    assert not list(tmp_path.glob("*.gguf*part*"))
    assert not (tmp_path / "tiny.gguf").exists()
    hub.linked = HASH
    assert get(f"{hub.url}/tiny.gguf", tmp_path)[1] == HASH


def test_redirects(hubs: Callable[..., Hub], tmp_path: Path) -> None:
    """A redirect to another server is followed without the token; one to a file, or in a circle, is refused."""
    store = hubs(data=DATA)
    hub = hubs(redirect=f"{store.url}/blob")
    assert get(f"{hub.url}/tiny.gguf", tmp_path, token="hf_secret")[1] == HASH
    assert (hub.tokens, store.tokens) == (["Bearer hf_secret"], [None])
    secret = tmp_path / "secret.gguf"
    secret.write_bytes(DATA)
    for where in (f"file://{secret}", "ftp://127.0.0.1/x.gguf"):
        with pytest.raises(Refused, match="not followed"):
            get(f"{hubs(redirect=where).url}/other.gguf", tmp_path)
    with pytest.raises(Refused, match="from one place to the next"):
        get(f"{hubs(redirect='/again').url}/other.gguf", tmp_path)
    assert not (tmp_path / "other.gguf").exists()


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [(404, NotFound, "there is no"), (403, Refused, "HF_TOKEN"), (503, DownloadFailedError, "again later")],
)
def test_server_says_no(
    hubs: Callable[..., Hub], tmp_path: Path, status: int, kind: type[OrchestratorError], words: str
) -> None:
    """What a server says is told in one line, with what to do."""
    with pytest.raises(kind, match=words):
        get(f"{hubs(status=status).url}/tiny.gguf", tmp_path)


def test_nobody_there(tmp_path: Path) -> None:
    """A server that is not there ends after a few tries."""
    with pytest.raises(DownloadFailedError, match="run the command again"):
        get(f"http://127.0.0.1:{free_port()}/tiny.gguf", tmp_path)


@pytest.mark.parametrize(
    "name", ["..%2f..%2fevil.gguf", ".hidden.gguf", "a b.gguf", "x.txt", "", "a%00.gguf", "-rf.gguf"]
)
def test_names(name: str, tmp_path: Path) -> None:
    """Nothing is written outside the folder, hidden, or under a name that a shell would stumble over."""
    if name.startswith(".."):
        assert DownloadSource(url=f"http://h/{name}").name == "evil.gguf"
        return
    with pytest.raises(WrongSetting, match="plain name"):
        get(f"http://127.0.0.1:1/{name}", tmp_path)


def test_full_disk(hubs: Callable[..., Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that does not fit is not begun."""
    monkeypatch.setattr(disk_space, "MIN_FREE_BYTES_DOWNLOAD", shutil.disk_usage(tmp_path).free)
    hub = hubs(data=DATA)
    with pytest.raises(DownloadFailedError, match="are free at"):
        get(f"{hub.url}/tiny.gguf", tmp_path)
    assert not list(tmp_path.glob("*part"))


def test_two_at_once(hubs: Callable[..., Hub], tmp_path: Path) -> None:
    """Two processes do not write the same file."""
    hub = hubs(data=DATA)
    with download.FileLock(tmp_path / "tiny.lock"), pytest.raises(DownloadFailedError, match="another process"):
        get(f"{hub.url}/tiny.gguf", tmp_path)


def run(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The command, with nothing of this machine's settings."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    quiet = {"SHIFTBOOK_HOME": str(home), "OLLAMA_HOST": f"127.0.0.1:{free_port()}", "COLUMNS": "200"}
    return program.run("models", *words, env=keep | quiet | more, cwd=home)


@pytest.mark.model
def test_pull_list_use(hubs: Callable[..., Hub], gguf: Path, tmp_path: Path) -> None:
    """A file from a hub is pulled, checked, listed with what it says of itself, chosen, and given up again."""
    data = gguf.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    hub = hubs(data=data, linked=digest)
    (tmp_path / ".env").write_text("# mine\nSHIFTBOOK_LEDGER='some where'\nOTHER=1\n")
    done = run(tmp_path, "pull", "hf:someone/tiny-GGUF/tiny.gguf@v1", "--json", HF_ENDPOINT=hub.url, HF_TOKEN="hf_x")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["model"], told["sha256"], told["in_use"]) == ("tiny", digest, False)
    assert hub.paths == ["/someone/tiny-GGUF/resolve/v1/tiny.gguf"]
    listed = json.loads(run(tmp_path, "list", "--json").stdout)
    row = next(each for each in listed["models"] if (each["name"], each["backend"]) == ("tiny", "xllamacpp"))
    assert (row["quantisation"], row["context_tokens"], row["size"], row["in_use"]) == ("Q4_1", 8192, len(data), False)
    assert (row["parameters"], row["good_for"], row["check"]) == ("35M", "toy", None)
    assert any("set OLLAMA_HOST" in each for each in listed["lacking"])
    assert run(tmp_path, "use", "tiny").returncode == 0
    shown = run(tmp_path, "list")
    assert "good for: toy" in shown.stdout
    assert "tiny is a toy" in shown.stderr
    assert "shiftbook models pull" in shown.stderr
    lines = (tmp_path / ".env").read_text().splitlines()
    assert lines[:3] == ["# mine", "SHIFTBOOK_LEDGER='some where'", "OTHER=1"]
    listed = json.loads(run(tmp_path, "list", "--json").stdout)
    assert listed["in_use"]["model"] == "tiny"
    assert listed["in_use"]["why"] == "SHIFTBOOK_MODEL names a file"
    assert run(tmp_path, "use", "embedded").returncode == 0
    assert (tmp_path / ".env").read_text().splitlines() == lines[:3]


@pytest.mark.model
def test_ollama_tags(shim: Shim, tmp_path: Path) -> None:
    """A tag is pulled through Ollama, listed and chosen; one that does not exist is exit code 3."""
    host = {"OLLAMA_HOST": shim.url}
    done = run(tmp_path, "pull", "another", "--use", "--json", **host)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"] == "another:latest"
    assert "SHIFTBOOK_MODEL=another:latest" in (tmp_path / ".env").read_text().replace("'", "")
    listed = json.loads(run(tmp_path, "list", "--json", **host).stdout)
    assert (listed["in_use"]["backend"], listed["in_use"]["model"]) == ("ollama", "another:latest")
    done = run(tmp_path, "pull", "no-such-model", **host)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    assert "no-such-model" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("use", "nothing"), 3, "models list"),
        (("pull", "hf:../../etc/passwd.gguf"), 2, "hf:owner/repository/file.gguf"),
        (("pull", "hf:a/b/../../c.gguf"), 2, "hf:owner/repository/file.gguf"),
        (("pull", "file:///etc/passwd.gguf"), 2, "http"),
        (("pull", "here.gguf"), 2, "Ollama tag"),
        (("pull", "http://127.0.0.1:9/x.gguf", "--sha256", "abc"), 2, "64 hexadecimal"),
        (("pull", "llama"), 1, "ollama serve"),
    ],
)
def test_bad_input(words: tuple[str, ...], code: int, says: str, tmp_path: Path) -> None:
    """What cannot be done is one line that says what to do, with the exit code of its kind."""
    done = run(tmp_path, *words)
    assert done.returncode == code
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / ".env").exists()


def test_pulled_file_that_is_no_model(hubs: Callable[..., Hub], tmp_path: Path) -> None:
    """A web page that was pulled is thrown away; a file that is none cannot be chosen."""
    hub = hubs(data=b"<html>Sign in</html>" * 100)
    done = run(tmp_path, "pull", f"{hub.url}/page.gguf")
    assert (done.returncode, "no model" in done.stderr) == (4, True)
    assert not (tmp_path / "models" / "page.gguf").exists()
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    assert run(tmp_path, "use", str(tmp_path / "bad.gguf")).returncode == 4


def test_environment_wins(tmp_path: Path, gguf: Path) -> None:
    """Where the environment says something else, that is said."""
    done = run(tmp_path, "use", str(gguf), SHIFTBOOK_MODEL="other")
    assert done.returncode == 0
    assert "and wins" in done.stderr


@pytest.mark.parametrize("content", [b"", b"GGUF" + bytes(40), b"nonsense" * 9, b"GGUF\3\0\0\0" + b"\xff" * 40])
def test_damaged_cards(content: bytes, tmp_path: Path) -> None:
    """A damaged file is told from a model, and is never believed to be large."""
    path = tmp_path / "damaged.gguf"
    path.write_bytes(content)
    try:
        assert read_gguf_info(path).parameters == 0
    except NotGguf:
        return
