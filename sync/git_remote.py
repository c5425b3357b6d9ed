"""A remote that is any plain Git server: a folder, git://, ssh or HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from sync.errors import (
    BranchMissing,
    GitError,
    GitTimeout,
    HistoryRewritten,
    PushRefused,
    PushUncertain,
    RemoteUnreachable,
)
from sync.git import Git, GitStore, bearer_environment
from sync.remote import MOVED_MESSAGE, Oid, PushVerdict, Refs, RefUpdate

SEEN_PREFIX = "refs/seen/"
"""Where this clone keeps what it last saw of the remote: refs/heads/main is refs/seen/heads/main here."""

FIRST_FETCH_TIMEOUT_SECONDS = 1800.0
"""Seconds for the first fetch, which brings the whole ledger: years of work over a slow line."""

TIP_TIMEOUT_SECONDS = 10.0
"""Seconds for a look at one ref: whoever looks that often must not wait longer than that."""

LOST_RACE = re.compile(
    r"stale info|atomic push fail|atomic transaction failed|cannot lock ref|failed to update ref|already exists"
    r"|reference already|incorrect old value|fetch first|non-fast-forward|remote ref updated|failed to lock"
)
"""What git says when somebody else moved the ref first, on either side of the wire. Everything else is a refusal."""


class GitRemote:
    """Refs of the repository at `url`, with their objects in a private bare clone at `folder`."""

    def __init__(self, url: str, folder: Path, *, branch: str = "main", timeout: float = 60.0, token: str = "") -> None:
        """`token` is shown to the server of an http(s) URL, and kept nowhere."""
        self.url, self.branch, self.timeout = url, branch, timeout
        folder.mkdir(parents=True, exist_ok=True)
        self._git = Git(folder, env=bearer_environment(url, token))
        self._turn = FileLock(folder / "shiftbook-fetch.lock")
        with self._turn:
            if not (folder / "HEAD").exists():
                self._git.run("init", "--quiet", "--bare", ".")
        self.store = GitStore(folder)

    def fetch(self) -> Refs:
        """All refs of the ledger, as Remote.fetch promises. Threads and processes that share the clone take turns."""
        with self._turn:
            return self._fetch()

    def _fetch(self) -> Refs:
        before = self._git.refs(f"{SEEN_PREFIX}heads/{self.branch}").get(f"{SEEN_PREFIX}heads/{self.branch}")
        specs = (
            f"+refs/heads/{self.branch}:{SEEN_PREFIX}heads/{self.branch}",
            f"+refs/shiftbook/*:{SEEN_PREFIX}shiftbook/*",
        )
        options = (
            "--quiet",
            "--no-tags",
            "--prune",
            "--no-write-fetch-head",
            "--no-auto-gc",
            "--no-recurse-submodules",
        )
        timeout = self.timeout if before else max(self.timeout, FIRST_FETCH_TIMEOUT_SECONDS)
        try:
            self._git.run("fetch", *options, "--", self.url, *specs, timeout=timeout)
        except GitError as error:
            if "couldn't find remote ref" in error.stderr:
                raise BranchMissing(self.url, self.branch) from error
            raise RemoteUnreachable(self.url, str(error)) from error
        if before is None:
            self.store.tidy()  # a fresh clone has no commit-graph
        refs = self.seen()
        self._refuse_rewrite(before, refs[f"refs/heads/{self.branch}"])
        return refs

    def seen(self) -> Refs:
        """The refs as they were last fetched."""
        return {"refs/" + name.removeprefix(SEEN_PREFIX): oid for name, oid in self._git.refs(SEEN_PREFIX).items()}

    def tip(self) -> Oid | None:
        """Where the branch stands at the remote, as Remote.tip promises."""
        ref = f"refs/heads/{self.branch}"
        try:
            out = self._git.run(
                "ls-remote", "--quiet", "--", self.url, ref, timeout=min(self.timeout, TIP_TIMEOUT_SECONDS)
            )
        except GitError as error:
            raise RemoteUnreachable(self.url, str(error)) from error
        lines = (line.split("\t") for line in out.decode("utf-8", "replace").splitlines())
        return next((oid for oid, name in lines if name == ref), None)

    def _refuse_rewrite(self, before: str | None, now: str) -> None:
        """A branch that lost commits is not followed: the old tip is put back, so that a restart is alarmed again."""
        if before in (None, now) or self.store.descends(now, before or ""):
            return
        self._git.run("update-ref", f"{SEEN_PREFIX}heads/{self.branch}", before or "")
        raise HistoryRewritten(f"refs/heads/{self.branch}", before or "", now)

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """Moves refs, as Remote.push promises."""
        if not updates:
            return {}
        leases = [f"--force-with-lease={u.ref}:{u.expect or ''}" for u in updates]
        specs = [f"{u.new or ''}:{u.ref}" for u in updates]
        words = ["push", "--porcelain", "--no-verify", "--no-recurse-submodules", *(["--atomic"] if atomic else [])]
        try:
            code, out, err = self._git.call(
                *words, *leases, "--", self.url, *specs, timeout=self.timeout, codes=range(256)
            )
        except GitTimeout as error:
            raise PushUncertain(self.url, str(error)) from error
        verdicts = _verdicts(out.decode("utf-8", "replace"), raced=MOVED_MESSAGE in err)
        missing = [u.ref for u in updates if u.ref not in verdicts]
        if missing:
            why = str(GitError(words, code, err or out.decode("utf-8", "replace")))
            raise PushUncertain(self.url, why) if _reached(err) else RemoteUnreachable(self.url, why)
        return verdicts

    def close(self) -> None:
        """Ends the reader processes."""
        self.store.close()


def _reached(stderr: str) -> bool:
    """Whether the remote may have taken the push before the connection broke."""
    return "unexpected disconnect" in stderr or "hung up" in stderr or "unpack" in stderr or "RPC failed" in stderr


def _verdicts(porcelain: str, *, raced: bool = False) -> dict[str, PushVerdict]:
    """One verdict for each `flag<TAB>from:to<TAB>summary (reason)` line. Raises PushRefused.

    `raced`: the remote's hook said that what it declined had only come too late.
    """
    found: dict[str, PushVerdict] = {}
    for line in porcelain.splitlines():
        flag, tab, rest = line.partition("\t")
        if not tab or len(flag) != 1:
            continue
        ref = rest.partition("\t")[0].rpartition(":")[2]
        summary = rest.partition("\t")[2]
        if flag == "=":
            found[ref] = PushVerdict.UNCHANGED
        elif flag != "!":
            found[ref] = PushVerdict.ACCEPTED
        elif LOST_RACE.search(summary) or (raced and "hook declined" in summary):
            found[ref] = PushVerdict.STALE
        else:
            raise PushRefused(ref, summary.partition("(")[2].rstrip(")") or summary)
    return found
