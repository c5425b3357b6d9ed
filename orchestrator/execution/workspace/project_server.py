"""How are branches fetched from a project's server, and pushed there?

With the person's own settings, which know how to reach it. A repository on this machine is served by git with *its*
settings, as this node's user: it runs nothing of its own on the host. One that brings nothing along is pushed to with
all hooks off. One that has hooks, or settings that may name a program, takes the push in the sandbox, where it can
write itself and nothing else, so that a hook that refuses is respected. `trust_hooks` in fleet.toml is a person's word
that it may run as they would.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.errors import Refused
from orchestrator.core.ports.agent import Project
from orchestrator.core.ports.sandbox import Confinement, Sandbox
from orchestrator.execution.workspace.project_trouble import SHALLOW_WARNING, lasting_trouble
from orchestrator.execution.workspace.served_repository import (
    UPDATES_FILES,
    ServedRepository,
    local_path,
    served_repository,
)
from sync.errors import GitError
from sync.git import Git, receive_pack
from sync.refs.growing_fetch import bring

FETCH_SILENCE_SECONDS = 1800.0
"""Seconds in which nothing comes: a server may count for so long what a large project has."""
PUSH_TIMEOUT_SECONDS = 120.0
NO_LAZY_FETCH = {"GIT_NO_LAZY_FETCH": "1"}
"""git-upload-pack(1) runs nothing of an untrusted repository, but what fetches objects that a partial clone lacks."""
AS_PACK = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "fetch.unpackLimit",
    "GIT_CONFIG_VALUE_0": "1",
}
"""For a first fetch: of fewer than 100 objects git else packs each anew, as a file of its own, which takes three times
as long for 1 GB. Later ones keep git's limit, as each would else leave a pack."""
QUIET_SETTINGS = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("receive.autogc", "false"),
    ("receive.updateServerInfo", "false"),
)
CONFINED_SETTINGS = (("safe.directory", "*"), ("gc.auto", "0"), ("maintenance.auto", "false"))
"""In the sandbox whoever a repository belongs to may run what it brings along."""
MAX_NAMED = 3
MAX_TIPS_BYTES = 8 * 1024 * 1024
SHA256_DIGITS = 64


@dataclass(frozen=True, kw_only=True)
class ProjectServer:
    """Where a project's branches are. `sandbox` confines what a repository on this machine runs; None: nothing does."""

    project: Project
    sandbox: Sandbox | None = None

    def fetch(
        self,
        folder: Path,
        ref: str,
        *options: str,
        silence: float = FETCH_SILENCE_SECONDS,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Brings a ref, given as `+from:to`, into the repository in a folder, as long as something comes at least every
        `silence` seconds. Raises GitError; also for a shallow one, whose refs git else leaves as they were.
        """
        words = ("fetch", "--no-write-fetch-head", "--no-recurse-submodules", *options, "--")
        first = not any((folder / "objects" / "pack").glob("*.pack"))
        env = {**NO_LAZY_FETCH, **(AS_PACK if first else {})}
        objects = folder / "objects"
        line = (*words, self.project.url, ref)
        _, said = bring(Git(folder), *line, objects=objects, silence=silence, env=env, stopped=stopped, ours=True)
        if SHALLOW_WARNING in said:
            raise GitError(words, 0, said)

    def tip(self, folder: Path, branch: str, *, timeout: float = PUSH_TIMEOUT_SECONDS) -> str:
        """The commit of one of its branches; "" where there is none. Raises GitError."""
        words = ("ls-remote", "--", self.project.url, f"refs/heads/{branch}")
        found = Git(folder).run(*words, timeout=timeout, env=NO_LAZY_FETCH).split()
        return found[0].decode() if found else ""

    def tips(self, folder: Path, pattern: str, *, timeout: float = PUSH_TIMEOUT_SECONDS) -> dict[str, str]:
        """The commits of its refs that a pattern of git's fits, the first MAX_TIPS_BYTES of them. Raises GitError."""
        words = ("ls-remote", "--", self.project.url, pattern)
        rows, _ = Git(folder).beginning(*words, roof=MAX_TIPS_BYTES, timeout=timeout, env=NO_LAZY_FETCH)
        pairs = (line.split("\t") for line in rows.decode("utf-8", "replace").splitlines())
        return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}

    def trouble(self, folder: Path, *, timeout: float) -> str:
        """Why no attempt could work on the project, as far as asking its server tells; "" where nothing is known."""
        try:
            tip = self.tip(folder, self.project.branch, timeout=timeout)
        except GitError as error:
            return without_password(lasting_trouble(self.project, error) or str(error))
        there = served_repository(self.project.url, folder)
        said = SHALLOW_WARNING if there and (there.folder / "shallow").exists() else ""
        said = said or ("" if tip else "couldn't find remote ref") or ("sha256" if len(tip) == SHA256_DIGITS else "")
        return lasting_trouble(self.project, GitError(("ls-remote",), 0, said)) if said else ""

    def push(
        self,
        folder: Path,
        commit: str,
        branch: str,
        *,
        expect: str | None = None,
        options: tuple[str, ...] = (),
        stopped: Callable[[], bool] | None = None,
    ) -> str:
        """Makes a commit of the repository in a folder a branch, if that is what is `expect`ed ("": not there).

        Nothing is ever forced without that word. Returns what the server said beside it. Raises GitError, and Refused
        where it would run what nothing confines.
        """
        ref = f"refs/heads/{branch}"
        lease = () if expect is None else (f"--force-with-lease={ref}:{expect}",)
        return self.push_to(folder, commit, ref, *lease, options=options, stopped=stopped)

    def push_to(
        self,
        folder: Path,
        commit: str,
        ref: str,
        *lease: str,
        options: tuple[str, ...] = (),
        stopped: Callable[[], bool] | None = None,
    ) -> str:
        """The same for any ref; `options` are words for the server, each in one line. Raises as `push` does."""
        address, how = self._receiving(folder)
        said = [word for option in options for word in ("-o", " ".join(option.split()))]
        words = ("push", "--no-verify", "--quiet", *lease, *how, *said, "--", address, f"{commit}:{ref}")
        return Git(folder).call(*words, timeout=PUSH_TIMEOUT_SECONDS, env=NO_LAZY_FETCH, stopped=stopped)[2]

    def _receiving(self, folder: Path) -> tuple[str, tuple[str, ...]]:
        """The address to push to, and the options that say how git runs its other side there."""
        url = Git(folder).text("ls-remote", "--get-url", "--", self.project.url)  # with the person's `insteadOf`
        if self.project.trust_hooks or local_path(url) is None:
            return self.project.url, ()
        there = served_repository(url, folder)
        if there is None:
            raise Refused(f"{url} cannot be read as a repository, so nobody knows what it would run")
        program = shlex.join(self._confined(there) if there.runs else receive_pack(QUIET_SETTINGS))
        return str(there.folder), (f"--receive-pack={program}",)

    def _confined(self, there: ServedRepository) -> list[str]:
        confined = self.sandbox is not None and self.sandbox.name != "none"
        missing = self.sandbox.missing() if self.sandbox and confined else "none is set up"
        why = f"{named(there.beyond)} lies outside of the repository, which no sandbox shows" if there.beyond else ""
        why = why or (f"no sandbox works here: {missing}" if missing else "")
        if self.sandbox is None or why:
            raise Refused(
                f"{there.folder} brings along what would run on this machine ({named(there.runs)}), and {why}; remove"
                f" it, or let an admin write `trust_hooks = true` below [projects.{self.project.name}] in fleet.toml"
            )
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/tmp/home", "LC_ALL": "C"}  # noqa: S108
        environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, **NO_LAZY_FETCH}
        # Elsewhere a work tree is not in the sandbox: a branch that is checked out there would move without its files.
        stays = (("receive.denyCurrentBranch", "refuse"),) if UPDATES_FILES in there.runs and not there.tree else ()
        given = (*CONFINED_SETTINGS, *stays)
        written = Confinement(writable=there.tree or there.folder, environment=environment)
        inside = self.sandbox.command(receive_pack(given), written)
        return ["env", "-i", *(f"{key}={value}" for key, value in environment.items()), *inside]


def named(runs: tuple[str, ...]) -> str:
    """What a repository brings along, the first few by name."""
    more = f" and {len(runs) - MAX_NAMED} more" if len(runs) > MAX_NAMED else ""
    return ", ".join(runs[:MAX_NAMED]) + more


def without_password(text: str) -> str:
    """What git said, without passwords in addresses."""
    return re.sub(r"(?<=://)[^/@\s]*@", "", text)
