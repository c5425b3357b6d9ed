"""Can a phone see a running mission, say something to it and raise its budget, with the scope that this takes?"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from missions.message import MessageAnswer, MessageState
from orchestrator.api.web.context import SERVICES_KEY
from orchestrator.execution.live_figures import FIGURES_FILE
from orchestrator.execution.live_output import PROGRESS_FILE
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs, AttemptLabel
from orchestrator.ledger.steering.messages import answer_commit, read_filed_message
from orchestrator.ledger.transport import SAY
from orchestrator.workflow import steering
from orchestrator.workflow.fleet import Fleet
from sync.remote import RefUpdate
from tests.ledgers import FLEET, Keys, Peer, Town
from tests.orchestrator.api.conftest import Build, Site, bearer, door_of
from tests.waiting import PATIENCE, until

OUTPUT, SAID, BUDGET = (f"/api/v1/missions/m/{noun}" for noun in ("output", "messages", "budget"))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A ledger with one mission, whose person is Ada."""
    keys = Keys(folder=tmp_path / "keys")
    rules = {"allowed_signers": keys.signers(ada=["author"]), "fleet.toml": FLEET.format(trust="remote")}
    made = Town({"missions/m.md": "Do it.\n", **rules})
    yield made
    made.close()


@pytest.fixture
def site(build: Build, tmp_path: Path, town: Town) -> Site:
    """A served node of this ledger."""
    keys = Keys(folder=tmp_path / "keys")
    made = build()

    def door() -> Fleet:
        return door_of(town.peer("ada", key=keys["ada"]), keys["ada"].public, town, tmp_path)

    made.house = replace(made.house, fleet=door)
    made.app.extensions[SERVICES_KEY] = made.house
    return made


def running_here(site: Site, town: Town, words: str) -> Path:
    """The mission runs on this very node; returns its attempt's folder."""
    town.peer(site.house.settings.node).hold("m")
    folders = AttemptDirs(site.house.settings.home / "work")
    folder, _ = folders.open(AttemptLabel(mission="m", epoch=1, attempt=1))
    (folder / PROGRESS_FILE).write_text(words)
    (folder / FIGURES_FILE).write_text(json.dumps({"agent": "claude", "began": time.time(), "cost_usd": 0.5}))
    return folder


def test_what_runs_here_is_seen_page_by_page(site: Site, town: Town) -> None:
    """What was said since the look before, the cost, no secret; whoever may only chat sees nothing."""
    folder = running_here(site, town, "one\n")
    look = bearer(site.token("look"))
    first = site.client.get(OUTPUT, headers=look).get_json()
    assert (first["text"], first["cost_usd"], first["source"], first["agent"]) == (
        "one\n",
        0.5,
        "this machine",
        "claude",
    )
    with (folder / PROGRESS_FILE).open("a") as file:
        file.write("two ghp_" + "A1b2C3d4E5" * 3 + "F6g7H8\n")
    second = site.client.get(OUTPUT, query_string={"after": first["cursor"]}, headers=look).get_json()
    assert second["text"].startswith("two [redacted:")
    assert site.client.get(OUTPUT, headers=bearer(site.token("chat", name="other"))).status_code == 403
    assert site.client.get("/api/v1/missions/none/output", headers=look).status_code == 404
    for cursor in ("h1.-5", "h1.99999999999999", "g9.1", "\x00", "x" * 40):
        assert site.client.get(OUTPUT, query_string={"after": cursor}, headers=look).status_code == 200
    assert site.client.get(OUTPUT, query_string={"after": "x" * 41}, headers=look).status_code == 422


def test_what_nobody_runs_says_so(site: Site) -> None:
    """An answer, and no error; its stream ends at once."""
    look = bearer(site.token("look"))
    assert site.client.get(OUTPUT, headers=look).get_json()["says"] == "nothing runs"
    stream = site.client.get("/api/v1/missions/m/stream", headers=look)
    assert stream.get_data(as_text=True).startswith("event: end\n")


def test_a_stream_tells_and_ends_with_the_token(site: Site, town: Town) -> None:
    """The first event is the look; whoever is shut out meanwhile gets nothing more."""
    running_here(site, town, "one\n")
    token = site.token("look", name="tablet")
    stream = iter(site.client.get("/api/v1/missions/m/stream", headers=bearer(token)).response)
    first = bytes(next(stream)).decode()  # type: ignore[arg-type]
    assert first.startswith("id: h1.4\nevent: output\ndata: ")
    site.stores.tokens.revoke("tablet")
    assert not [piece for piece in stream if b"event: output" in bytes(piece)]  # type: ignore[arg-type]


def test_a_message_is_said_once_and_its_answer_is_the_nodes(
    site: Site, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an Idempotency-Key twice is once; the answer says what the node that works said."""
    monkeypatch.setattr(steering, "ANSWER_SECONDS", PATIENCE)
    desk = town.peer("desk")
    desk.hold("m")
    node = threading.Thread(target=answered, args=(desk,), daemon=True)
    node.start()
    headers = bearer(site.token("missions")) | {"Idempotency-Key": "one"}
    said = [site.client.post(SAID, json={"text": "Use tabs."}, headers=headers).get_json() for _ in range(2)]
    node.join(timeout=PATIENCE)
    assert said[0] == said[1]
    assert (said[0]["state"], said[0]["node"], said[0]["answered"]) == ("injected", "desk", True)
    assert len([ref for ref in desk.bus.remote.fetch() if ref.startswith(SAY)]) == 1


def answered(desk: Peer) -> None:
    """What a node does when it sees the message."""
    until(lambda: spoken(desk), "it is said")
    filed = read_filed_message(desk.bus.store, *spoken(desk).popitem())
    answer = MessageAnswer(state=MessageState.INJECTED, epoch=1, node="desk")
    new = answer_commit(desk.bus, filed, answer)
    desk.line.push([RefUpdate(ref=filed.ref, expect=filed.oid, new=new)])


def test_a_word_that_is_not_said_is_told_so(site: Site, town: Town) -> None:
    """Other words under a key that was used, a key that would have to be cut, and words that are too long with whoever
    asked for them: refused, and nothing of it stands on the bus. Each caller has keys of their own."""
    phone, tablet = (bearer(site.token("missions", name=name)) for name in ("phone", "tablet"))

    def said(text: str, who: dict[str, str], key: str) -> int:
        return site.client.post(SAID, json={"text": text}, headers=who | {"Idempotency-Key": key}).status_code

    assert [said("Use tabs.", who, "one") for who in (phone, tablet, phone)] == [200, 200, 200]
    assert said("Use spaces.", phone, "one") == 422
    assert said("Use tabs.", phone, "x" * 201) == 422
    assert said("Use tabs.", phone, "a b") == 422
    assert said("a" * 8000, phone, "two") == 422
    desk = town.peer("reader")
    words = [read_filed_message(desk.bus.store, ref, oid).message.text for ref, oid in spoken(desk).items()]
    assert sorted(words) == ["Use tabs.\n(asked by phone)", "Use tabs.\n(asked by tablet)"]


def spoken(peer: Peer) -> dict[str, str]:
    """The refs of what was said."""
    return {ref: oid for ref, oid in peer.bus.remote.fetch().items() if ref.startswith(SAY)}


def test_a_slow_look_keeps_no_other_reader_waiting(site: Site, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """While git looks at a large tree for one who watches, everybody else is answered."""
    running_here(site, town, "one\n")
    look, begun, go = bearer(site.token("look")), threading.Event(), threading.Event()

    def slow(_folder: Path) -> None:
        begun.set()
        assert go.wait(PATIENCE)

    monkeypatch.setattr("orchestrator.workflow.watching.diff_so_far", slow)
    watcher = threading.Thread(target=lambda: site.app.test_client().get(OUTPUT, headers=look), daemon=True)
    watcher.start()
    assert begun.wait(PATIENCE)
    statuses: list[int] = []

    def others() -> None:
        statuses.append(site.app.test_client().get("/api/v1/missions/m", headers=look).status_code)

    reader = threading.Thread(target=others, daemon=True)
    reader.start()
    reader.join(timeout=PATIENCE)
    meanwhile = list(statuses)
    go.set()
    for thread in (watcher, reader):
        thread.join(timeout=PATIENCE)
    assert meanwhile == [200]


def test_a_stream_ends_with_its_server(site: Site, town: Town) -> None:
    """Whoever watches for an hour does not keep a node from ending."""
    running_here(site, town, "one\n")
    stream = iter(site.client.get("/api/v1/missions/m/stream", headers=bearer(site.token("look"))).response)
    next(stream)
    site.house.change_signal.close()
    assert list(stream) == []


@pytest.mark.parametrize("scope", ["look", "chat", "approvals"])
def test_looking_gives_no_orders(site: Site, scope: str) -> None:
    """Neither a word nor a dollar."""
    token = bearer(site.token(scope))
    assert site.client.post(SAID, json={"text": "Use tabs."}, headers=token).status_code == 403
    assert site.client.put(BUDGET, json={"budget_usd": 5}, headers=token).status_code == 403


def test_a_budget_is_set_and_bounded(site: Site, town: Town) -> None:
    """It stands in the mission's file, with whose token it was; what is no amount is refused."""
    token = bearer(site.token("missions"))
    assert site.client.put(BUDGET, json={"budget_usd": 5.5}, headers=token).status_code == 200
    assert "budget_usd: 5.5" in town.peer("reader").text("missions/m.md")
    for wrong in (-1, "NaN", 1e9, None):
        assert site.client.put(BUDGET, json={"budget_usd": wrong}, headers=token).status_code == 422
    assert site.client.post(SAID, json={"text": ""}, headers=token).status_code == 422
    assert site.client.post(SAID, json={"text": "a" * 8001}, headers=token).status_code == 422
