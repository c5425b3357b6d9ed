"""What a terminal is made to do by texts that others wrote: nothing."""

from __future__ import annotations

import pytest

from orchestrator.cli import terminal
from orchestrator.cli.console import console, shift_lines
from orchestrator.workflow.approval.diff_view import printable_diff

HOSTILE = "\x1b]0;owned\x07\x1b[2Jtitle\x9b31m \u202eevil\r\x08"


def test_no_text_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    """Control codes and characters that turn the reading direction are spelled out, in lists and in documents."""
    out = console()
    out.print(shift_lines([("", HOSTILE, HOSTILE, "done")]))
    out.print(HOSTILE)
    shown = capsys.readouterr().out
    assert "title" in shown
    assert not set(shown) & set("\x1b\x07\x08\x9b\r\u202e")
    assert "\\x1b" in shown


def test_plain_words_stay() -> None:
    """Accents, other scripts, tabs and line breaks are text."""
    assert printable_diff("Grüße,\t日本語 ✓\n") == "Grüße,\t日本語 ✓\n"


@pytest.mark.parametrize(("person", "lines"), [(True, 2), (False, 1)], ids=["terminal", "pipe"])
def test_a_sentence_is_broken_between_words(
    person: bool, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal, where it would break within one; a path stays whole, so that it can be copied."""
    monkeypatch.setattr(terminal, "for_people", lambda stream=None: person)
    monkeypatch.setenv("COLUMNS", "60")
    words = "parcel is a project: /home/ada/projects/parcel-of-the-shop.git, branch main"
    terminal.say(words)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == lines
    assert " ".join(said) == words
