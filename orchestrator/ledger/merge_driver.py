"""What does Git do with two versions of one file of the ledger that it cannot merge itself? The merge driver.

Git hands over three files and a path (gitattributes(5), DEFINING A CUSTOM MERGE DRIVER) and nothing of who wrote which
side or when. So no stamps decide here but the values themselves, and every clone comes to the same end; the history
only says whose they are. What could not be kept is written below `conflicts/` in the work tree, for the commit that
ends the merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from handoff.encoding import lossless_text
from handoff.log import union
from missions.merging.file_diff import Conflict, has_value
from missions.merging.merge import merge
from missions.merging.merge_state import StampedVersion
from orchestrator.core.errors import Refused
from orchestrator.ledger import conflicts
from orchestrator.ledger.conflicts import UnresolvedConflict
from orchestrator.ledger.log_paths import is_log_path
from sync.errors import GitError
from sync.git import Git
from sync.objects import object_id
from sync.remote import Oid

DRIVER_NAME = "shiftbook"
EXIT_CONFLICTS = 4
"""The command's exit code for a merge that a person has to look at. Anything but this and 0 means that it failed."""

ATTRIBUTES = """\
# Two people's edits are merged by field and by entry where `shiftbook join` set the driver up, else by line.
missions/**/*.md merge=shiftbook
SESSION_LOG.md merge=shiftbook
log/**/*.md merge=shiftbook
projects/*/log/**/*.md merge=shiftbook
"""


@dataclass(frozen=True, kw_only=True)
class MergedFile:
    """One merged file, and what of it a person has to look at."""

    data: bytes
    disputes: tuple[UnresolvedConflict, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MergeSide:
    """Whose one version is, as far as the clone's history tells."""

    data: bytes
    author: str = ""
    commit: Oid = ""


def find_side(top: Path, path: str, data: bytes) -> MergeSide:
    """The version with the commit that brought it, if others have that commit: one that may be rebased is not named."""
    words = (
        "--all",
        "--reverse",
        "--format=%H %an",
        f"--find-object={object_id('blob', data)}",
        "--",
        f":(top,literal){path}",
    )
    try:
        git = Git(top)
        commit, _, author = git.text("log", *words).partition("\n")[0].partition(" ")
        shared = bool(commit) and bool(git.text("for-each-ref", "--contains", commit, "refs/remotes"))
    except GitError:
        return MergeSide(data=data)
    return MergeSide(data=data, author=author, commit=commit if shared else "")


def merge_versions(path: str, base: bytes, ours: MergeSide, theirs: MergeSide, *, day: str) -> MergedFile:
    """The merged file for the path in the ledger. Which side is called ours does not matter."""
    if is_log_path(path, anywhere=True):
        texts = map(lossless_text, (base, ours.data, theirs.data))
        return MergedFile(data=union(*texts).encode("utf-8", "surrogateescape"))
    merged = merge(base, StampedVersion.of(ours.data), StampedVersion.of(theirs.data))
    mission = conflicts.mission_of(path)
    return MergedFile(
        data=merged.data,
        disputes=tuple(_attributed_conflict(mission, one, (ours, theirs), day) for one in merged.conflicts),
    )


def _attributed_conflict(
    mission: str, one: Conflict, sides: tuple[MergeSide, MergeSide], day: str
) -> UnresolvedConflict:
    """The conflict with whose each value is, where only one side has it."""
    kept, lost = (_side_with(one.part, value, sides) for value in (one.kept, one.lost))
    found = replace(one, kept_by=(0, 0, kept.author), lost_by=(0, 0, lost.author))
    return conflicts.unresolved_conflict(mission, found, day=day, kept_in=kept.commit, lost_in=lost.commit)


def _side_with(part: str, value: str | None, sides: tuple[MergeSide, MergeSide]) -> MergeSide:
    there = [one for one in sides if has_value(one.data, part, value)]
    return there[0] if len(there) == 1 else MergeSide(data=b"")


def write_conflicts(top: Path, disputes: tuple[UnresolvedConflict, ...]) -> None:
    """Writes conflicts into a work tree. Raises Refused where that would lead out of it."""
    for one in disputes:
        path = top / one.path
        above = [folder for folder in reversed(path.parents) if folder.is_relative_to(top) and folder != top]
        for folder in (*above, path):
            if folder.is_symlink():  # a link that somebody pushed
                raise Refused(f"{folder} is a symbolic link: the conflict is not written through it")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(conflicts.render(one))


def driver_settings(command: str) -> Mapping[str, str]:
    """What a clone's configuration says of the driver. `command` runs Shiftbook, quoted for a shell.

    A driver that is gone, or that fails, must not leave one side's text as the result: then Git's own merge decides.
    """
    run = f"{command} merge-file %O %A %B %P"
    fall_back = "git merge-file -L ours -L base -L theirs %A %O %B"
    return {
        f"merge.{DRIVER_NAME}.name": "missions by field, logs by entry",
        f"merge.{DRIVER_NAME}.driver": f"{run}; case $? in 0) ;; {EXIT_CONFLICTS}) exit 1 ;; *) {fall_back} ;; esac",
    }
