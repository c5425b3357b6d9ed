"""Is a plain `git commit` in a person's clone signed with the key that this machine made, and what is in the way?"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.settings import Settings
from orchestrator.ledger.trust.files import SIGNERS_PATH
from sync.errors import GitError
from sync.git import Git
from sync.objects import read_commit
from sync.signatures import Key, signing_key
from sync.worktree import NO_PROMPT_ENVIRONMENT

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""Git knows this tree in every repository, also in one that has no commit yet."""
FALSE = frozenset({"", "false", "no", "off", "0"})


def signing_settings(settings: Settings) -> dict[str, str]:
    """What a clone must say for itself. A person's own settings hold for all that they sign elsewhere: another format,
    and a program (a password manager's) that knows its own keys only."""
    return {
        "commit.gpgsign": "true",
        "gpg.format": "ssh",
        "gpg.ssh.program": "ssh-keygen",
        "user.signingkey": str(settings.home / "keys" / "person.pub"),
    }


def configure_signing(git: Git, folder: Path, settings: Settings) -> None:
    """Sets this one clone up so that a plain `git commit` is signed with the person's key."""
    git.config({**signing_settings(settings), "gpg.ssh.allowedSignersFile": str(folder / SIGNERS_PATH)})


@dataclass(frozen=True, kw_only=True)
class SigningTrial:
    """What came of signing something to try in a clone. `wrong` is empty where the person's key signed it."""

    folder: Path
    wrong: str = ""
    remedy: str = ""


def ledger_clones(settings: Settings, here: Path) -> Iterator[Path]:
    """The person's clones of this machine's ledger that are known: the folder that is watched, and the one around
    `here`."""
    found = (_clone_of(settings.ledger, folder) for folder in (settings.watch, here) if folder and folder.is_dir())
    yield from dict.fromkeys(folder for folder in found if folder)


def _clone_of(ledger: str, folder: Path) -> Path | None:
    try:
        top = Path(Git(folder).text("rev-parse", "--show-toplevel"))
        origin = Git(folder).text("remote", "get-url", "origin", codes=(0, 2))
    except GitError:
        return None
    return top if origin == ledger else None


def try_signing(folder: Path, settings: Settings) -> SigningTrial:
    """Signs a commit that nobody keeps, as `git commit` would in this clone."""
    git, wanted = Git(folder, as_person=True), signing_settings(settings)
    kind = ("--type=bool",)
    if git.text("config", *kind, "--get", "commit.gpgSign", codes=range(256)) in FALSE:
        return _trial(folder, "commits are not signed here, and unsigned missions wait", {"commit.gpgsign": "true"})
    why = _why_unsigned(git, settings)
    if not why:
        return SigningTrial(folder=folder)
    differing = {key: value for key, value in wanted.items() if _setting(git, key) != value}
    culprit = next((key for key in differing if not _why_unsigned(git, settings, {key: wanted[key]})), "")
    if culprit:
        differing = {culprit: wanted[culprit]}
    elif _why_unsigned(git, settings, wanted):
        differing = {}  # these settings are not to blame
    said = "; ".join(f"{key} is “{_setting(git, key)}”" for key in differing)
    return _trial(folder, f"{why}: {said}" if said else why, differing)


def _trial(folder: Path, wrong: str, settings: Mapping[str, str]) -> SigningTrial:
    place = shlex.quote(str(folder))
    lines = [f"git -C {place} config {key} {shlex.quote(value)}" for key, value in settings.items()]
    remedy = f"run: `{' && '.join(lines)}`" if lines else "see to that the key in the home folder's keys/ can be read"
    return SigningTrial(folder=folder, wrong=wrong, remedy=remedy)


def _setting(git: Git, key: str) -> str:
    return git.text("config", "--get", key, codes=(0, 1))


def _why_unsigned(git: Git, settings: Settings, changed: Mapping[str, str] | None = None) -> str:
    """Why a commit is not signed with the person's key, in words; empty where it is. `changed` settings hold for it."""
    words = [word for key, value in (changed or {}).items() for word in ("-c", f"{key}={value}")]
    with tempfile.TemporaryDirectory(prefix="shiftbook-") as objects:  # what is made to try is nobody's to keep
        env = {"GIT_OBJECT_DIRECTORY": objects, **NO_PROMPT_ENVIRONMENT}
        try:
            made = git.run(*words, "commit-tree", "-S", "-m", "to try", EMPTY_TREE, env=env).decode().strip()
        except GitError as error:
            return f"git cannot sign here ({' '.join(error.stderr.split())[:300]})"
        signed = read_commit(git.run("cat-file", "commit", made, env=env)).signature
    mine = Key(settings.home / "keys" / "person").public
    return "" if signed and signing_key(signed) == mine else "a commit here is signed with another key than yours"
