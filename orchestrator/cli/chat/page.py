"""How does a chat's page look in a terminal? Like the log book: the time in the gutter, the red rule, what was said."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO
from unicodedata import combining, east_asian_width

from missions.one_line import one_line
from orchestrator.cli.live.sign_of_life import SignOfLife, can_write_over
from orchestrator.core.time_text import format_duration
from orchestrator.workflow.approval.diff_view import printable_diff

if TYPE_CHECKING:
    from orchestrator.chat.values import AnswerEvent

RULE = "\x1b[38;2;217;103;78m│\x1b[0m"
DIM, PLAIN = "\x1b[2m", "\x1b[0m"
GUTTER_COLUMNS = 7
FIRST_COLUMN = GUTTER_COLUMNS + 1
"""Columns that the gutter, the rule and the blank behind it take."""
LIST_MARK, MAX_HANG = re.compile(r"[-*•]|\d{1,3}[.)]"), 8


@dataclass
class ChatPage:
    """Writes pieces of text beside the margin rule, whole words to a line. Colours only on a terminal."""

    out: TextIO = sys.stdout
    _column: int = 0
    _word: str = ""
    _spaces: str = ""
    """Blanks that stand before the next word, if it comes on the same line."""
    _hang: int | None = None
    """Columns by which a line that was broken goes on further in, below its list's words; None: nothing stands yet."""

    @property
    def fancy(self) -> bool:
        """Whether lines may be written over: on a terminal that can."""
        return can_write_over(self.out)

    @property
    def _colour(self) -> bool:
        return self.fancy and not os.environ.get("NO_COLOR")

    @property
    def prompt(self) -> str:
        """What stands before what the person types. The marks tell readline what takes no room."""
        rule = f"\x01\x1b[38;2;217;103;78m\x02│\x01{PLAIN}\x02" if self._colour else "│"
        return f"{datetime.now().astimezone():%H:%M} {rule} ".rjust(GUTTER_COLUMNS)

    def write(self, text: str) -> None:
        """A piece of an answer."""
        for char in printable_diff(text):
            if char == "\n":
                self._put_word()
                self._new_line()
            elif char == " ":
                self._put_word()
                self._spaces += char
            else:
                self._word += char
        self.out.flush()

    @contextmanager
    def sign_of_life(self) -> Iterator[SignOfLife]:
        """Something that ticks below what was said while nothing else is; gone at the end."""
        before = " " * (GUTTER_COLUMNS - 1) + "│ "
        sign = SignOfLife(out=self.out, shown=self.fancy, before=before, margin=self._margin())
        try:
            yield sign
        finally:
            sign.end()

    def end(self) -> None:
        """The answer is over."""
        self._put_word()
        if self._column:
            self.out.write("\n")
        self._column, self._spaces, self._hang = 0, "", None
        self.out.flush()

    def note(self, text: str) -> None:
        """Quiet words beside the rule: who answered, what a tool did."""
        from rich.cells import cell_len

        from orchestrator.cli.console import shifted, unbroken_lines

        self.end()
        dim, plain = (DIM, PLAIN) if self._colour else ("", "")
        columns = self._columns()
        room = columns - GUTTER_COLUMNS - 2
        for line in unbroken_lines(" ".join(text.split()), room):
            before = self._margin() if cell_len(line) <= room else ""
            words = line if before else shifted(line, GUTTER_COLUMNS + 2, columns)
            self.out.write(f"{before}{dim}{words}{plain}\n")
        self.out.flush()

    def _columns(self) -> int:
        """How wide it may be; into a pipe nothing is broken, unless it is to look like a terminal."""
        known = self.out.isatty() or bool(os.environ.get("FORCE_COLOR"))
        return max(20, shutil.get_terminal_size().columns) if known else sys.maxsize

    def _put_word(self) -> None:
        """A word, on a line of its own where it has no room; one that is longer than a line is broken, too."""
        word, self._word = self._word, ""
        if not word:
            return
        before, self._spaces = self._spaces, ""
        began = self._column > 0
        if began and self._column + len(before) + _cells(word) > self._columns():
            self._break()
        else:
            self._put(before)
        if self._hang is None:
            self._hang = min(len(before) + (len(word) + 1 if LIST_MARK.fullmatch(word) else 0), MAX_HANG)
        while _cells(word) > (room := self._columns() - max(self._column, FIRST_COLUMN)):
            piece = _beginning(word, room)
            self._put(piece)
            word = word[len(piece) :]
            self._break()
        self._put(word)

    def _put(self, text: str) -> None:
        if text and not self._column:
            self.out.write(self._margin())
            self._column = FIRST_COLUMN
        self.out.write(text)
        self._column += _cells(text)

    def _break(self) -> None:
        """The line goes on below, beside the rule."""
        self.out.write("\n")
        self._column = 0
        self._put(" " * (self._hang or 0))

    def _new_line(self) -> None:
        if not self._column:
            self.out.write(self._margin())
        self.out.write("\n")
        self._column, self._spaces, self._hang = 0, "", None

    def _margin(self) -> str:
        return " " * (GUTTER_COLUMNS - 1) + f"{RULE if self._colour else '│'} "


def _cells(text: str) -> int:
    """How many columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 0 if combining(char) else 1 for char in text)


def _beginning(word: str, room: int) -> str:
    """As much of a word as has room, at least one character."""
    end = 1
    while end < len(word) and _cells(word[: end + 1]) <= room:
        end += 1
    return word[:end]


def under_way(event: AnswerEvent) -> str:
    """What is done from this event on until the next one; "" where its words are already coming."""
    data = event.data
    if event.kind == "start":
        return f"thinking · {data['model']}"
    if event.kind == "tool":
        return f"using {data['tool']}" if data["state"] == "running" else "thinking"
    return "waiting" if event.kind == "position" else "thinking" if event.kind == "approval" else ""


def answer_footer(told: Mapping[str, Any]) -> str:
    """The line under an answer: who gave it, and what it took."""
    usage = told["usage"]
    first = usage["first_token_seconds"]
    if told["good_for"] == "ledger":
        return f"from the ledger at {told['node']}; no model was asked"
    who = str(told.get("answered_by") or "")
    parts = [
        *([who] if ", " in who else []),  # a persona; without one the node's name says it
        f"{told['model']}{' (a toy)' if told['good_for'] == 'toy' else ''} on {told['backend']} at {told['node']}",
        f"{usage['tokens_in']} tokens in, {usage['tokens_cached']} cached",
        f"{usage['tokens_out']} out",
        *([f"first word after {format_duration(first)}"] if first is not None else []),
        *([f"{len(told['cut'])} parts left out"] if told["cut"] else []),
        *([f"log entry {told['journal']}"] if told["journal"] else []),
        *({"length": ["ends at its token limit"], "cancelled": ["stopped"]}.get(told["finish"], [])),
    ]
    return " · ".join(parts)


def grounding_line(told: Mapping[str, Any]) -> str:
    """What the handoff bears out of an answer, in one line; empty where nothing was checked."""
    found = told.get("grounding") or {}
    if not found or told["good_for"] in ("ledger", "toy"):  # these say with each line where it stands
        return ""
    rest = " · ".join(f"“{one_line(text, 60)}”" for text in found["unsupported"])
    cites = f": {', '.join(found['citations'][:5])}" if found["citations"] else ""
    missing = f"; not in the handoff: {rest}" if rest else ""
    return f"{found['supported']} of {found['sentences']} sentences rest on the handoff{cites}{missing}"


def tool_line(data: Mapping[str, Any]) -> str:
    """One line for what a tool did."""
    arguments = " ".join(str(value) for value in data["arguments"].values() if isinstance(value, str | int))
    shown = one_line(arguments, 60)
    result = str(data.get("result", "")).strip().splitlines()
    last = f" · {result[-1][:60]}" if result else ""
    return f"{data['tool']} {shown} · {data['state']} · {format_duration(float(data.get('seconds', 0)))}{last}"
