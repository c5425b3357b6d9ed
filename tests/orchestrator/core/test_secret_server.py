"""Facts about secrets that an Infisical server keeps: which count, and what becomes of a node without them."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from orchestrator.core.environment import load_settings
from orchestrator.core.errors import SecretsUnavailable, WrongSetting
from orchestrator.core.roles import Role
from orchestrator.core.secret_server import MAX_ANSWER_BYTES, SecretServer, read_secrets
from tests import infisical as stand_in
from tests import program
from tests.infisical import CLIENT_SECRET, PROJECT, Infisical
from tests.servers import free_port


@pytest.fixture
def served() -> Iterator[Infisical]:
    with stand_in.infisical() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and nothing of this machine's own settings."""
    for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "FACTORY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def configured(served: Infisical, monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    for name, value in (served.environment() | more).items():
        monkeypatch.setenv(name, value)


def server(served: Infisical, **more: str) -> SecretServer:
    words = {"url": served.url, "project": PROJECT, "environment": "prod", "path": "/"}
    identity = {"client_id": stand_in.CLIENT_ID, "client_secret": CLIENT_SECRET}
    return SecretServer(**(words | identity | more))


@pytest.mark.parametrize("former", [False, True])
def test_its_secrets_are_settings(
    served: Infisical, home: Path, monkeypatch: pytest.MonkeyPatch, *, former: bool
) -> None:
    """From a server of today and one of before; values of every kind as they were stored."""
    served.former = former
    served.secrets = {"SHIFTBOOK_GIT_TOKEN": "sbk_ü=\n x", "SHIFTBOOK_DATABASE_URL": "postgresql://u:p@h/d"}
    configured(served, monkeypatch, SHIFTBOOK_INFISICAL_ENVIRONMENT="dev", SHIFTBOOK_INFISICAL_PATH="/shiftbook/hq")
    found = load_settings()
    assert found.git_token.get_secret_value() == "sbk_ü=\n x"
    assert (found.database_url, found.lacking) == ("postgresql://u:p@h/d", "")
    path, asked = served.asked[-1]
    assert path == ("/api/v3/secrets/raw" if former else "/api/v4/secrets")
    assert (asked["environment"], asked["secretPath"]) == ("dev", "/shiftbook/hq")


def test_which_source_counts(served: Infisical, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before `.env`, after what the process was given; what is imported goes behind the folder's own."""
    served.imported = {"SHIFTBOOK_GIT_TOKEN": "imported", "SHIFTBOOK_SYNC_TOKEN": "imported"}
    served.secrets = {"SHIFTBOOK_GIT_TOKEN": "served", "SHIFTBOOK_HQ_TOKEN": "served"}
    (home / ".env").write_text("SHIFTBOOK_GIT_TOKEN=file\nSHIFTBOOK_OPENAI_KEY=file\n", encoding="utf-8")
    monkeypatch.setenv("SHIFTBOOK_HQ_TOKEN", "said")
    configured(served, monkeypatch)
    found = load_settings()
    values = (found.git_token, found.sync_token, found.hq_token, found.openai_key)
    assert [each.get_secret_value() for each in values] == ["served", "imported", "said", "file"]


def test_it_sets_secrets_alone(served: Infisical, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may write there makes no node headquarters, moves no home, and names no other server."""
    served.secrets = {
        "FACTORY_ROLE": "HEADQUARTERS",
        "SHIFTBOOK_HOME": "/elsewhere",
        "SHIFTBOOK_LEDGER": "https://elsewhere.invalid/x.git",
        "SHIFTBOOK_INFISICAL_URL": "https://elsewhere.invalid",
        "SHIFTBOOK_INFISICAL_CLIENT_SECRET": "another",
        "PATH": "/elsewhere",
        "SHIFTBOOK_HQ_TOKEN": "",
    }
    configured(served, monkeypatch)
    found = load_settings()
    assert (found.role, found.home, found.ledger, found.infisical_url) == (Role.LOCAL_WORKER, home, "", served.url)
    assert found.infisical_client_secret.get_secret_value() == CLIENT_SECRET


@pytest.mark.parametrize("role", ["HEADQUARTERS", "STANDALONE_NODE"])
def test_those_do_not_start_without(home: Path, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    """Fail-closed: a headquarters without its hook's secret would have another door than its owner set up."""
    configured(Infisical(url=f"http://127.0.0.1:{free_port()}"), monkeypatch, FACTORY_ROLE=role)
    (home / ".env").write_text("SHIFTBOOK_HOOK_SECRET=an older one\n", encoding="utf-8")
    with pytest.raises(SecretsUnavailable, match="does not answer") as caught:
        load_settings()
    assert caught.value.passing
    assert caught.value.exit_code == 1  # so that a service is started again


def test_a_worker_goes_on_without(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what else it has, and it knows why."""
    configured(Infisical(url=f"http://127.0.0.1:{free_port()}"), monkeypatch)
    (home / ".env").write_text("SHIFTBOOK_GIT_TOKEN=file\n", encoding="utf-8")
    found = load_settings()
    assert found.git_token.get_secret_value() == "file"
    assert "does not answer (ConnectError); this worker goes on without" in found.lacking


@pytest.mark.parametrize(
    ("status", "why", "passing"),
    [
        (401, "does not take SHIFTBOOK_INFISICAL_CLIENT_ID", False),
        (400, "does not take SHIFTBOOK_INFISICAL_CLIENT_ID", False),
        (429, "it answered 429", True),
        (503, "it answered 503", True),
        (302, "it answered 302", False),
    ],
)
def test_a_refused_log_in(served: Infisical, status: int, why: str, *, passing: bool) -> None:
    """One line that says what to mend, without a word of what was sent, whatever the server repeats of it."""
    served.login_status = status
    with pytest.raises(SecretsUnavailable, match=why) as caught:
        read_secrets(server(served))
    assert caught.value.passing is passing
    assert CLIENT_SECRET not in str(caught.value) + repr(server(served))


def test_what_is_not_there(served: Infisical) -> None:
    """A project, an environment or a folder that the server does not have: the three settings are named."""
    for more in ({"project": "another"}, {"environment": "staging"}):
        with pytest.raises(SecretsUnavailable, match="no such project, environment or folder"):
            read_secrets(server(served, **more))


def test_a_value_that_may_not_be_seen_is_no_value(served: Infisical) -> None:
    """The server writes a word of its own in its place, which would be taken for the token."""
    served.secrets, served.hidden = {"SHIFTBOOK_GIT_TOKEN": "x"}, frozenset({"SHIFTBOOK_GIT_TOKEN"})
    with pytest.raises(SecretsUnavailable, match="may not see the value of 'SHIFTBOOK_GIT_TOKEN'"):
        read_secrets(server(served))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"secrets": {}}',
        b'{"secrets": [7]}',
        b'{"secrets": [{"secretKey": 7}]}',
        b"[" * 100_000,
        b" " * (MAX_ANSWER_BYTES + 1),
    ],
    ids=["empty", "page", "list", "nothing", "no-list", "number", "no-name", "deep", "too-large"],
)
def test_another_server_gives_nothing(served: Infisical, body: bytes) -> None:
    """Whatever answers there instead: one line, nothing taken."""
    served.body = body
    with pytest.raises(SecretsUnavailable, match=r"not Infisical's|too large"):
        read_secrets(server(served))


@pytest.mark.parametrize("url", ["http://secrets.example", "ftp://127.0.0.1", "secrets.example", "http://10.0.0.1"])
def test_nothing_is_sent_in_the_clear(url: str) -> None:
    """https, or loopback."""
    with pytest.raises(WrongSetting, match=r"SHIFTBOOK_INFISICAL_URL: write https://"):
        server(Infisical(url=url))


def test_what_is_no_address_is_one_line(served: Infisical, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named, as for any other wrong value."""
    configured(served, monkeypatch, SHIFTBOOK_INFISICAL_URL="https://[abc")
    with pytest.raises(WrongSetting, match=r"SHIFTBOOK_INFISICAL_URL: this is no address"):
        load_settings()


def test_a_server_that_never_ends_has_a_deadline() -> None:
    """A byte now and then keeps within every timeout of a read; both requests together have an end."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def drip() -> None:
            line, _ = door.accept()
            with line, suppress(OSError):
                line.sendall(b"HTTP/1.1 200 OK\r\nx: ")
                while not over.wait(0.05):
                    line.sendall(b"x")

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            slow = server(Infisical(url=f"http://127.0.0.1:{door.getsockname()[1]}"))
            with pytest.raises(SecretsUnavailable, match=r"has not said all within 0.5 s") as caught:
                read_secrets(slow, deadline=0.5)
            assert caught.value.passing
        finally:
            over.set()
            dripping.join()


@pytest.mark.parametrize("lacking", ["PROJECT", "CLIENT_ID", "CLIENT_SECRET"])
def test_half_a_setting_is_named(served: Infisical, home: Path, monkeypatch: pytest.MonkeyPatch, lacking: str) -> None:
    """Also for a worker: it is a mistake, no server that is away."""
    configured(served, monkeypatch)
    monkeypatch.delenv(f"SHIFTBOOK_INFISICAL_{lacking}")
    with pytest.raises(WrongSetting, match=f"SHIFTBOOK_INFISICAL_{lacking}: SHIFTBOOK_INFISICAL_URL is set"):
        load_settings()


def test_a_wrong_value_is_not_repeated(served: Infisical, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret of the server's that cannot be used is named, and not said."""
    served.secrets = {"SHIFTBOOK_SIGNAL_SECRETS": "market=tooshort"}
    configured(served, monkeypatch)
    with pytest.raises(WrongSetting, match="SHIFTBOOK_SIGNAL_SECRETS") as caught:
        load_settings()
    assert "tooshort" not in str(caught.value)


def test_headquarters_as_a_process(home: Path) -> None:
    """Exit code 1 and one line, which is no traceback and holds no secret."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHIFTBOOK_", "FACTORY_"))}
    there = Infisical(url=f"http://127.0.0.1:{free_port()}").environment()
    env = kept | there | {"FACTORY_ROLE": "HEADQUARTERS", "SHIFTBOOK_HOME": str(home)}
    done = program.run("node", "run", env=env, cwd=home)
    assert done.returncode == 1
    assert done.stderr.strip().count("\n") == 0
    assert "does not answer" in done.stderr
    assert CLIENT_SECRET not in done.stdout + done.stderr
