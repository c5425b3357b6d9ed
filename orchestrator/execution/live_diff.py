"""What has a running attempt changed so far? Its live diff, for which nothing in its tree is touched."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from handoff.secrets.redact import redact
from missions.live_view import MAX_DIFF_BYTES, DiffSoFar
from missions.one_line import printable
from orchestrator.execution.workspace.agents_md import AGENTS, CLAUDE
from orchestrator.execution.workspace.git_tree import count_changes
from orchestrator.execution.workspace.isolated_git import IsolatedGit
from sync.errors import GitError

DIFF_SECONDS = 5.0
"""Seconds that git gets to look at a tree in which somebody works."""
READ_BYTES = 8 * MAX_DIFF_BYTES
"""Bytes of the diff that are read of it, so that what is shown is redacted together with what follows."""
WORDS_OF_A_FILE = 3
"""Of each file the table has its modes, its name, and its lines with its name."""


def diff_so_far(folder: Path) -> DiffSoFar | None:
    """What an attempt has changed by now, redacted; None where it has no project or git cannot say.

    It only looks: nothing in the tree or beside it is written, and what is a repository of its own is passed over.
    The files that hold the handoff while an agent works are left out.
    """
    if not (folder / "git").is_dir():
        return None
    base = "HEAD"  # where the attempt's branch starts, until its work is committed
    git = IsolatedGit(folder=folder / "git", tree=folder / "tree", env={"GIT_OPTIONAL_LOCKS": "0"})
    over = time.monotonic() + DIFF_SECONDS
    paths = ("--", ".", f":(exclude){AGENTS}", f":(exclude){CLAUDE}")
    how = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "--no-renames", "--no-color")
    try:
        table = git.run("diff", *how, "--raw", "--numstat", "-z", "--abbrev=40", base, *paths, stopped=_past(over))
        text = git.beginning("diff", *how, base, *paths, roof=READ_BYTES, stopped=_past(over))
        new = git.run("ls-files", "--others", "--exclude-standard", "-z", *paths, stopped=_past(over))
    except (GitError, OSError):
        return None
    names = [name.decode("utf-8", "replace") for name in new.split(b"\0") if name]
    stat = count_changes(table)
    changed = table.count(b"\0") // WORDS_OF_A_FILE
    told = redact(text.decode("utf-8", "replace") + _new_files(names)).text
    shown = told.encode("utf-8", "replace")[:MAX_DIFF_BYTES].decode("utf-8", "ignore")
    return DiffSoFar(
        files=changed + len(names), added=stat.added, removed=stat.removed, text=shown, cut=len(shown) < len(told)
    )


def _past(over: float) -> Callable[[], bool]:
    return lambda: time.monotonic() > over


def _new_files(names: list[str]) -> str:
    return "".join(f"new file: {printable(name)}\n" for name in names[:100])
