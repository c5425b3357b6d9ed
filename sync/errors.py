"""Which errors can there be while bytes travel?"""

from __future__ import annotations

import re
from collections.abc import Sequence


class SyncError(Exception):
    """Root of everything that this package raises."""


class GitError(SyncError):
    """A git command failed."""

    def __init__(self, command: Sequence[str], code: int, stderr: str) -> None:
        self.command, self.code, self.stderr = tuple(command), code, stderr.strip()
        raw = f"git {verb(self.command)} failed ({code}): {cause(self.stderr)}"
        super().__init__(_explained(self.stderr, raw))


def verb(command: Sequence[str]) -> str:
    """What git was told to do, behind the settings for this one call; "" for nothing."""
    words = list(command)
    while words[:1] == ["-c"]:
        del words[:2]
    return words[0] if words else ""


def _explained(said: str, raw: str) -> str:
    from sync.git_messages import explained  # here, because every command's help loads the kinds of errors

    return explained(said, raw)


EMPTY_WORDS = re.compile(r"error: failed to push some refs|fatal: (the remote end hung up|Could not read from remote)")
"""Lines in which git only says that something failed."""
REJECTED = re.compile(r" ! \[(?:remote )?rejected\].* -> .*?(\(.+\))$")
MAX_CAUSE_LINES = 4


def cause(stderr: str) -> str:
    """Why a git command failed, in one line: what the other side said first, then git's own words."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    remote = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    rejected = [found[1].strip("()") for line in stderr.splitlines() if (found := REJECTED.match(line.rstrip()))]
    own = [line for line in lines if line.startswith(("fatal:", "error:")) and not EMPTY_WORDS.match(line)]
    told = [*dict.fromkeys(filter(None, (*remote, *rejected, *own[:1])))] or lines[-1:] or ["no message"]
    return "; ".join(told[:MAX_CAUSE_LINES])


class FileRefused(SyncError):
    """Git cannot store one file as it is: a filter, an encoding or line ends are in the way."""

    def __init__(self, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"git cannot store {path}: {why}")


class UnsafeName(SyncError):
    """A name that somebody chose would lead out of the folder that it is meant for, or is no single name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name[:100]!r} is no name for a file or a folder")


class GitTimeout(GitError):
    """A git command did not end in time; what it has done is not known."""

    def __init__(self, command: Sequence[str], seconds: float) -> None:
        super().__init__(command, -1, f"no answer within {seconds:.0f} s")


class RemoteUnreachable(SyncError):
    """The remote cannot be reached, or does not answer as a Git repository."""

    def __init__(self, url: str, why: str) -> None:
        self.url, self.why = url, why
        super().__init__(f"cannot reach {url}: {why}")


class PushUncertain(RemoteUnreachable):
    """A push ended without a verdict: it may or may not have been taken. Fetch to find out."""


class PushRefused(SyncError):
    """The remote refused a push for a reason of its own (a hook, a permission, a protected ref)."""

    def __init__(self, ref: str, why: str) -> None:
        self.ref, self.why = ref, why
        self.told = ""
        """All that git said."""
        super().__init__(f"the remote refused {ref}: {why}")


class BranchMissing(SyncError):
    """The remote has no such branch yet."""

    def __init__(self, url: str, branch: str) -> None:
        self.url, self.branch = url, branch
        super().__init__(f"{url} has no branch {branch}: run `shiftbook init` there first")


class HistoryRewritten(SyncError):
    """A branch moved to a commit that does not descend from the one last seen. It is not followed."""

    def __init__(self, ref: str, old: str, new: str) -> None:
        self.ref, self.old, self.new = ref, old, new
        super().__init__(
            f"{ref} was rewritten: {new[:12]} does not descend from {old[:12]}, which was seen before"
            " (a server restored from a backup: `shiftbook ledger recover` gives it back what is here)"
        )


class ObjectMissing(SyncError):
    """An object that a ref or another object names is not there."""

    def __init__(self, oid: str) -> None:
        self.oid = oid
        super().__init__(f"object {oid} is missing")


class ObjectTooLarge(ObjectMissing):
    """An object is larger than its reader takes, which to that reader is as good as missing. `size` is in bytes."""

    def __init__(self, oid: str, size: int, limit: int) -> None:
        self.oid, self.size, self.limit = oid, size, limit
        SyncError.__init__(self, f"object {oid} has {size:,} bytes, at most {limit:,} are read here")


class SigningFailed(SyncError):
    """ssh-keygen could not make or read a key or a signature."""

    def __init__(self, what: str, why: str) -> None:
        self.what, self.why = what, why
        super().__init__(f"{what}: {_explained(why, why)}")


class TooManyRaces(SyncError):
    """Every try to publish lost the race to somebody else."""

    def __init__(self, tries: int) -> None:
        self.tries = tries
        super().__init__(f"gave up after {tries} tries: others kept pushing first")


class StampAhead(SyncError):
    """A stamp lies further in the future than clocks may differ; it was not taken over."""

    def __init__(self, stamp: str, ahead: int) -> None:
        self.stamp, self.ahead = stamp, ahead
        super().__init__(f"{stamp} is {ahead / 1000:.0f} s ahead of this clock: one of the two clocks is wrong")
