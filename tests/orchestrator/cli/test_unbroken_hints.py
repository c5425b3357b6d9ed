"""A command or a path in what is said is never broken: at 60 columns it stands whole on some line."""

from __future__ import annotations

import io
import re

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.cli import cli, doctor, terminal
from orchestrator.cli.chat.page import ChatPage
from orchestrator.cli.console import console, shift_lines, unbroken_lines
from orchestrator.cli.live.event_lines import EventLines

COMMAND = '`shiftbook mission new "what is to be done"`'
PATH = "/home/ada/projects/a-fleet-with-a-long-name/docs/notify.md"


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 60 columns without colours."""
    for name, value in (("FORCE_COLOR", "1"), ("COLUMNS", "60"), ("NO_COLOR", "1"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on the screen, without their styles."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    return [line.rstrip() for line in plain.splitlines()]


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        (f"Nothing is under way: {COMMAND} files one.", 60, ["Nothing is under way:", f"{COMMAND} files one."]),
        (f"see {PATH}, or ask", 40, ["see", f"{PATH},", "or ask"]),
        ("  pairs   of words that go on", 18, ["  pairs   of words", "that go on"]),
        ("one ` alone is a word", 9, ["one `", "alone is", "a word"]),
        ("(`git push`)", 4, ["(`git push`)"]),
        ("first\n\nlast", 60, ["first", "", "last"]),
        ("\u6587\u6587\u6587\u6587\u6587", 4, ["\u6587\u6587", "\u6587\u6587", "\u6587"]),
    ],
)
def test_lines_break_between_words_alone(text: str, columns: int, lines: list[str]) -> None:
    """What is between backticks is one word; a script without blanks is broken where it must be."""
    assert list(unbroken_lines(text, columns)) == lines


def test_a_sentence(narrow: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where what goes on is indented: what does not fit there begins further left."""
    terminal.say(f"  hint   write it as is said in {PATH}; then {COMMAND}", below=" " * 9)
    assert shown(capsys) == [
        "  hint   write it as is said in",
        f" {PATH};",
        f"         then {COMMAND}",
    ]


def test_an_entry_of_the_book(narrow: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside the rule while it fits, else without the rule and whole."""
    console().print(shift_lines([("12:00", "A title", f"waits · {PATH}\n→ {COMMAND}", "review")]), crop=False)
    lines = shown(capsys)
    assert lines[1:] == ["        │ waits ·", f"  {PATH}", f"        │ → {COMMAND}"]


def test_doctor(narrow: None, capsys: pytest.CaptureFixture[str]) -> None:
    """The remedy's command, the place of a document, and the last line."""
    one = CheckResult(what="model", health=CheckStatus.POOR, says=f"see {PATH}", remedy=f"{COMMAND} mends it")
    doctor._print([one], verbose=False)
    lines = shown(capsys)
    assert f"  {PATH}" in lines
    assert sum(COMMAND in line for line in lines) == 2
    doctor._print([CheckResult(what="database", health=CheckStatus.GOOD, says=f"{PATH} keeps it")], verbose=False)
    assert shown(capsys)[:3] == [" database │ good", f"  {PATH}", "          │           keeps it"]


def test_a_nodes_events() -> None:
    """Its first lines name the ledger's folder."""
    out = Console(file=io.StringIO(), width=60, force_terminal=True, no_color=True, highlight=False)
    lines = EventLines(out)
    lines("ready", f"vm works for {PATH} with builtin")
    lines.close()
    assert isinstance(out.file, io.StringIO)
    assert PATH in out.file.getvalue()


def test_a_help_text(narrow: None) -> None:
    """Neither in an option's words nor in a paragraph; its example fits."""

    @click.command()
    @click.option("--run", help="The command line of a mission for `--agent command` alone.")
    def one(run: str) -> None:
        """Makes something ready, so that a plain `git commit --all` just works."""

    said = CliRunner().invoke(one, ["--help"], terminal_width=60).output
    assert "`git commit --all`" in said
    assert CliRunner().invoke(one, ["--help"], terminal_width=44).output.count("`--agent command`") == 1
    assert "\u00a0" not in said
    whole = CliRunner().invoke(cli, ["--help"], terminal_width=60).output
    assert all(len(line) <= 60 for line in whole.splitlines())


def test_a_note_of_the_chat(narrow: None) -> None:
    """Which model could answer is said with the command that chooses it."""
    out = io.StringIO()
    ChatPage(out).note(f"a toy answers; another model is here and not chosen: {COMMAND}, or see {PATH}")
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()]
    assert any(COMMAND in line for line in lines)
    assert any(line.strip() == PATH for line in lines)
