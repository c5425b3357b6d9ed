"""How does a command print to the terminal: rows for people, JSON for programs, warnings on standard error?

What draws is loaded when it draws: a command's help, and JSON, need none of it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from orchestrator.workflow.fleet import Fleet

DEVICE_ID = "terminal"
"""What a chat in a terminal calls the device that it comes from."""
MAX_COLUMNS = 100
"""Columns of a sentence at most, however wide the terminal is."""
ANSWERS = "[Y/n]:_"
"""So much room takes what click writes behind a question, with the answer."""
_documents: list[bool] = []
"""One for each document that was begun in this process."""
_error_lines: list[Callable[[str, int], None]] = []
"""What prints a command's error among the lines that it prints."""
Row = tuple[str, str, str, str]
"""An entry of the log book: time, title, detail, status."""


def for_people(stream: TextIO | None = None) -> bool:
    """Whether a person looks at the stream (standard output): a terminal, or what is told to look like one."""
    return (stream or sys.stdout).isatty() or bool(os.environ.get("FORCE_COLOR"))


def given_text(words: Sequence[str], *, needed: bool = True) -> str:
    """A command's words; what stands on standard input for a lone `-`, and where there are none but a pipe or a file
    that is read, if they are needed."""
    if tuple(words) == ("-",) or (needed and not words and not sys.stdin.isatty()):
        return sys.stdin.read()
    return " ".join(words)


def say(words: str, *, err: bool = False, below: str = "") -> None:
    """Lines, broken between words where a terminal would break them within one, and in no command between backticks;
    into a pipe as they are. What is broken goes on behind `below`."""
    click.echo(broken(words, sys.stderr if err else sys.stdout, below), err=err)


def confirm(question: str, *, default: bool, abort: bool = False) -> bool:
    """What a person says to a question, however long it is: its last line alone is beside the cursor."""
    *above, last = broken(f"{question} {ANSWERS}", sys.stdout).removesuffix(ANSWERS).split("\n")
    for line in above:
        click.echo(line)
    return click.confirm(last.rstrip(), default=default, abort=abort)


def broken(words: str, stream: TextIO | None = None, below: str = "") -> str:
    """Lines as `say` writes them into this stream."""
    if not for_people(stream):
        return words
    import shutil

    columns = min(shutil.get_terminal_size().columns, MAX_COLUMNS)
    if words.isascii() and all(len(line) <= columns for line in words.split("\n")):
        return words
    from orchestrator.cli.console import shifted, unbroken_lines

    lines: list[str] = []
    for line in words.split("\n"):
        first, *rest = unbroken_lines(line, columns)
        rest = list(unbroken_lines(line.removeprefix(first).lstrip(), columns - len(below))) if rest else []
        lines += [first, *(shifted(each, len(below), columns) if each else "" for each in rest)]
    return "\n".join(lines)


def print_rows(rows: Iterable[Row], lines: Iterable[Sequence[str]] = ()) -> None:
    """Entries beside the margin rule; into a pipe one line for each, its parts parted by tabs and the name first.

    `lines` are the parts for a pipe; without them those of the entries: title, state, time, detail.
    """
    if for_people():
        from orchestrator.cli.console import console, shift_lines

        console().print(shift_lines(rows), crop=False)
    else:
        print_lines(lines or ((title, status, when, detail) for when, title, detail, status in rows))


def print_columns(rows: Iterable[Sequence[str]]) -> None:
    """Short facts in columns as wide as their widest, the last one cut at the terminal's edge; into a pipe as lines."""
    if not for_people():
        print_lines(rows)
        return
    from orchestrator.cli.console import column_lines, console

    out = console()
    for line in column_lines(list(rows), out.width):
        out.print(line, soft_wrap=True)


def print_line(parts: Iterable[str]) -> None:
    """One line of a list in a pipe."""
    print_lines([parts])


def print_lines(rows: Iterable[Iterable[str]]) -> None:
    """A list in a pipe, one line for each row, its parts parted by tabs; written at once, as each write is a call."""
    text = "\n".join("\t".join(" ".join(part.split()) for part in parts).rstrip("\t") for parts in rows)
    if text:
        click.echo(printable(text))


def printable(text: str) -> str:
    """Others' words, safe for a terminal: what moves the cursor, or is half a character, is spelled out."""
    if not text.replace("\n", "").replace("\t", "").isprintable():
        from orchestrator.workflow.approval.diff_view import printable_diff

        return printable_diff(text)
    return text


def print_status(words: str, status: str) -> None:
    """A sentence in the colour of a status; into a pipe as it is."""
    if not for_people():
        click.echo(printable(words))
        return
    from orchestrator.cli.console import STATUS_COLOURS, console

    console().print(broken(words), style=STATUS_COLOURS[status], soft_wrap=True)


def print_json(data: Any) -> None:
    """Data for programs, on standard output: one document."""
    _documents.append(True)
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def print_json_line(data: Any) -> None:
    """A document in one line, which others may follow."""
    click.echo(json.dumps(data, ensure_ascii=False, default=str))


def errors_are_told_by(tell: Callable[[str, int], None]) -> None:
    """From now on why this command failed is one of the lines that it prints, in their form."""
    _error_lines.append(tell)


def print_json_error(words: str, code: int) -> None:
    """Why a command failed, for a program that reads its output as JSON; nothing where a document is there already."""
    if _error_lines:
        _error_lines[-1](words, code)
    elif not _documents:
        print_json_line({"error": words, "exit_code": code})


@contextmanager
def json_items(*, wanted: bool = True) -> Iterator[Callable[[Any], None]]:
    """A list for programs, each item printed at once: it is a whole list also where what comes next raises. Nothing
    where it is not wanted."""
    begun = False
    if wanted:
        _documents.append(True)

    def add(item: Any) -> None:
        nonlocal begun
        if wanted:
            text = json.dumps(item, indent=2, ensure_ascii=False, default=str)
            click.echo(("," if begun else "[") + "\n  " + text.replace("\n", "\n  "), nl=False)
            begun = True

    try:
        yield add
    finally:
        if begun:
            click.echo("\n]")
    if wanted and not begun:
        click.echo("[]")


def say_past() -> None:
    """Says how much of a person's past other programs have written down here, if any; where a person looks."""
    if for_people():
        from orchestrator.app.factories.past_factory import past_sentence

        found = past_sentence()
        if found:
            say(f"\nYour own past is here: {found}")


def warn(fleet: Fleet) -> None:
    """Says what is wrong with what is shown: it is old, or something on the branch is not followed."""
    if fleet.offline:
        say(f"shiftbook: {fleet.offline}; showing what was last seen", err=True)
    for alarm in fleet.alarms:
        say(f"shiftbook: {alarm}", err=True)


def clock_time(when: datetime | None) -> str:
    """A time in the gutter: local, hours and minutes; the day for what is older."""
    if when is None:
        return ""
    local = when.astimezone()
    today = datetime.now().astimezone().date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%d %b}"
