"""Does a server that is set up as docs/redis.md says carry missions: by TLS alone, for its one user alone?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from orchestrator.adapters.redis_bus.dead_letters import RedisDeadLetters
from orchestrator.app.factories.bus_factory import open_bus_watch, open_mission_bus
from orchestrator.core.errors import BusUnavailable
from orchestrator.core.ports.bus_care import PutBack
from orchestrator.core.ports.mission_bus import GivenUp, Requeued
from orchestrator.core.secret_text import SecretText
from orchestrator.core.settings import Settings
from orchestrator.workflow.delegation.bus_report import findings
from tests.architecture.test_documents import DOCUMENTS
from tests.buses import envelope, result
from tests.conftest import require_program
from tests.redis_server import redis_server
from tests.servers import free_port

HEADING = "## Setting the server up"


@dataclass(frozen=True, kw_only=True)
class SecuredServer:
    """Where it is, and the file with whoever vouches for its certificate."""

    port: int
    authority: str

    def settings(
        self,
        login: str = "fleet:a-long-password@",
        *,
        scheme: str = "rediss",
        host: str = "localhost",
        authority: str | None = None,
    ) -> Settings:
        """Those of a node."""
        url = SecretText(f"{scheme}://{login}{host}:{self.port}/0")
        return Settings(redis_url=url, redis_ca=self.authority if authority is None else authority)

    def refusal(self, settings: Settings) -> str:
        """Why nothing can be asked with these settings."""
        bus = open_mission_bus(settings)
        try:
            with pytest.raises(BusUnavailable) as refused:
                bus.make_groups()
        finally:
            bus.close()
        return str(refused.value)


def documented(changes: dict[str, str]) -> list[str]:
    """The settings of the document as words of the server's command line, some with values of this machine."""
    block = DOCUMENTS["redis.md"].partition(HEADING)[2].partition("```\n")[2].partition("```")[0]
    settings = [line.partition(" ") for line in block.splitlines()]
    assert changes.keys() <= {name for name, _, _ in settings}
    return [word for name, _, value in settings for word in (f"--{name}", *changes.get(name, value).split())]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredServer]:
    """A real one with the document's settings, a port and a certificate."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key, port = folder / "c.pem", folder / "k.pem", free_port()
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    openssl = require_program("openssl")
    subprocess.run([openssl, *words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    changes = {"tls-port": str(port), "tls-cert-file": str(certificate), "tls-key-file": str(key)}
    with redis_server(*documented(changes)):
        yield SecuredServer(port=port, authority=str(certificate))


def test_whatever_the_bus_asks_its_user_may(server: SecuredServer) -> None:
    """A mission's whole life, over TLS: no command of it is one that the document's user lacks."""
    settings = server.settings()
    bus = open_mission_bus(settings)
    try:
        for job in ("a", "b", "c"):
            assert bus.publish(envelope(job), 5)
        first, second, third = bus.claim("w", 3)
        assert bus.renew(first)
        assert bus.take_over("v", 60.0, 3) == []
        for request in bus.requests(10):
            bus.filed(request)
        assert bus.finish(first, result("a"))
        assert bus.give_up(second, GivenUp.FINAL, "no") is Requeued.DEAD
        assert bus.give_up(third, GivenUp.RETRY, "again") is Requeued.QUEUED
        assert bus.answer("d", result("d"))
        received = bus.results(10)
        assert {each.key for each in received} == {"a", "b", "d"}
        bus.set_aside(received[0], "to try it")
        bus.settle([(each, each.key) for each in received])
        assert bus.trim() > 0
        assert bus.generation() == bus.generation()
        box = RedisDeadLetters(bus)
        aside, dead = box.letters(5)
        whole = box.letter(dead.id)
        assert whole is not None
        assert box.put_back(whole) is PutBack.QUEUED
        assert box.drop(aside.id)
    finally:
        bus.close()
    watch = open_bus_watch(settings.model_copy(update={"role": "HEADQUARTERS"}))
    assert watch is not None
    condition = watch.condition()
    assert (condition.trouble, condition.waiting, condition.plain_line) == ("", 2, False)
    assert list(findings(condition)) == []


def test_nobody_else_is_heard(server: SecuredServer) -> None:
    """No plain line, no other password, no user by default."""
    assert "localhost" in server.refusal(server.settings(scheme="redis", authority=""))
    assert "password" in server.refusal(server.settings("fleet:wrong@"))
    assert "SHIFTBOOK_REDIS_URL does not have" in server.refusal(server.settings(""))


def test_a_server_that_nobody_vouches_for_is_told_nothing(server: SecuredServer) -> None:
    """SHIFTBOOK_REDIS_CA names who does; without it the system's authorities count, and they do not know it. Nor is one
    that is vouched for under another name."""
    for settings in (server.settings(authority=""), server.settings(host="127.0.0.1")):
        said = server.refusal(settings)
        assert "certificate verify failed" in said
        assert "a-long-password" not in said
