"""What a scan of the history remembers."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.ledger.scan_state import ScanState


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """The tip and the findings come back, also into a folder that was not there."""
    state = ScanState(path=tmp_path / "home" / "patrol.json", of="town", key="found")
    assert state.load(str) == (None, [])
    state.save("a" * 40, ["one", "two"])
    assert state.load(str) == ("a" * 40, ["one", "two"])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"of": "town"}', '{"of": "town", "tip": "a", "found": 3}'])
def test_a_damaged_file_is_no_state(tmp_path: Path, text: str) -> None:
    """What cannot be read says nothing: the scan begins anew."""
    (tmp_path / "patrol.json").write_text(text)
    assert ScanState(path=tmp_path / "patrol.json", of="town", key="found").load(str) == (None, [])


def test_another_ledger_s_state_is_none(tmp_path: Path) -> None:
    """A machine that was given another ledger does not carry findings over."""
    ScanState(path=tmp_path / "patrol.json", of="town", key="found").save("a" * 40, ["one"])
    assert ScanState(path=tmp_path / "patrol.json", of="village", key="found").load(str) == (None, [])
