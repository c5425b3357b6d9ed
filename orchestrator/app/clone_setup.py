"""How is a person's clone of a ledger set up, so that plain git in it just works?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.app.clone_programs import (
    DRIVER_KEY,
    DRIVER_WORDS,
    HOOK_MARK,
    HOOK_WORDS,
    driver_command,
    driver_trouble,
    hook_path,
    hook_text,
    hook_trouble,
    read_hook,
)
from orchestrator.app.clone_signing import configure_signing
from orchestrator.app.identity import set_identity
from orchestrator.app.standing import BRANCH_KEY
from orchestrator.core.settings import Settings
from orchestrator.ledger import merge_driver
from sync.git import Git

PLAIN_GIT = {"push.default": "simple", "push.gpgSign": "false", "pull.ff": "true"}
"""What a plain `git push` and `git pull` in the clone need, where a person's own settings ask for a ref's name, or for
a signed push, which few servers take, or refuse to pull where others have gone on: git looks at `pull.ff` first."""


@dataclass(frozen=True, kw_only=True)
class CloneChanges:
    """What was done in a clone, in words: `done` for the first time, `mended` in one that was set up before."""

    done: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()


def configure_clone(git: Git, folder: Path, settings: Settings, person: str, branch: str) -> CloneChanges:
    """Signing, the merge driver, pulls that keep what is not committed yet, the hook.

    Nothing that the person has set themselves in this clone is changed.
    """
    before = git.own_settings()
    driver = driver_trouble(git)
    set_identity(git, person)
    configure_signing(git, folder, settings)
    git.config(
        {
            **{key: value for key, value in PLAIN_GIT.items() if key.lower() not in before},
            "pull.rebase": "true",
            "rebase.autoStash": "true",
            BRANCH_KEY: branch,
            **merge_driver.driver_settings(driver_command()),
        }
    )
    written = _write_hook(git, folder, branch)
    if BRANCH_KEY.lower() not in before:  # nobody has set it up yet
        return CloneChanges(done=("git push in it looks at your files first (`shiftbook check`)",) if written else ())
    mended = [f"mended the {DRIVER_WORDS}: {driver}"] if driver else []
    mended += [f"mended the {HOOK_WORDS}: {written}"] if written else []
    return CloneChanges(mended=(*mended, *_changed_settings(git, before)))


def _changed_settings(git: Git, before: dict[str, str]) -> list[str]:
    """Which settings are others now, in words; the merge driver and who the person is are told elsewhere."""
    told = (DRIVER_KEY.rpartition(".")[0], "user.name", "user.email")
    changed = {key: value for key, value in git.own_settings().items() if before.get(key) != value}
    return [
        f"mended git's setting {key}: it was {before.get(key, 'not there')}"
        for key in changed
        if not key.startswith(told)
    ]


def _write_hook(git: Git, folder: Path, branch: str) -> str:
    """The hook before a push, unless the person has one, or keeps hooks elsewhere. Why it was written; empty if not."""
    path = hook_path(git, folder)
    if path is None:
        return ""
    there = read_hook(path)
    why = "" if there and HOOK_MARK not in there else hook_trouble(path, branch)
    if why:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(hook_text(branch), encoding="utf-8")
        path.chmod(0o755)
    return why
