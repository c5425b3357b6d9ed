"""What may a model ask of git in its workspace, and what may it commit there?

The git folder lies beside the work tree, where no command of the model can write; its settings are ours, no hook, no
filter, no external diff runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from orchestrator.chat.tools.paths import path_parts
from orchestrator.chat.tools.tool import ToolResult, shorten_middle
from orchestrator.chat.tools.tool_arguments import ToolArguments
from orchestrator.core.ports.model import Stop
from orchestrator.execution.workspace.git_tree import move_git_folders
from orchestrator.execution.workspace.isolated_git import ISOLATED_GIT_ENV
from sync.errors import GitError
from sync.git import Git

GIT_TIMEOUT_SECONDS = 60.0
MAX_OUTPUT_BYTES = 1024 * 1024
"""Of what git prints, so much is read: a command of the model's can make a file of gigabytes, and git tells it."""
_DIFF_OPTIONS = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=all")
GIT_COMMANDS: dict[str, tuple[str, ...]] = {
    "status": ("status", "--short", "--branch", "--ignore-submodules=all"),
    "diff": ("diff", *_DIFF_OPTIONS),
    "log": ("log", "--no-show-signature", "--format=%h %ad %an: %s", "--date=short", "-n", "50"),
    "show": ("show", "--no-show-signature", *_DIFF_OPTIONS),
    "blame": ("blame", "--date=short"),
    "files": ("ls-files",),
    "add": ("add", "--"),
    "commit": ("commit", "--quiet", "--no-verify", "--no-gpg-sign", "--cleanup=verbatim"),
}
CHANGING_VERBS = frozenset({"add", "commit"})
REVISION_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._/~^@{}-]{0,99}$"
"""A revision can begin with no dash, so that it is no option, and holds no colon and no range of paths."""


class GitArguments(ToolArguments):
    """`revision` is for log, diff, show and blame; `paths` are files or folders; `message` is for commit."""

    verb: Literal["status", "diff", "log", "show", "blame", "files", "add", "commit"]
    revision: str = Field("", pattern=rf"^$|{REVISION_PATTERN}")
    paths: list[str] = Field(default_factory=list, max_length=100)
    message: str = Field("", max_length=10_000)


@dataclass(frozen=True, kw_only=True)
class GitTool:
    """git with the verbs that read, and `add` and `commit`. `node` is who commits; `aside` takes embedded clones."""

    tree: Path
    folder: Path
    node: str
    name: str = "git"
    says: str = "ask git (status, diff, log, show, blame, files) or add and commit: verb, revision, paths, message"
    takes: type[ToolArguments] = GitArguments

    def act(self, given: GitArguments) -> str:
        """`git` and the verb."""
        return f"{self.name} {given.verb}"

    def use(self, given: GitArguments, stop: Stop) -> ToolResult:
        """What git printed. Raises OutOfPlace."""
        if given.verb in CHANGING_VERBS:
            move_git_folders(self.tree, self.folder.parent / "embedded")
        try:
            out, more = self._git(self._words(given), given.message, stop)
        except GitError as error:
            return ToolResult(text=shorten_middle(str(error)), ok=False)
        text = shorten_middle(out.decode("utf-8", "replace").rstrip()) or "done, nothing to show"
        text += f"\n[more was printed than {MAX_OUTPUT_BYTES:,} bytes: ask for fewer files]" if more else ""
        return ToolResult(text=text, changed=given.verb in CHANGING_VERBS)

    def _words(self, given: GitArguments) -> Sequence[str]:
        paths = [f":(literal){'/'.join(path_parts(path))}" for path in given.paths]
        if given.verb == "add":
            return [*GIT_COMMANDS["add"], *(paths or ["."])]
        if given.verb == "commit":
            return [*GIT_COMMANDS["commit"], "--file=-"]
        if given.verb == "blame":  # the one verb that wants a plain path
            paths = ["/".join(path_parts(path)) for path in given.paths]
        revision = [given.revision] if given.revision and given.verb not in ("status", "files") else []
        return [*GIT_COMMANDS[given.verb], *revision, "--", *paths]

    def _git(self, words: Sequence[str], stdin: str, stop: Stop) -> tuple[bytes, bool]:
        where = (f"--git-dir={self.folder}", f"--work-tree={self.tree}", "--no-pager", "--no-optional-locks")
        who = {"NAME": self.node, "EMAIL": f"{self.node}@shiftbook.invalid"}
        author = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
        return Git(self.tree).beginning(
            *where,
            *words,
            roof=MAX_OUTPUT_BYTES,
            stdin=stdin.encode(),
            timeout=GIT_TIMEOUT_SECONDS,
            env={**ISOLATED_GIT_ENV, **author},
            stopped=stop.is_set,
        )
