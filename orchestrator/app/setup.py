"""The setup of a ledger: how is one made, and how does a person or a machine join one?

Both steps may be repeated at any time: what is there already is left as it is.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.app import ledger_templates
from orchestrator.app.identity import ensure_keys, person_name
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.core.settings import Settings
from orchestrator.ledger import merge_driver
from orchestrator.ledger.trust_files import SIGNERS_PATH
from orchestrator.ledger.trust_pins import TrustPins
from sync.errors import GitError
from sync.git import Git, bearer_environment
from sync.signatures import Key, Principal, read_signers


@dataclass(frozen=True, kw_only=True)
class LedgerSetup:
    """What init or join made. `done` lists what changed, in words; empty when everything was there already."""

    folder: Path
    remote: str
    branch: str
    person: str
    done: tuple[str, ...]
    known: bool
    """Whether the person's key is listed, so that missions they push will run."""
    line: str
    """The person's line for `allowed_signers`."""


def init(folder: Path, settings: Settings, *, remote: str = "") -> LedgerSetup:
    """Makes a ledger in `folder`, or completes the one that is there. Raises WrongSetting and GitError."""
    folder = folder.absolute()
    done: list[str] = []
    folder.mkdir(parents=True, exist_ok=True)
    git = Git(folder)
    if not (folder / ".git").exists():
        git.run("init", "--quiet", "--initial-branch=main", ".")
        done.append(f"made the repository {folder}")
    branch = git.text("symbolic-ref", "--short", "HEAD")
    _without_password(remote)
    url = _remote(git, folder, remote, branch, done)
    git = Git(folder, env=bearer_environment(url, settings.git_token.get_secret_value()))
    person = person_name(git)
    mine, node = ensure_keys(settings, person)
    _configure_signing(git, folder, settings, person)
    _merge_remote_branch(git, branch)
    wanted = _files_to_write(folder, (person, mine), (settings.node, node))
    for path, text in wanted.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
        done.append(f"wrote {path}")
    if wanted:
        git.run("add", "--", *wanted)
        git.run("commit", "--quiet", "-S", "-m", "Shiftbook: the ledger's files", "--", *wanted)
    if _unpushed(git, branch):
        git.run("push", "--quiet", "--no-verify", "--set-upstream", "origin", branch)
        done.append(f"pushed {branch} to {url}")
    done += _write_environment_file(settings, url, branch)
    TrustPins(path=settings.home / "pin.json", ledger=url).anchor(git.text("rev-parse", "HEAD"))
    return _setup_result(folder, url, branch, person, mine, done)


def join(url: str, folder: Path, settings: Settings) -> LedgerSetup:
    """Clones a ledger for a person, with signing set up. Raises NotFound when there is none, and GitError."""
    folder = folder.absolute()
    done: list[str] = []
    if not (folder / ".git").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        _without_password(url)
        shown = bearer_environment(url, settings.git_token.get_secret_value())
        Git(folder.parent, env=shown).run("clone", "--quiet", "--", url, str(folder))
        done.append(f"cloned {url} into {folder}")
    git = Git(folder)
    if not (folder / "fleet.toml").exists():
        raise NotFound(f"{url} is not a ledger: it has no fleet.toml. Make one with `shiftbook init {folder}`")
    branch = git.text("symbolic-ref", "--short", "HEAD")
    origin = git.text("remote", "get-url", "origin")
    person = person_name(git)
    mine, _ = ensure_keys(settings, person)
    _configure_signing(git, folder, settings, person)
    done += _write_environment_file(settings, origin, branch)
    TrustPins(path=settings.home / "pin.json", ledger=origin).anchor(git.text("rev-parse", "HEAD"))
    return _setup_result(folder, origin, branch, person, mine, done)


def _without_password(url: str) -> None:
    """Raises WrongSetting for a URL that holds a password: git would write it into the clone's settings."""
    if re.match(r"https?://[^/@]*:[^/@]+@", url):
        raise WrongSetting(
            "URL", "it holds a password; leave it out, and set SHIFTBOOK_GIT_TOKEN or use git's credential helper"
        )


def _remote(git: Git, folder: Path, wanted: str, branch: str, done: list[str]) -> str:
    """The URL that the ledger is shared through: what was asked for, what is there, or a bare repository beside it."""
    here = git.text("remote", "get-url", "origin", codes=(0, 2))
    if here and wanted and here != wanted:
        raise WrongSetting("--remote", f"this repository has the remote {here} already; change it with git, then again")
    if here:
        return here
    url = wanted or str(folder.with_name(folder.name + ".git"))
    if not wanted and not Path(url).exists():
        git.run("init", "--quiet", "--bare", f"--initial-branch={branch}", "--", url)
        done.append(f"made the shared repository {url}")
    git.run("remote", "add", "origin", url)
    return url


def _configure_signing(git: Git, folder: Path, settings: Settings, person: str) -> None:
    """Sets this one clone up so that a plain `git commit` is signed with the person's key."""
    identity = {"user.name": person, "user.email": f"{person}@shiftbook.invalid"}
    missing = {key: value for key, value in identity.items() if not git.text("config", "--get", key, codes=(0, 1))}
    git.config(
        {
            **missing,
            "gpg.format": "ssh",
            "user.signingkey": str(settings.home / "keys" / "person.pub"),
            "commit.gpgsign": "true",
            "gpg.ssh.allowedSignersFile": str(folder / SIGNERS_PATH),
            "pull.rebase": "true",
            # -P: the ledger's folder, where Git runs the driver, must not be where Python looks for modules
            **merge_driver.driver_settings(f"{shlex.quote(sys.executable)} -P -m orchestrator"),
        }
    )


def _merge_remote_branch(git: Git, branch: str) -> None:
    """Takes in what the remote has already: a ledger that somebody else made there must not be forked."""
    try:
        git.run("fetch", "--quiet", "origin")
    except GitError:
        return  # an empty or a new remote; the push will tell if it cannot be reached
    theirs = git.refs(f"refs/remotes/origin/{branch}")
    if theirs and not git.refs(f"refs/heads/{branch}"):
        git.run("checkout", "--quiet", "-B", branch, f"origin/{branch}")
    elif theirs:
        git.run("merge", "--quiet", "--ff-only", f"origin/{branch}", codes=(0, 1, 128))


def _files_to_write(folder: Path, person: tuple[str, Key], node: tuple[str, Key]) -> dict[str, str]:
    """The ledger's files that are missing or must be completed, with their text."""
    files = {
        path: text for path, text in ledger_templates.ledger_files(folder.name).items() if not (folder / path).exists()
    }
    attributes = folder / ".gitattributes"
    there = attributes.read_text(encoding="utf-8") if attributes.exists() else ""
    if f"merge={merge_driver.DRIVER_NAME}" not in there:
        files[".gitattributes"] = there + ("\n" if there and not there.endswith("\n") else "") + merge_driver.ATTRIBUTES
    path = folder / SIGNERS_PATH
    before = path.read_text(encoding="utf-8") if path.exists() else ledger_templates.SIGNERS
    if not path.exists():  # later lines are added by `shiftbook fleet admit`, in the open
        lines = [
            Principal(name=person[0], roles=frozenset({"admin", "author"}), key=person[1].public).line,
            Principal(name=node[0], roles=frozenset({"node"}), key=node[1].public).line,
        ]
        files[SIGNERS_PATH] = before + "".join(line + "\n" for line in lines)
    return files


def _unpushed(git: Git, branch: str) -> bool:
    refs: Mapping[str, str] = git.refs(f"refs/heads/{branch}", f"refs/remotes/origin/{branch}")
    return refs.get(f"refs/heads/{branch}") != refs.get(f"refs/remotes/origin/{branch}")


def _write_environment_file(settings: Settings, url: str, branch: str) -> list[str]:
    """Writes into the home folder's `.env` which ledger this machine works for, unless it says so already."""
    path = settings.home / ".env"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    wanted = {"SHIFTBOOK_LEDGER": url} | ({"SHIFTBOOK_BRANCH": branch} if branch != "main" else {})
    lines = [f"{key}={value}" for key, value in wanted.items() if f"{key}=" not in before]
    if not lines:
        return []
    settings.home.mkdir(parents=True, exist_ok=True)
    path.write_text(before + "\n".join(lines) + "\n", encoding="utf-8")
    return [f"this machine's node works for {url} ({path})"]


def _setup_result(folder: Path, url: str, branch: str, person: str, key: Key, done: list[str]) -> LedgerSetup:
    signers = read_signers((folder / SIGNERS_PATH).read_text(encoding="utf-8"))
    listed = signers.get(key.public)
    name = listed.name if listed else person
    line = Principal(name=name, roles=frozenset({"author"}), key=key.public).line
    known = listed is not None and bool(listed.roles & {"author", "admin"})
    return LedgerSetup(folder=folder, remote=url, branch=branch, person=name, done=tuple(done), known=known, line=line)
