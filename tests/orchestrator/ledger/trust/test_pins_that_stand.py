"""A pin that stands is not written again: who only reads changes no file, and works in a home that is read-only."""

from __future__ import annotations

from pathlib import Path

from orchestrator.ledger.trust.history import TrustState
from orchestrator.ledger.trust.pins import TrustPins

FIRST, SECOND = "a" * 40, "b" * 40


def _mark(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_a_pin_that_stands_is_left_alone(tmp_path: Path) -> None:
    """By `anchor`, whatever the tip is now, and by `keep` for the same stand; another stand is written."""
    pins = TrustPins(path=tmp_path / "pin.json", ledger="x")
    assert pins.anchor(FIRST) == FIRST
    before = _mark(pins.path)
    assert pins.anchor(SECOND) == FIRST
    assert _mark(pins.path) == before
    stand = TrustState(commit=FIRST, files={})
    pins.keep(stand, lambda _kept: True)
    after = _mark(pins.path)
    assert after != before
    pins.keep(TrustState(commit=FIRST, files={}), lambda _kept: True)
    assert pins.anchor(SECOND) == FIRST
    assert _mark(pins.path) == after
    pins.keep(TrustState(commit=SECOND, files={}), lambda kept: kept == FIRST)
    assert _mark(pins.path) != after
    assert pins.load() == TrustState(commit=SECOND, files={})


def test_another_ledgers_pin_says_nothing(tmp_path: Path) -> None:
    """Each has its own, and the first look at one writes it beside the others."""
    TrustPins(path=tmp_path / "pin.json", ledger="x").anchor(FIRST)
    other = TrustPins(path=tmp_path / "pin.json", ledger="y")
    assert other.anchor(SECOND) == SECOND
    assert TrustPins(path=tmp_path / "pin.json", ledger="x").anchor(SECOND) == FIRST
