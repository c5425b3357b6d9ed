"""What a terminal is made to do by texts that others wrote: nothing."""

from __future__ import annotations

import io
import sys

import pytest

from orchestrator.cli import terminal
from orchestrator.cli.console import console, shift_lines
from orchestrator.cli.inbox import FIRST_STEPS
from orchestrator.cli.mission.diff_page import file_summary
from orchestrator.workflow.approval.diff_view import FileChange, printable_diff

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


@pytest.mark.parametrize(
    ("words", "needed", "person", "text"),
    [
        (("fix", "it"), True, False, "fix it"),
        (("-",), True, True, "from a pipe\n"),
        (("-",), False, False, "from a pipe\n"),
        ((), True, False, "from a pipe\n"),
        ((), False, False, ""),
        ((), True, True, ""),
        (("-", "x"), True, False, "- x"),
    ],
)
def test_a_text_is_words_or_what_is_piped(
    words: tuple[str, ...], needed: bool, person: bool, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As other programs do: `-` is standard input. Nobody is waited for who only looks at the terminal."""
    stdin = io.StringIO("from a pipe\n")
    monkeypatch.setattr(stdin, "isatty", lambda: person)
    monkeypatch.setattr(sys, "stdin", stdin)
    assert terminal.given_text(words, needed=needed) == text


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


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_every_line_is_broken_by_itself(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty line stays one, what begins with blanks keeps them, and what goes on does so below its beginning."""
    monkeypatch.setattr(terminal, "for_people", lambda stream=None: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    command = "python3 -m venv .venv && .venv/bin/python -m pip install -q -e '.[test]'"
    terminal.say(f"\nAll of it:\n  setup  {command}", below=" " * 9)
    empty, head, first, *more = capsys.readouterr().out.splitlines()
    assert (empty, head) == ("", "All of it:")
    assert first.startswith("  setup  python3 ")
    assert more
    assert all(line.startswith(" " * 9) and line[9] != " " for line in more)
    assert max(map(len, [first, *more])) <= columns
    assert " ".join([first.removeprefix("  setup  "), *map(str.strip, more)]) == command


@pytest.mark.parametrize("columns", [20, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 60, 200])
def test_a_question_is_broken_between_words(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where its last word and what click adds to it do not fit on one line; the answer is beside its end."""
    monkeypatch.setattr(terminal, "for_people", lambda stream=None: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    words = "may approved work be merged into main in /home/ada/parcel, while that is clean?"
    assert terminal.confirm(words, default=False)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert " ".join(" ".join(lines).split()) == f"{words} [y/N]:"


def test_the_first_steps_are_lines_that_fit() -> None:
    """What a person without a fleet is shown last, at the usual width: a command a line, none of it broken."""
    assert max(map(len, FIRST_STEPS.splitlines())) <= 80
    assert [line.split()[0] for line in FIRST_STEPS.splitlines() if line.startswith(" ")] == ["shiftbook"] * 3


def test_a_files_name_begins_no_row_of_its_own() -> None:
    """Whoever made the file could show a reviewer rows of files that nobody changed, or a sum of their own."""
    odd = FileChange(path="a\n README.md  +0 −0\n 1 file,\tb\x1b[2J", notes=("renamed from c\nd",))
    shown = file_summary([odd, FileChange(path="plain.txt", added=2)]).plain
    assert shown.split("\n") == [
        " a\\n README.md  +0 −0\\n 1 file,\\tb\\x1b[2J  +0 −0  renamed from c\\nd",
        " plain.txt                                 +2 −0",
        " 2 files, +2 −0 lines",
    ]
