"""The ledger over smart HTTP: real git against the app, and what git would never send."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from orchestrator.api.app import create_app
from orchestrator.core.errors import OrchestratorError, WrongSetting
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.git_server import http_backend
from orchestrator.git_server.http_backend import (
    BrokenRequest,
    CgiRequest,
    GitHttpBackend,
    TooManyRequests,
    open_http_backend,
)
from sync.git import Git
from tests.orchestrator.api.conftest import Build, Site, bearer
from tests.orchestrator.repositories import CLEAN, git
from tests.waiting import PATIENCE, until

ROOF = 8 * 1024 * 1024
FLUSH = b"0000"


@dataclass
class Served:
    """A served repository, with its address."""

    site: Site
    bare: Path
    url: str
    folder: Path

    def git(self, *words: str, folder: Path | None = None, token: str = "") -> subprocess.CompletedProcess[str]:
        """git as a person runs it, showing a token if there is one."""
        shown = ["-c", f"http.extraHeader=Authorization: Bearer {token}"] if token else []
        env = CLEAN | {"GIT_TERMINAL_PROMPT": "0"}
        words = (*shown, *words)
        return subprocess.run(
            ["git", *words], cwd=folder or self.folder, env=env, capture_output=True, text=True, check=False
        )

    def commit(self, clone: Path, name: str, data: bytes) -> None:
        (clone / name).write_bytes(data)
        git(clone, "add", ".")
        git(clone, "commit", "--quiet", "-m", name)


@pytest.fixture
def served(build: Build, tmp_path: Path) -> Iterator[Served]:
    """A bare repository with one commit behind the app, which listens on loopback and asks for tokens."""
    bare = tmp_path / "ledger.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "ledger.git")
    git(tmp_path, "clone", "--quiet", "ledger.git", "seed")
    (tmp_path / "seed" / "README.md").write_text("hello\n")
    git(tmp_path / "seed", "add", ".")
    git(tmp_path / "seed", "commit", "--quiet", "-m", "seed")
    git(tmp_path / "seed", "push", "--quiet", "origin", "HEAD:main")
    site = build(Role.HEADQUARTERS, streams=4)
    site.token("chat", name="so that loopback is closed")
    app = create_app(replace(site.house, git=GitHttpBackend(bare=bare, push_bytes=ROOF)))
    site = replace(site, app=app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Served(site, bare, f"http://127.0.0.1:{server.server_port}", tmp_path)
    server.shutdown()
    thread.join(PATIENCE)
    server.server_close()


class Trickle:
    """A body that sends a byte now and then, until it is told to end."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def read(self, _size: int = -1, /) -> bytes:
        return b"" if self.ended.wait(0.05) else b"0"


def asking(who: str) -> CgiRequest:
    """The start of a fetch."""
    kind = "application/x-git-upload-pack-request"
    path, empty = "/git-upload-pack", {"query": "", "encoding": "", "protocol": "", "client_address": "127.0.0.1"}
    return CgiRequest(method="POST", path=path, kind=kind, length=4096, who=who, **empty)


def hold(door: GitHttpBackend, who: str, body: Trickle, problems: list[Exception]) -> threading.Thread:
    """A request in a thread of its own; what became of it goes to `problems`."""

    def run() -> None:
        try:
            door.ask(asking(who), body).close()
        except OrchestratorError as error:
            problems.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_an_answer_that_is_taken_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour after it began it is still being read: it is ended an hour after the last piece that was taken."""
    now = [1000.0]
    monkeypatch.setattr(http_backend, "monotonic", lambda: now[0])
    words = ("/bin/sh", "-c", r"printf 'Status: 200 OK\r\n\r\nbegin'; exec cat /dev/zero")
    program = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    places = list[str]()
    answer = http_backend.CgiResponse(program, BytesIO(), lambda: places.append("free"), 3600.0)
    pieces = iter(answer)
    next(pieces)
    now[0] += 3599.0
    next(pieces)
    now[0] += 3599.0
    answer._expire()
    assert (program.poll(), places) == (None, [])
    now[0] += 1.0
    answer._expire()
    assert program.wait(PATIENCE) == -signal.SIGKILL
    assert places == ["free"]
    answer.close()


def test_bodies_that_never_end_keep_nobody_else_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One token takes its share of the places and no more; when its time is over it gives them back."""
    git(tmp_path, "init", "--quiet", "--bare", "l.git")
    monkeypatch.setattr(http_backend, "SLOT_WAIT_SECONDS", 0.5)
    door, body, problems = (
        GitHttpBackend(bare=tmp_path / "l.git", push_bytes=ROOF, max_seconds=4.0),
        Trickle(),
        list[Exception](),
    )
    threads = [hold(door, "reader", body, problems) for _ in range(http_backend.MAX_PROCESSES)]
    crowded = http_backend.MAX_PROCESSES - http_backend.MAX_PROCESSES_PER_CALLER
    until(lambda: len(problems) >= crowded)
    assert all(isinstance(problem, TooManyRequests) for problem in problems[:crowded])
    other = list[Exception]()
    mine = hold(door, "vps", body, other)
    for thread in (*threads, mine):
        thread.join(PATIENCE)
    assert [str(problem) for problem in problems[crowded:]] == [
        "this took too long"
    ] * http_backend.MAX_PROCESSES_PER_CALLER
    assert [type(problem) for problem in other] == [BrokenRequest]  # it came in, and its time was over as well
    monkeypatch.setattr(http_backend, "SLOT_WAIT_SECONDS", 20.0)
    body.ended.set()
    door.ask(asking("reader"), body).close()  # a place is free


def test_a_clone_and_a_push_with_a_token(served: Served) -> None:
    """With the token as a header, or as the password of HTTP Basic; a push larger than git's buffer comes in chunks."""
    token = served.site.token("git", name="ada")
    url = f"{served.url}/git/ledger.git"
    assert served.git("clone", "--quiet", url, "one", token=token).returncode == 0
    with_password = url.replace("://", f"://ada:{token}@")
    assert served.git("clone", "--quiet", with_password, "two").returncode == 0
    one = served.folder / "one"
    served.commit(one, "large", os.urandom(3 * 1024 * 1024))
    assert served.git("push", "--quiet", "origin", "main", folder=one, token=token).returncode == 0
    assert served.git("pull", "--quiet", folder=served.folder / "two").returncode == 0
    assert (served.folder / "two" / "large").stat().st_size == 3 * 1024 * 1024


def test_what_each_scope_opens(served: Served) -> None:
    """git:read fetches, git pushes too, any other token does neither, and nobody comes in without."""
    url = f"{served.url}/git/ledger.git"
    reads, chats = served.site.token("git:read", name="r"), served.site.token("chat", "missions", name="c")
    assert served.git("clone", "--quiet", url, "r", token=reads).returncode == 0
    served.commit(served.folder / "r", "x", b"x")
    assert "403" in served.git("push", "origin", "main", folder=served.folder / "r", token=reads).stderr
    assert "403" in served.git("clone", url, "c", token=chats).stderr
    assert served.git("clone", url, "n").returncode == 128
    assert served.git("clone", url, "n", token="sbk_wrong").returncode == 128
    assert served.git("clone", url.replace("://", "://ada:wrong@"), "n").returncode == 128


def test_a_revoked_token_opens_nothing(served: Served) -> None:
    """From the next request on."""
    token, url = served.site.token("git", name="gone"), f"{served.url}/git/ledger.git"
    assert served.git("ls-remote", url, token=token).returncode == 0
    served.site.stores.tokens.revoke("gone")
    assert served.git("ls-remote", url, token=token).returncode == 128


@pytest.mark.parametrize(
    "path",
    [
        "/git/ledger.git/HEAD",
        "/git/ledger.git/config",
        "/git/ledger.git/objects/info/packs",
        "/git/ledger.git/info/refs/../../config",
        "/git/ledger.git/../../etc/passwd",
        "/git/ledger.git/%2e%2e/%2e%2e/etc/passwd",
        "/git/%2e%2e/ledger.git/info/refs?service=git-upload-pack",
        "/git/other.git/info/refs?service=git-upload-pack",
        "/git/ledger/info/refs?service=git-upload-pack",
        "/git//ledger.git/info/refs?service=git-upload-pack",
        "/git/ledger.git/info/refs/?service=git-upload-pack",
    ],
)
def test_only_the_smart_protocol_of_one_repository_is_served(served: Served, path: str) -> None:
    """No file by its path, no other repository, no way up."""
    headers = bearer(served.site.token("git", name="ada"))
    assert served.site.client.get(path, headers=headers).status_code == 404


@pytest.mark.parametrize("service", ["", "git-upload-archive", "upload-pack", "git-upload-pack&service=x/../y"])
def test_an_unknown_service_is_refused(served: Served, service: str) -> None:
    """The dumb protocol asks for none; what is not a service of git's reaches no program."""
    headers = bearer(served.site.token("git", name="ada"))
    path = f"/git/ledger.git/info/refs?service={service}"
    expected = 200 if service.startswith("git-upload-pack") else 403
    answer = served.site.client.get(path, headers=headers)
    assert answer.status_code == expected
    if expected == 200:
        assert answer.data.startswith(b"001e# service=git-upload-pack\n")


def test_a_page_in_a_browser_cannot_push(served: Served) -> None:
    """A form or a plain fetch sends no body of git's kind."""
    headers = bearer(served.site.token("git", name="ada"))
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        answer = served.site.client.post(
            "/git/ledger.git/git-receive-pack", headers=headers, data=FLUSH, content_type=kind
        )
        assert answer.status_code == 415


def test_a_body_that_is_packed_is_unpacked(served: Served) -> None:
    """As git sends a long fetch; protocol version 2 is spoken when it is asked for."""
    headers = bearer(served.site.token("git:read", name="r")) | {"Git-Protocol": "version=2"}
    body = b"0014command=ls-refs\n0001000csymrefs\n0000"
    kind = "application/x-git-upload-pack-request"
    path = "/git/ledger.git/git-upload-pack"
    plain = served.site.client.post(path, headers=headers, data=body, content_type=kind)
    packed = served.site.client.post(
        path, headers=headers | {"Content-Encoding": "gzip"}, data=gzip.compress(body), content_type=kind
    )
    assert plain.status_code == packed.status_code == 200
    assert b"refs/heads/main" in plain.data
    assert plain.data == packed.data
    assert "no-cache" in plain.headers["Cache-Control"]


def test_a_push_above_the_roof_is_refused(served: Served) -> None:
    """Whether it says its length, comes in chunks, or is small until it is unpacked; nothing is taken in."""
    token = served.site.token("git", name="ada")
    served.git("clone", "--quiet", f"{served.url}/git/ledger.git", "big", token=token)
    big = served.folder / "big"
    served.commit(big, "large", os.urandom(ROOF + 1024))
    before = git(served.bare, "rev-parse", "main")
    for buffer in ("1m", "100m"):  # below the size git sends chunks, above it a length
        done = served.git("-c", f"http.postBuffer={buffer}", "push", "origin", "main", folder=big, token=token)
        assert done.returncode != 0, buffer
    head = {"Content-Encoding": "gzip", **bearer(token)}
    bomb = gzip.compress(b"PACK" + bytes(ROOF * 4))
    kind = "application/x-git-receive-pack-request"
    served.site.client.post("/git/ledger.git/git-receive-pack", headers=head, data=bomb, content_type=kind)
    assert git(served.bare, "rev-parse", "main") == before


def test_half_a_push_is_no_push(served: Served) -> None:
    """A body that ends early ends git's program; nothing is taken in and nothing stays behind."""
    token = served.site.token("git", name="ada")
    kind = "application/x-git-receive-pack-request"
    before = git(served.bare, "rev-parse", "main")
    line = f"{before} {'1' * 40} refs/heads/main\0 report-status\n".encode()
    body = b"%04x%s0000PACK" % (len(line) + 4, line)
    answer = served.site.client.post(
        "/git/ledger.git/git-receive-pack", headers=bearer(token), data=body, content_type=kind
    )
    assert answer.status_code in {200, 400, 500}
    assert git(served.bare, "rev-parse", "main") == before
    assert list((served.bare / "objects").glob("tmp_objdir-*")) == []


def test_an_answer_that_nobody_takes_ends_its_program(served: Served) -> None:
    """The caller is gone before the first byte: its place is free again."""
    headers = bearer(served.site.token("git:read", name="r"))
    path = "/git/ledger.git/info/refs?service=git-upload-pack"
    for _ in range(20):  # more than there are places
        served.site.client.get(path, headers=headers, buffered=False).close()
    assert served.site.client.get(path, headers=headers).status_code == 200


def test_the_settings_that_serve_nothing_say_so(tmp_path: Path) -> None:
    """A worker, a ledger elsewhere, a folder that is no bare repository: one line that names the setting."""
    git(tmp_path, "init", "--quiet", "--bare", "my ledger.git")
    for role, ledger in (
        (Role.LOCAL_WORKER, str(tmp_path / "my ledger.git")),
        (Role.HEADQUARTERS, ""),
        (Role.HEADQUARTERS, "https://example.org/x.git"),
        (Role.HEADQUARTERS, str(tmp_path)),
        (Role.HEADQUARTERS, str(tmp_path / "my ledger.git")),
    ):
        with pytest.raises(WrongSetting, match="SHIFTBOOK_SERVE_GIT"):
            open_http_backend(Settings(role=role, home=tmp_path / "home", ledger=ledger, serve_git=True))
    assert open_http_backend(Settings(role=Role.HEADQUARTERS, home=tmp_path / "home", serve_git=False)) is None


def test_what_a_served_repository_took_is_on_the_disk_unless_its_owner_says_otherwise(tmp_path: Path) -> None:
    """Git's default flushes neither small pushes nor refs; whatever stands there already is the owner's word."""
    git(tmp_path, "init", "--quiet", "--bare", "ledger.git")
    bare = tmp_path / "ledger.git"
    settings = Settings(role=Role.HEADQUARTERS, home=tmp_path / "home", ledger=str(bare), serve_git=True)
    for word, after in (("none", "none"), ("", http_backend.FLUSHED), (http_backend.FLUSHED, http_backend.FLUSHED)):
        git(bare, "config", *(["core.fsync", word] if word else ["--unset", "core.fsync"]))
        assert open_http_backend(settings) is not None
        assert Git(bare).text("config", "--get", "core.fsync") == after
    words = ["git", "hash-object", "-w", "--stdin"]
    told = subprocess.run(words, cwd=bare, env=CLEAN, input="x", capture_output=True, text=True, check=True)
    assert told.stderr == ""  # a git that does not know a word of it would warn
