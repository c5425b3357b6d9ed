"""What would a repository on this machine run, if git served it as a project's server?

git's serving side follows the settings of the repository that is served: its hooks run, and programs that its settings
name, as whoever pushes. Everything here is told by reading; none of it is run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.execution.workspace.isolated_git import ISOLATED_GIT_ENV
from sync import files
from sync.errors import GitError
from sync.git import Git

WAYS = ("/.git", "", ".git/.git", ".git")
"""Where git looks for the repository at a path that it serves, in this order (git's `enter_repo`)."""
INERT_SETTINGS = re.compile(
    r"core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks"
    r"|sharedrepository|autocrlf|eol|safecrlf|quotepath|compression|loosecompression|bigfilethreshold|commitgraph"
    r"|hookspath|multipackindex|abbrev|checkstat|trustctime|untrackedcache|preloadindex|longpaths|fsync|fsyncmethod"
    r"|excludesfile|attributesfile|notesref|protectntfs|protecthfs|sparsecheckout|sparsecheckoutcone)"
    r"|extensions\.(objectformat|refstorage|worktreeconfig|preciousobjects|noop)"
    r"|remote\.(.*\.)?(fetch|push|mirror|prune|prunetags|tagopt|skipdefaultupdate|skipfetchall|pushdefault)"
    r"|branch\.(.*\.)?(remote|merge|rebase|pushremote|description|autosetupmerge|autosetuprebase|sort)"
    r"|(user|author|committer)\.(name|email|signingkey|useconfigonly)"
    r"|(advice|color|column|pull|push|fetch|rebase|log|status|index|init|feature|pack|repack|transfer|rerere|tag"
    r"|fsck|commitgraph|checkout|commit|http|protocol|gitweb|gui|receive|gc|uploadpack|maintenance|format|merge|diff)"
    r"\.[^.]+|submodule\.(.*\.)?(url|active|branch|ignore|path|recurse)|remote\..*\.(url|pushurl)"
)
"""Settings that name nothing to run. What is not among them may."""
NAMED_PROGRAMS = re.compile(
    r"receive\.procreceiverefs|gc\.recentobjectshook|uploadpack\.packobjectshook|diff\.external|gui\..*command"
)


UPDATES_FILES = "setting receive.denycurrentbranch"
"""How it is called that a push changes files of the repository's work tree, wherever that is said to be."""


@dataclass(frozen=True, kw_only=True)
class ServedRepository:
    """A repository on this machine. `runs` is what it brings along that could run, in words."""

    folder: Path
    runs: tuple[str, ...]
    beyond: tuple[str, ...] = ()
    """Those of its hooks that lie outside of it, where a sandbox does not show them."""
    tree: Path | None = None
    """Its work tree, where its owner lets a push bring that along, and it is the folder that holds the repository."""


def served_repository(url: str, seen_from: Path) -> ServedRepository | None:
    """The repository at an address, where that is a path; None for a server's address, or where none is there."""
    where = local_path(url)
    if where is None:
        return None
    top = seen_from / where
    for way in WAYS:
        place = Path(f"{top}{way}")
        try:
            git = Git(place.parent)
            words = (f"--git-dir={place}", "rev-parse", "--path-format=absolute", "--git-common-dir")
            folder = Path(os.fsdecode(git.run(*words, env=ISOLATED_GIT_ENV).removesuffix(b"\n"))).resolve()
            hooks = tuple(_hooks(_hooks_folder(place, folder)))
            beyond = tuple(f"hook {each}" for each in hooks if not _is_shown(each, folder))
            runs = (*(f"hook {each.name}" for each in hooks), *_programs(place))
            tree = folder.parent if UPDATES_FILES in runs and _is_tree_around(place, folder) else None
            return ServedRepository(folder=folder, runs=runs, beyond=beyond, tree=tree)
        except (GitError, OSError):
            continue
    return None


def local_path(url: str) -> Path | None:
    """An address as a path of this machine; None for one that leads to a server (git-clone(1), "GIT URLS")."""
    if url[:7].lower() == "file://":
        return Path("/", url[7:].partition("/")[2])
    colon = url.find(":")
    if colon >= 0 and "/" not in url[:colon]:
        return None
    return files.expand_home(url) if url.startswith("~") else Path(url)


def _hooks_folder(place: Path, folder: Path) -> Path:
    """Where its hooks lie; a path in its settings is taken as a hook sees it, from the repository's folder."""
    said = [value for key, value in _settings(place) if key == "core.hookspath"]
    return folder / files.expand_home(said[-1] if said else "hooks")


def _hooks(hooks: Path) -> Iterator[Path]:
    """What git would run as a hook: whatever in that folder may be executed and is no sample."""
    for each in sorted(hooks.iterdir()) if hooks.is_dir() else ():
        if not each.name.endswith(".sample") and not each.is_dir() and os.access(each, os.X_OK):
            yield each


def _is_tree_around(place: Path, folder: Path) -> bool:
    """Whether the work tree can only be the folder around the repository."""
    plain = place.resolve() == folder and folder.name == ".git"
    return plain and all(key != "core.worktree" for key, _ in _settings(place))


def _is_shown(hook: Path, folder: Path) -> bool:
    """Whether a sandbox that shows the repository shows the hook."""
    return hook.resolve().is_relative_to(folder) or hook.resolve().is_relative_to("/usr")


def _programs(place: Path) -> Iterator[str]:
    """Its settings that may name a program, as an address of the kind `ext::` does, or have a push write elsewhere."""
    for key, value in _settings(place):
        address = key.startswith("remote.") and "::" in value
        checkout = f"setting {key}" == UPDATES_FILES and value.casefold() == "updateinstead"
        if address or checkout or NAMED_PROGRAMS.fullmatch(key) or not INERT_SETTINGS.fullmatch(key):
            yield f"setting {key}"


def _settings(place: Path) -> Iterator[tuple[str, str]]:
    """The settings of the repository itself, and of what they include. git reads them and runs nothing."""
    out = Git(place.parent).run(f"--git-dir={place}", "config", "--list", "--show-scope", "-z", env=ISOLATED_GIT_ENV)
    words = out.decode("utf-8", "surrogateescape").split("\0")
    for scope, entry in zip(words[::2], words[1::2], strict=False):
        key, _, value = entry.partition("\n")
        if scope in {"local", "worktree"}:
            yield key, value
