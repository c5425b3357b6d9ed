"""Is what a person vouches for what they were shown?"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.mission import orders


class Door:
    """A fleet with one mission, which notes what is signed."""

    def __init__(self) -> None:
        self.signed: list[str | None] = []

    def mission(self, name: str) -> SimpleNamespace:
        """Its text would move a terminal's cursor."""
        return SimpleNamespace(text=f"---\nrun: id\n---\nDo {name}.\x1b[2J\n")

    def endorse(self, name: str, shown: str | None = None) -> SimpleNamespace:
        """What was shown comes with the order."""
        self.signed.append(shown)
        return SimpleNamespace(name=name, status="queued")


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    """At the command line."""
    door = Door()
    monkeypatch.setattr(orders, "named_mission", lambda name: (door, name))
    monkeypatch.setattr(orders, "_report", lambda _view, words, _as_json: orders.click.echo(words))
    return door


def typed(monkeypatch: pytest.MonkeyPatch, *words: str, answer: str = "", terminal: bool) -> Result:
    """A person's line, and their answer."""
    monkeypatch.setattr(orders, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: terminal)))
    return CliRunner().invoke(orders.trust, words, input=answer)


def test_a_terminal_shows_the_text_and_signs_that_one_only_after_a_yes(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Escaped as all that others wrote; a no signs nothing."""
    said = typed(monkeypatch, "fix", answer="n\n", terminal=True)
    assert said.exit_code == 1
    assert "run: id" in said.output
    assert "\x1b" not in said.output
    assert door.signed == []
    assert typed(monkeypatch, "fix", answer="y\n", terminal=True).exit_code == 0
    assert door.signed == [door.mission("fix").text]


def test_a_pipe_is_not_asked_and_neither_is_who_says_yes(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stood there when the command began is what is signed."""
    for words, terminal in ((["fix"], False), (["fix", "--yes"], True)):
        said = typed(monkeypatch, *words, terminal=terminal)
        assert (said.exit_code, "run: id" in said.output) == (0, False)
    assert door.signed == [door.mission("fix").text] * 2
