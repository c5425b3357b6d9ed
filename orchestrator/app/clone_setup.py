"""How is a person's clone of a ledger set up, so that plain git in it just works?"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from orchestrator.app.clone_signing import configure_signing
from orchestrator.app.identity import set_identity
from orchestrator.app.standing import BRANCH_KEY
from orchestrator.core.settings import Settings
from orchestrator.ledger import merge_driver
from sync.git import Git

HOOK_MARK = "# Written by shiftbook"
HOOK = f"""\
#!/bin/sh
{HOOK_MARK} init and join: looks at the ledger's files before they are pushed. `git push --no-verify` goes past it.
command -v {{python}} >/dev/null 2>&1 || exit 0
exec {{python}} -P -m orchestrator check --pushed {{branch}}
"""


def configure_clone(git: Git, folder: Path, settings: Settings, person: str, branch: str) -> list[str]:
    """Signing, the merge driver, pulls that keep what is not committed yet, the hook. Returns what was done, in words.

    Nothing that the person has set themselves is changed.
    """
    set_identity(git, person)
    configure_signing(git, folder, settings)
    git.config(
        {
            "pull.rebase": "true",
            "rebase.autoStash": "true",
            BRANCH_KEY: branch,
            # -P: the ledger's folder, where Git runs the driver, must not be where Python looks for modules
            **merge_driver.driver_settings(f"{shlex.quote(sys.executable)} -P -m orchestrator"),
        }
    )
    return _write_hook(git, folder, branch)


def _write_hook(git: Git, folder: Path, branch: str) -> list[str]:
    """The hook before a push, unless the person has one, or keeps hooks elsewhere."""
    scoped = git.text("config", "--show-scope", "--get-all", "core.hooksPath", codes=(0, 1)).splitlines()
    if any(not line.startswith("command") for line in scoped):  # ours stands on the command line
        return []
    path = folder / git.text("rev-parse", "--git-common-dir") / "hooks" / "pre-push"
    text = HOOK.format(python=shlex.quote(sys.executable), branch=shlex.quote(branch))
    there = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    if there == text or (there and HOOK_MARK not in there):
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return [] if there else ["git push in it looks at your files first (`shiftbook check`)"]
