"""Who is registered with headquarters, and who tries to be without being let."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.core.ports.registrations import KEPT_REGISTRATION
from orchestrator.core.roles import Role
from orchestrator.node.headquarters.registrar import INTERVAL_SECONDS, Registrar
from orchestrator.workflow.delegation.node_status import MAX_NUMBER, NodeStatus, print_status, signed_bytes
from tests.ledgers import Keys
from tests.orchestrator.api.conftest import Build, ServedFleet, bearer

PATH = "/api/v1/factory/registrations"


def status(number: int = 1, node: str = "laptop", **more: Any) -> NodeStatus:
    return NodeStatus(node=node, number=number, role="LOCAL_WORKER", version="1.0", **more)


@dataclass
class Headquarters:
    """A served headquarters, the keys of its two nodes and of a person, and a client as the registrar has one."""

    fleet: ServedFleet
    keys: Keys

    def post(self, told: NodeStatus | str, *, by: str | None = "laptop", scope: str = "missions", **more: Any) -> Any:
        report = told if isinstance(told, str) else print_status(told)
        signature = self.keys[by].sign(signed_bytes(report)) if by else ""
        body = {"report": report, "signature": signature, **more}
        return self.fleet.site.client.post(PATH, json=body, headers=self.fleet.key(scope))

    def rows(self, **query: str | int) -> dict[str, Any]:
        return {row["node"]: row for row in self.fleet.get(PATH, **query)["items"]}


@pytest.fixture
def hq(serve: Callable[..., ServedFleet], tmp_path: Path) -> Headquarters:
    keys = Keys(folder=tmp_path / "nodes")
    signers = keys.signers(ada=["author"], laptop=["node"], nas=["node"], eve=["author"])
    return Headquarters(serve({"allowed_signers": signers}, ledger="x"), keys)


def test_a_node_is_registered_by_its_key(hq: Headquarters) -> None:
    """What it said stands in the list, with headquarters' own times and its state."""
    answer = hq.post(status(7, capabilities=["keyring"], load=0.5, today_usd=1.25, latency_ms=3.5, works_on=["m"]))
    assert (answer.status_code, answer.json["number"], answer.json["every_seconds"]) == (200, 7, 60)
    row = hq.rows()["laptop"]
    assert (row["state"], row["capabilities"], row["today_usd"], row["latency_ms"]) == ("live", ["keyring"], 1.25, 3.5)
    assert (row["works_on"], row["silent_seconds"]) == (["m"], 0.0)


@pytest.mark.parametrize("by", [None, "nas", "eve", "ada", "stranger"])
def test_nobody_speaks_for_a_node_but_its_key(hq: Headquarters, by: str | None) -> None:
    """Not another node, nor a person, nor a key that nobody listed, nor nobody."""
    answer = hq.post(status(), by=by)
    assert answer.status_code == 403
    assert hq.rows() == {}


def test_who_was_let_in_or_put_out_a_moment_ago_is(
    serve: Callable[..., ServedFleet], keys: Keys, tmp_path: Path
) -> None:
    """Keys are looked up once a minute for all reports; one that they do not know is looked up again."""
    nodes = Keys(folder=tmp_path / "nodes")
    ada = keys.signers(ada=["admin", "author"])
    hq = Headquarters(serve({"allowed_signers": ada + nodes.signers(laptop=["node"])}, ledger="x"), nodes)
    assert hq.post(status()).status_code == 200
    assert hq.post(status(node="new"), by="new").status_code == 403
    hq.fleet.push({"allowed_signers": ada + nodes.signers(laptop=["node"], new=["node"])})
    assert hq.post(status(node="new"), by="new").status_code == 200
    hq.fleet.push({"allowed_signers": ada + nodes.signers(laptop=["node"])})
    assert hq.post(status(2, node="new"), by="new").status_code == 403


def test_a_recorded_report_is_not_the_word_of_today(hq: Headquarters) -> None:
    """The same again, an older one, one whose number was changed under the signature: refused, with the last number."""
    old, new = status(5), status(6)
    assert hq.post(old).status_code == 200
    assert hq.post(new).status_code == 200
    for again in (old, new):
        answer = hq.post(again)
        assert (answer.status_code, answer.json["last"]) == (409, 6)
    signature = hq.keys["laptop"].sign(signed_bytes(print_status(new)))
    assert hq.post(status(7), signature=signature).status_code == 403
    assert hq.rows()["laptop"]["number"] == 6


def test_a_signature_of_something_else_is_none_of_a_report(hq: Headquarters) -> None:
    """The node's key signs commits as well: without the words before it, the same JSON counts for nothing."""
    report = print_status(status())
    plain = hq.keys["laptop"].sign(report.encode())
    assert hq.post(report, signature=plain).status_code == 403


@pytest.mark.parametrize(
    "report",
    [
        "x" * 20,
        "[]",
        "[" * 5000,
        '{"node": "laptop"}',
        json.dumps({**status().model_dump(), "number": -1}),
        json.dumps({**status().model_dump(), "number": MAX_NUMBER + 1}),
        json.dumps({**status().model_dump(), "number": True}),
        json.dumps({**status().model_dump(), "load": float("nan")}),
        json.dumps({**status().model_dump(), "node": "x" * 101}),
        json.dumps({**status().model_dump(), "works_on": ["m"] * 65}),
        json.dumps({**status().model_dump(), "more": "x"}),
    ],
)
def test_what_is_no_report_is_refused(hq: Headquarters, report: str) -> None:
    """422, and nothing of it comes back; a report that is too long does not get so far."""
    answer = hq.post(report)
    assert answer.status_code == 422, answer.text
    assert "xxx" not in answer.text
    assert hq.post("{" + " " * 20_000 + "}").status_code == 422
    assert hq.rows() == {}


def test_who_may_read_and_who_may_report(hq: Headquarters, build: Build) -> None:
    """Reading takes look, reporting missions or ops; no other role has either."""
    assert hq.post(status(), scope="look").status_code == 403
    assert hq.post(status(), scope="chat").status_code == 403
    assert hq.post(status(), scope="ops").status_code == 200
    assert hq.fleet.site.client.get(PATH, headers=hq.fleet.key("chat")).status_code == 403
    for role in (Role.STANDALONE_NODE, Role.LOCAL_WORKER):
        site = build(role, device_sync=True, http="0.0.0.0:1")
        key = bearer(site.token("missions", "look", "ops"))
        assert site.client.get(PATH, headers=key).status_code == 404
        assert site.client.post(PATH, json={"report": "{}"}, headers=key).status_code == 404


def test_silence_is_seen_by_headquarters_clock(hq: Headquarters) -> None:
    """Stale after 5 minutes, offline after 15, live again by one report; a month later it is forgotten."""
    hq.post(status(1))
    clock = hq.fleet.site.clock
    for minutes, state in [(4.9, "live"), (0.2, "stale"), (9.8, "stale"), (0.2, "offline")]:
        clock.move(minutes=minutes)
        assert hq.rows()["laptop"]["state"] == state
    assert hq.rows(state="live,stale") == {}
    assert set(hq.rows(state="offline")) == {"laptop"}
    assert "one of live, stale, offline" in hq.fleet.get(PATH, 422, state="asleep")["detail"]
    hq.post(status(2))
    assert hq.rows()["laptop"]["state"] == "live"
    clock.move(seconds=(KEPT_REGISTRATION + timedelta(minutes=1)).total_seconds())
    hq.post(status(1, node="nas"), by="nas")
    assert set(hq.rows()) == {"nas"}


def test_the_list_has_pages(hq: Headquarters) -> None:
    """In the order of names; a filter and a cursor together leave nothing out."""
    for node in ("laptop", "nas"):
        hq.post(status(1, node=node), by=node)
    first = hq.fleet.get(PATH, limit=1)
    assert [row["node"] for row in first["items"]] == ["laptop"]
    rest = hq.fleet.get(PATH, limit=1, after=first["next"])
    assert ([row["node"] for row in rest["items"]], rest["next"]) == (["nas"], None)
    hq.fleet.get(PATH, 422, after="nonsense")


# -- the node's side -------------------------------------------------------------------------------------------------


@dataclass
class Line:
    """A line to headquarters that a test cuts; it carries what the registrar sends into the real app."""

    hq: Headquarters
    cut: bool = False
    sent: list[int] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.cut:
            raise httpx.ConnectError("cut")
        answer = self.hq.fleet.site.client.post(
            request.url.path,
            data=request.content,
            headers={**self.hq.fleet.key("missions"), "Content-Type": "application/json"},
        )
        self.sent.append(answer.status_code)
        return httpx.Response(answer.status_code, content=answer.get_data())


@dataclass
class Worker:
    """A registrar on such a line, with its clock and what it told."""

    line: Line
    now: int = 1_000_000
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registrar = Registrar(
            url="http://hq.example/",
            token="sbk_token",
            status=lambda number, latency: status(number, latency_ms=latency),
            sign=self.line.hq.keys["laptop"].sign,
            tell=lambda _, words, **__: self.told.append(words),
            now_ms=lambda: self.now,
        )
        self.client = httpx.Client(transport=httpx.MockTransport(self.line))

    def report(self) -> float:
        return self.registrar.report(self.client)


def test_a_worker_reports_each_minute_and_less_often_while_nobody_answers(hq: Headquarters) -> None:
    """60 s; after failures a minute, doubled, five minutes at most; after one answer 60 s again. It is told why."""
    worker = Worker(Line(hq))
    assert worker.report() == INTERVAL_SECONDS
    worker.line.cut = True
    pauses = [worker.report() for _ in range(6)]
    for pause, most in zip(pauses, [60, 120, 240, 300, 300, 300], strict=True):
        assert 0.9 * most <= pause <= most
    assert worker.told[0].startswith("not registered with headquarters: ConnectError")
    worker.line.cut = False
    assert worker.report() == INTERVAL_SECONDS
    assert hq.rows()["laptop"]["latency_ms"] is not None


def test_a_clock_that_was_set_back_does_not_keep_a_node_out(hq: Headquarters) -> None:
    """The next number goes on from headquarters' last; so does a node that begins anew with nothing."""
    ahead = Worker(Line(hq), now=9_000_000)
    ahead.report()
    anew = Worker(Line(hq), now=1_000)
    assert anew.report() == INTERVAL_SECONDS
    assert anew.line.sent == [409, 200]
    assert hq.rows()["laptop"]["number"] == 9_000_001
    assert anew.report() == INTERVAL_SECONDS
    assert anew.line.sent == [409, 200, 200]


def test_what_is_refused_says_what_to_do(hq: Headquarters) -> None:
    """Another key, or a node that is no headquarters."""
    worker = Worker(Line(hq))
    worker.registrar.sign = hq.keys["nas"].sign
    worker.report()
    assert "allowed_signers, role=node" in worker.told[-1]
    worker.client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(404)))
    worker.report()
    assert "FACTORY_ROLE=HEADQUARTERS" in worker.told[-1]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"last": -5}', b'{"last": "x"}', b'{"last": 1e400}', b"\xff" * 70_000])
def test_a_hostile_headquarters_does_no_harm(hq: Headquarters, body: bytes) -> None:
    """Whatever it answers, the registrar waits and goes on."""
    worker = Worker(Line(hq))
    worker.client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(409, content=body)))
    assert worker.report() > 0
    assert "does another node run under it" in worker.told[-1]
