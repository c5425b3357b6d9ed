"""Does a queue say where each result stands, and of a node that fell silent what becomes of its tests?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from missions.mission import Mission, Status
from orchestrator.ledger.node_pages import LastSeenStore, list_presences
from orchestrator.workflow.merge_queue.queue_places import NO_OTHER, HolderSilence, QueueState, queue_state
from orchestrator.workflow.queue_hold.queue_record import QueueRecord
from tests.orchestrator.workflow.approval.scene import Scene
from tests.orchestrator.workflow.merge_queue.queues import Queue, queue_toml

Scenes = Callable[..., Scene]
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
ABC = tuple(
    Mission(name=name, title=name, body="", status=Status.DONE, project="shop", commit="c" * 40) for name in "abc"
)
TESTS = QueueRecord(node="vm", base="b" * 40, testing=("a", "b"), since="2026-12-01T11:50:00Z")
SILENT = HolderSilence(since=NOON, until=NOON + timedelta(minutes=3), then="another node takes it at 12:03")


@pytest.mark.parametrize(
    ("record", "more", "states", "a", "whole"),
    [
        (QueueRecord(), {}, "waiting", "it waits for a node", "it waits for a node, which begins at its next turn"),
        (QueueRecord(), {"nobody_is_up": "no node is up"}, "stopped", "no node is up", "no node is up"),
        (
            QueueRecord(trouble="main is red"),
            {},
            "stopped",
            "it stands still: main is red",
            "it stands still: main is red",
        ),
        (
            TESTS,
            {},
            "testing testing waiting",
            "vm tests it now, with b",
            "vm tests 2 of them on main at bbbbbbbbbb since 2026-12-01 11:50 UTC",
        ),
        (
            replace(TESTS, testing=()),
            {},
            "waiting",
            "vm tests what is before it",
            "vm tests main at bbbbbbbbbb without any of them since 2026-12-01 11:50 UTC",
        ),
        (
            replace(TESTS, landing=("a",)),
            {},
            "landing testing waiting",
            "vm puts it on main now",
            "vm puts 1 of them on main at bbbbbbbbbb since 2026-12-01 11:50 UTC",
        ),
        (
            TESTS,
            {"silence": SILENT},
            "waiting",
            "vm was testing it, with b, and is silent since 2026-12-01 12:00 UTC; another node takes it at 12:03",
            "vm was testing 2 of them on main at bbbbbbbbbb, and is silent since 2026-12-01 12:00 UTC;"
            " another node takes it at 12:03",
        ),
        (
            replace(TESTS, landing=("a",)),
            {"silence": HolderSilence(then=NO_OTHER)},
            "stopped",
            f"vm was putting it on main, and has stopped; {NO_OTHER}",
            f"vm was putting 1 of them on main at bbbbbbbbbb, and has stopped; {NO_OTHER}",
        ),
    ],
)
def test_what_is_said_of_a_queue(record: QueueRecord, more: dict[str, object], states: str, a: str, whole: str) -> None:
    """Of one result, and of the whole."""
    state = QueueState(missions=ABC, record=record, **more)  # type: ignore[arg-type]
    said = [str((state.place(name) or {})["state"]) for name in "abc"]
    assert said == (states.split() if " " in states else [states] * 3)
    assert state.says("a") == f"place 1 of 3 in the merge queue of shop; {a}"
    assert (state.holder_says, state.json()["says"]) == (whole, whole)
    assert (state.says("x"), state.place("x")) == ("", None)


def test_a_node_that_falls_silent_is_told_of_as_this_machine_sees_it(scenes: Scenes) -> None:
    """While it beats it tests; then it was testing, until its lease is out; then another takes it, if one is up."""
    scene = scenes(missions=("a", "c"), policy=queue_toml())
    queue, anna = Queue.of(scene, "a", "c"), scene.peer("anna")
    seen = LastSeenStore(scene.folder / "seen.json")
    queue.hold("n1", "a", "c")
    queue.beat("n1")
    start = anna.bus.now()

    def says(seconds: float) -> str:
        now, ledger = start + timedelta(seconds=seconds), anna.ledger()
        state = queue_state(
            ledger, anna.trust, "shop", now=now, nodes=lambda of: list_presences(of, seen.update(of.beats, now), now)
        )
        return state.says("a").partition("; ")[2]

    lease = anna.ledger().charter.bus.lease
    out = f"{start.replace(microsecond=0) + timedelta(seconds=lease):%Y-%m-%d %H:%M} UTC"
    was = f"n1 was testing it, with c, and is silent since {start:%Y-%m-%d %H:%M} UTC"
    assert says(0) == says(lease / 2 - 2) == "n1 tests it now, with c"
    assert says(lease / 2 + 2) == f"{was}; {NO_OTHER}"
    queue.beat("n2")
    assert says(lease / 2 + 2) == f"{was}; another node takes it at {out}"
    assert says(lease + 2) == f"{was}; another node takes it at its next turn"
    queue.beat("n1")
    assert says(lease + 2) == "n1 tests it now, with c"
