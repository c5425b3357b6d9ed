"""How does a model read and write files of its workspace?"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from orchestrator.chat.tools.paths import WorkspaceFiles
from orchestrator.chat.tools.tool import ToolResult, shorten_middle
from orchestrator.chat.tools.tool_arguments import ToolArguments
from orchestrator.core.ports.model import Stop

MAX_READ_LINES = 400
"""Lines that one reading gives at most."""


class ReadArguments(ToolArguments):
    """`first` is the first line, counted from 1."""

    path: str = Field(max_length=4096)
    first: int = Field(1, ge=1)
    lines: int = Field(MAX_READ_LINES, ge=1, le=MAX_READ_LINES)


@dataclass(frozen=True, kw_only=True)
class ReadTool:
    """Shows a text file with line numbers."""

    place: WorkspaceFiles
    name: str = "read"
    says: str = "read a text file: path, first line, number of lines"
    takes: type[ToolArguments] = ReadArguments

    def act(self, given: ReadArguments) -> str:
        """Always the same."""
        return self.name

    def use(self, given: ReadArguments, stop: Stop) -> ToolResult:
        """The lines. Raises OutOfPlace and Absent."""
        data = self.place.read(given.path)
        if b"\0" in data[:8192]:
            return ToolResult(text=f"this is not text: {len(data):,} bytes", ok=False)
        lines = data.decode("utf-8", "replace").splitlines()
        shown = lines[given.first - 1 : given.first - 1 + given.lines]
        rows = "\n".join(f"{given.first + number}: {line}" for number, line in enumerate(shown))
        return ToolResult(text=shorten_middle(rows) + f"\n[{len(shown)} of {len(lines)} lines]")


class WriteArguments(ToolArguments):
    """`content` is the whole file; with `old`, the one place where that text stands is replaced by it."""

    path: str = Field(max_length=4096)
    content: str
    old: str = ""


@dataclass(frozen=True, kw_only=True)
class WriteTool:
    """Writes a file whole, or replaces one passage of it."""

    place: WorkspaceFiles
    name: str = "write"
    says: str = "write a file: path and content; with old, only that passage is replaced by content"
    takes: type[ToolArguments] = WriteArguments

    def act(self, given: WriteArguments) -> str:
        """Always the same."""
        return self.name

    def use(self, given: WriteArguments, stop: Stop) -> ToolResult:
        """What was written. Raises OutOfPlace and Absent."""
        text = given.content
        if given.old:
            try:
                before = self.place.read(given.path).decode("utf-8")
            except UnicodeDecodeError:
                return ToolResult(text="the file is not UTF-8 text: no passage of it can be replaced", ok=False)
            if (times := before.count(given.old)) != 1:
                return ToolResult(
                    text=f"the passage stands there {times} times: give one that stands there once", ok=False
                )
            text = before.replace(given.old, given.content)
        new = self.place.write(given.path, text.encode())
        return ToolResult(text=f"{'new' if new else 'changed'}: {len(text.splitlines())} lines", changed=True)
