"""The search tool: where in the workspace does a pattern stand?"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from orchestrator.chat.tools.paths import WorkspaceFiles
from orchestrator.chat.tools.tool import ToolResult, shorten_middle
from orchestrator.chat.tools.tool_arguments import ToolArguments
from orchestrator.core.ports.model import Stop
from sync.process import own_session

SEARCH_TIMEOUT_SECONDS = 20.0
MAX_MATCHES = 100
MAX_OUTPUT_BYTES = 1024 * 1024
MAX_FILE_BYTES = 1024 * 1024
"""Bytes of the largest file that is searched."""
RIPGREP_OPTIONS = (
    *("--no-config", "--no-messages", "--no-follow", "--hidden", "--glob=!.git", "--color=never", "--no-heading"),
    *("--line-number", "--with-filename", "--sort=path", "--max-columns=300", "--max-columns-preview"),
    f"--max-filesize={MAX_FILE_BYTES}",
)


class SearchArguments(ToolArguments):
    """`pattern` is a regular expression as ripgrep knows it; `path` a file or folder to look into."""

    pattern: str = Field(min_length=1, max_length=1000)
    path: str = "."


@dataclass(frozen=True, kw_only=True)
class SearchTool:
    """ripgrep, which honours .gitignore; where it is missing, Python, which finds plain text only."""

    place: WorkspaceFiles
    program: str = "rg"
    name: str = "search"
    says: str = "find lines in files by a regular expression: pattern, path"
    takes: type[ToolArguments] = SearchArguments

    def act(self, given: SearchArguments) -> str:
        """Always the same."""
        return self.name

    def use(self, given: SearchArguments, stop: Stop) -> ToolResult:
        """Matches as `path:line: text`. Raises OutOfPlace and Absent."""
        where = self.place.inside(given.path)
        program = shutil.which(self.program)
        return (
            self._with_ripgrep(program, given.pattern, where, stop)
            if program
            else self._plain(given.pattern, where, stop)
        )

    def _with_ripgrep(self, program: str, pattern: str, where: str, stop: Stop) -> ToolResult:
        words = [program, *RIPGREP_OPTIONS, f"--regexp={pattern}", "--", f"./{where}" if where != "." else "./"]
        clean = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = own_session.begin(
                lambda: subprocess.Popen(
                    words,
                    cwd=self.place.root,
                    env=clean,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            )
            whole = _wait_for_end(process, out.fileno(), stop)
            out.seek(0)
            err.seek(0)
            lines = out.read(MAX_OUTPUT_BYTES).decode("utf-8", "replace").splitlines()
            errors = err.read(2000).decode("utf-8", "replace").strip()
        if not lines and errors:
            return ToolResult(text=f"the pattern cannot be used: {errors.splitlines()[-1]}", ok=False)
        return _format_matches(lines[:MAX_MATCHES], len(lines) > MAX_MATCHES or not whole)

    def _plain(self, pattern: str, where: str, stop: Stop) -> ToolResult:
        """Plain text, not an expression: one of a model's could keep Python busy for ever."""
        found: list[str] = []
        over = time.monotonic() + SEARCH_TIMEOUT_SECONDS
        for path in _files(self.place.root, where):
            if stop.is_set() or time.monotonic() > over or len(found) > MAX_MATCHES:
                break
            found += self._matches(path, pattern)
        told = _format_matches(found[:MAX_MATCHES], len(found) > MAX_MATCHES)
        return ToolResult(text=f"{told.text}\n[ripgrep is not installed: searched for the plain text]")

    def _matches(self, path: str, pattern: str) -> Iterator[str]:
        data = self.place.read(path)
        if len(data) <= MAX_FILE_BYTES and b"\0" not in data[:8192]:
            for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
                if pattern in line:
                    yield f"./{_shown(path)}:{number}:{line[:300]}"


def _shown(path: str) -> str:
    """The path as text that can be written down, whatever bytes a command has named the file with."""
    return os.fsencode(path).decode("utf-8", "replace")


def _wait_for_end(process: subprocess.Popen[bytes], output: int, stop: Stop) -> bool:
    """Waits for the end; false when it was cut short by the time, by a stop, or by how much it had found."""
    over = time.monotonic() + SEARCH_TIMEOUT_SECONDS
    while process.poll() is None:
        if stop.wait(0.01) or time.monotonic() > over or os.fstat(output).st_size > MAX_OUTPUT_BYTES:
            process.kill()
            process.wait()
            return False
    return True


def _files(root: Path, where: str) -> Iterator[str]:
    top = root / where
    if top.is_file():
        yield where
        return
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if name != ".git")
        for path in (Path(folder, name) for name in sorted(names)):
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_FILE_BYTES:
                yield str(path.relative_to(root))


def _format_matches(lines: list[str], more: bool) -> ToolResult:
    if not lines:
        return ToolResult(text="nothing found")
    rows = "\n".join(line.removeprefix("./") for line in lines)
    return ToolResult(text=shorten_middle(rows) + (f"\n[the first {len(lines)} matches]" if more else ""))
