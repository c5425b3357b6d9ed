"""Which program do the hook and the merge driver of a person's clone start, and is that this one?"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.ledger import merge_driver
from sync.git import Git

HOOK_MARK = "# Written by shiftbook"
HOOK = f"""\
#!/bin/sh
{HOOK_MARK} init and join: looks at the ledger's files before they are pushed. `git push --no-verify` goes past it.
command -v {{python}} >/dev/null 2>&1 || exit 0
exec {{python}} -P -m orchestrator check --pushed {{branch}}
"""
DRIVER_KEY = f"merge.{merge_driver.DRIVER_NAME}.driver"
ELSEWHERE, OLDER = "which is not this program", "another version of this program wrote it"
DRIVER_WORDS, HOOK_WORDS = "merge driver", "pre-push hook"


@dataclass(frozen=True, kw_only=True)
class CloneProgram:
    """One thing of a clone that starts Shiftbook. `wrong` is empty where it starts this one; `own`: the person's."""

    what: str
    wrong: str = ""
    own: str = ""

    @property
    def works(self) -> bool:
        """Whether what it starts is there: then another version does it, and nothing is left undone."""
        return not self.wrong or self.wrong.endswith((ELSEWHERE, OLDER))


def driver_command() -> str:
    """What runs this program for Git, quoted for a shell."""
    # -P: the ledger's folder, where Git runs the driver, must not be where Python looks for modules
    return f"{shlex.quote(sys.executable)} -P -m orchestrator"


def hook_text(branch: str) -> str:
    """The hook before a push of the ledger's branch."""
    return HOOK.format(python=shlex.quote(sys.executable), branch=shlex.quote(branch))


def hook_path(git: Git, folder: Path) -> Path | None:
    """Where the hook of the clone stands; None where the person keeps hooks elsewhere."""
    scoped = git.text("config", "--show-scope", "--get-all", "core.hooksPath", codes=(0, 1)).splitlines()
    if any(not line.startswith("command") for line in scoped):  # ours stands on the command line
        return None
    return folder / git.text("rev-parse", "--git-common-dir") / "hooks" / "pre-push"


def read_hook(path: Path) -> str:
    """What stands there; empty where there is none."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def clone_programs(git: Git, folder: Path, branch: str) -> Iterator[CloneProgram]:
    """How the hook and the merge driver of a clone stand."""
    yield CloneProgram(what=DRIVER_WORDS, wrong=driver_trouble(git))
    path = hook_path(git, folder)
    text = read_hook(path) if path else ""
    if path is None:
        yield CloneProgram(what=HOOK_WORDS, own="your hooks are kept elsewhere (core.hooksPath)")
    elif text and HOOK_MARK not in text:
        yield CloneProgram(what=HOOK_WORDS, own="there is one of your own")
    else:
        yield CloneProgram(what=HOOK_WORDS, wrong=hook_trouble(path, branch))


def driver_trouble(git: Git) -> str:
    """What is wrong with the merge driver, in words; empty where it starts this program."""
    said = git.text("config", "--get", DRIVER_KEY, codes=(0, 1))
    if said == merge_driver.driver_settings(driver_command())[DRIVER_KEY]:
        return ""
    return _trouble(said.partition(" merge-file ")[0])


def hook_trouble(path: Path, branch: str) -> str:
    """What is wrong with a hook of ours, in words; empty where it starts this program."""
    text = read_hook(path)
    if text == hook_text(branch) and not path.stat().st_mode & 0o100:
        return "it is not executable, and git passes over it"
    if text == hook_text(branch):
        return ""
    _, exec_word, rest = text.rpartition("\nexec ")
    return _trouble(rest.partition("\n")[0] if exec_word or not text else sys.executable)


def _trouble(command: str) -> str:
    """Why a command that is not this program's is wrong."""
    if not command.strip():
        return "there is none"
    try:
        program = shlex.split(command)[0]
    except ValueError:
        return "it cannot be read"
    if program == sys.executable:
        return OLDER
    if shutil.which(program) is None:
        return f"it starts {program}, which is gone"
    return f"it starts {program}, {ELSEWHERE}"
