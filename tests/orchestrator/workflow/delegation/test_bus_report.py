"""What is said of a bus follows from how it is, and each thing that is to be mended has its remedy."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.core.ports.bus_care import BusCondition
from orchestrator.workflow.delegation.bus_report import bus_json, crash_loss, findings, summary

WELL = BusCondition(place="hq:6379", version="7.0.15", append_only=True, fsync="everysec", eviction="noeviction")


def kinds(condition: BusCondition) -> list[str]:
    """What is to be mended."""
    return [each.kind for each in findings(condition)]


def test_a_bus_that_is_well_is_told_in_one_line() -> None:
    """Nothing is to be done."""
    assert kinds(WELL) == []
    assert summary(WELL) == "hq:6379 answers, 0 wait, 0 in work"
    busy = replace(WELL, waiting=3, pending=2, oldest_seconds=70.0, unfiled=1, unrecorded=4, dead_letters=1)
    assert summary(busy) == (
        "hq:6379 answers, 3 wait, 2 in work, the oldest since 70 s, 1 not filed, 4 results not recorded, 1 dead letters"
    )


def test_a_bus_that_is_away_is_one_finding() -> None:
    """What is not known of it is not told."""
    away = BusCondition(place="hq:6379", trouble="refused")
    (only,) = findings(away)
    assert only.broken
    assert only.kind == "unreachable"
    assert "by the ledger alone" in only.remedy
    assert bus_json(away)["crash_loses"] == ""
    assert not bus_json(away)["reachable"]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"not_saved": "the last write of its log failed"}, "not-saved"),
        ({"append_only": False}, "no-log"),
        ({"eviction": "volatile-lru"}, "eviction"),
        ({"memory_bytes": 95, "memory_limit": 100}, "memory"),
        ({"clock_ahead_seconds": 61.0}, "clock"),
        ({"clock_ahead_seconds": -7200.0}, "clock"),
        ({"plain_line": True}, "plain-line"),
        ({"rights": ("change the server's settings",)}, "rights"),
        ({"dead_letters": 1}, "dead-letters"),
        ({"oldest_seconds": 3601.0}, "old"),
    ],
)
def test_each_thing_is_told_by_itself(change: dict[str, object], kind: str) -> None:
    """With what to do, and it does not stop the bus."""
    found = list(findings(replace(WELL, **change)))  # type: ignore[arg-type]
    assert [each.kind for each in found] == [kind]
    assert found[0].remedy
    assert not found[0].broken


@pytest.mark.parametrize(
    "change",
    [
        {"memory_bytes": 90, "memory_limit": 100},
        {"memory_bytes": 10**12},
        {"clock_ahead_seconds": -59.0},
        {"oldest_seconds": 3600.0},
        {"eviction": ""},
        {"waiting": 10**6, "unfiled": 10**6},
    ],
)
def test_what_is_within_its_bounds_is_not_told(change: dict[str, object]) -> None:
    """A warning that is always there is read by nobody."""
    assert kinds(replace(WELL, **change)) == []  # type: ignore[arg-type]


def test_what_a_crash_may_lose_follows_from_two_settings() -> None:
    """A log or none, and how often it is written down."""
    said = {crash_loss(replace(WELL, fsync=fsync)) for fsync in ("always", "everysec", "no", "")}
    assert len(said) == 4
    assert crash_loss(replace(WELL, fsync="always")) == "a crash loses nothing"
    assert crash_loss(replace(WELL, append_only=False)) == "a crash loses all since its last snapshot"
    assert crash_loss(replace(WELL, fsync="sometimes")) == crash_loss(replace(WELL, fsync=""))


def test_programs_get_all_of_it() -> None:
    """As plain data."""
    told = json.loads(json.dumps(bus_json(replace(WELL, dead_letters=2, rights=("a", "b")))))
    assert told["reachable"] is True
    assert told["crash_loses"] == "a killed server loses nothing, a power cut its last second"
    assert told["rights"] == ["a", "b"]
    assert [each["kind"] for each in told["findings"]] == ["rights", "dead-letters"]
    assert told["says"] == summary(replace(WELL, dead_letters=2))
