"""How does a chat's page look in a terminal? Like the log book: the time in the gutter, the red rule, what was said."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

from missions.one_line import one_line
from orchestrator.core.time_text import format_duration
from orchestrator.workflow.approval.diff_view import printable_diff

RULE = "\x1b[38;2;217;103;78m│\x1b[0m"
DIM, PLAIN = "\x1b[2m", "\x1b[0m"
GUTTER_COLUMNS = 7


@dataclass
class ChatPage:
    """Writes pieces of text beside the margin rule, whole words to a line. Colours only on a terminal."""

    out: TextIO = sys.stdout
    _column: int = 0
    _word: str = ""

    @property
    def _colour(self) -> bool:
        return self.out.isatty()

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
                self._put(" ")
            else:
                self._word += char
        self.out.flush()

    def end(self) -> None:
        """The answer is over."""
        self._put_word()
        if self._column:
            self.out.write("\n")
        self._column = 0
        self.out.flush()

    def note(self, text: str) -> None:
        """A quiet line: who answered, what a tool did."""
        self.end()
        self.out.write(f"{self._margin()}{DIM if self._colour else ''}{text}{PLAIN if self._colour else ''}\n")
        self.out.flush()

    def _put_word(self) -> None:
        word, self._word = self._word, ""
        width = max(20, shutil.get_terminal_size().columns)
        if word and self._column > GUTTER_COLUMNS + 2 and self._column + len(word) > width:
            self._new_line()
        self._put(word)

    def _put(self, text: str) -> None:
        if text and not self._column:
            self.out.write(self._margin())
            self._column = GUTTER_COLUMNS + 2
        self.out.write(text)
        self._column += len(text)

    def _new_line(self) -> None:
        if not self._column:
            self.out.write(self._margin())
        self.out.write("\n")
        self._column = 0

    def _margin(self) -> str:
        return " " * (GUTTER_COLUMNS - 1) + f"{RULE if self._colour else '│'} "


def answer_footer(told: Mapping[str, Any]) -> str:
    """The line under an answer: who gave it, and what it took."""
    usage = told["usage"]
    first = usage["first_token_seconds"]
    parts = [
        f"{told['model']} on {told['backend']} at {told['node']}",
        f"{usage['tokens_in']} tokens in, {usage['tokens_cached']} cached",
        f"{usage['tokens_out']} out",
        *([f"first word after {format_duration(first)}"] if first is not None else []),
        *([f"{len(told['cut'])} parts left out"] if told["cut"] else []),
        *([f"log entry {told['journal']}"] if told["journal"] else []),
        *({"length": ["ends at its token limit"], "cancelled": ["stopped"]}.get(told["finish"], [])),
    ]
    return " · ".join(parts)


def tool_line(data: Mapping[str, Any]) -> str:
    """One line for what a tool did."""
    arguments = " ".join(str(value) for value in data["arguments"].values() if isinstance(value, str | int))
    shown = one_line(arguments, 60)
    result = str(data.get("result", "")).strip().splitlines()
    last = f" · {result[-1][:60]}" if result else ""
    return f"{data['tool']} {shown} · {data['state']} · {format_duration(float(data.get('seconds', 0)))}{last}"
