"""How does the version before come back, with a database that it can read, whatever goes on meanwhile?

Of several that want it one does it, with the node's own lock held while the database is put back; a crash in the middle
leaves what the next try finds and ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from missions.plain_data import read_json
from orchestrator.app import wiring
from orchestrator.app.kept_revocations import KeptRevocations, revocations_from
from orchestrator.app.updates.version_dirs import PID_FILE, Trial, VersionDirs
from orchestrator.app.updates.version_process import run_version
from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.core.settings import Settings
from orchestrator.core.sqlite_url import sqlite_url
from sync import files

DATABASE_FILE = "shiftbook.db"
WAL_SUFFIXES = ("-wal", "-shm")
ASK_SECONDS = 60.0
"""Seconds that a version that goes may take to say who is revoked."""
END_SECONDS = 60.0
"""Seconds until a home is free whose node was ended by force."""


def go_back(
    dirs: VersionDirs, settings: Settings, *, only_trial: bool = False, starting: bool = False, why: str = ""
) -> str:
    """Makes the version before the current one again, with the database from before; returns a line that says so.

    The node on trial is ended by force. With `only_trial` nothing is done where nothing is on trial (any more);
    `starting`: whoever calls starts the node next; `why` is kept for the version that comes back. Raises Refused where
    there is nothing to go back to, or nothing that it could read: then nothing was changed.
    """
    with dirs.going_back():
        trial = dirs.trial
        if trial is None and only_trial:
            return f"{dirs.current} is current already"
        old = trial.old if trial else dirs.before
        if not old or not dirs.is_complete(old):
            raise Refused(f"there is no version before {dirs.current or 'the first'} to go back to")
        copy = Path(trial.copy) if trial else dirs.database_copy(dirs.current)
        readable = _is_readable(settings)
        if not readable:
            _check_copy(settings, copy)
        begun = dirs.current == old  # by somebody who was ended in the middle
        ran = node_runs(settings)
        if trial is None:  # whoever is ended in the middle of this leaves something to be made up for, too
            trial = Trial(old=old, new=dirs.current, home=str(settings.home), copy=str(copy))
            dirs.begin_trial(trial)
        dirs.note_reason(why)
        dirs.switch_back(old, trial.before)
        if not begun or not readable:
            end_node(settings, dirs)
        put = None if readable else _put_back_alone(settings, copy, dirs.program(trial.new))
        dirs.end_trial()
    words = [f"{old} is current again"]
    if put:
        words += [f"what was written into the database meanwhile is kept in {put.aside}", *put.kept_out]
        if not put.known:
            words.append(
                "whom you have revoked since is let in again: see `shiftbook device list` and `shiftbook token list`"
            )
    if not ran and not starting:
        words.append("no node runs: unless its service starts it again, `systemctl start shiftbook`")
    return "; ".join(words)


def node_runs(settings: Settings) -> bool:
    """Whether a node runs in this home folder."""
    settings.home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(settings.home / "node.lock").acquire(timeout=0):
            return False
    except Timeout:
        return True


def write_pid(home: Path, dirs: VersionDirs | None) -> None:
    """Notes this process as the home's node, and whose versions its program is one of. Raises OSError."""
    files.replace(home / PID_FILE, f"{os.getpid()}\n{dirs.prefix if dirs else ''}\n", durable=False)


def node_follows(settings: Settings, dirs: VersionDirs) -> bool:
    """Whether the node that runs here is one of these versions, and thus sees a switch."""
    return node_runs(settings) and _read_pid(settings.home)[1] == str(dirs.prefix)


def end_node(settings: Settings, dirs: VersionDirs) -> None:
    """Ends this home's node by force, if one of these versions runs; its supervisor starts the current one then."""
    number = _read_pid(settings.home)[0]
    if number and node_follows(settings, dirs):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def _read_pid(home: Path) -> tuple[int, str]:
    """The process of this home's node, 0 for none, and the folder of its versions, as it wrote them down."""
    try:
        number, _, prefix = (home / PID_FILE).read_text("utf-8").partition("\n")
        return int(number), prefix.strip()
    except (FileNotFoundError, ValueError):
        return 0, ""


def _is_readable(settings: Settings) -> bool:
    """Whether this version can open the database as it is now."""
    try:
        wiring.stores(settings).close()
    except WrongSetting:
        return False
    return True


def _check_copy(settings: Settings, copy: Path) -> None:
    """Raises Refused where the database from before cannot be put back from `copy`.

    That is so for a database server, too, whose rows an older program cannot put back into newer tables.
    """
    if settings.database_url:
        raise Refused(f"the database has a newer schema than the version before can read; restore it from {copy} first")
    if not copy.is_file():
        raise Refused(
            f"the version before cannot read {settings.home / DATABASE_FILE}, and its own one ({copy}) is gone: "
            "nothing was changed; restore a backup of that version first"
        )


@dataclass(frozen=True, kw_only=True)
class _PutBack:
    """What became of the database."""

    aside: Path
    """Where the other one is kept."""
    kept_out: tuple[str, ...]
    """Who was revoked meanwhile and still is, in words."""
    known: bool
    """Whether the version that goes could say who was."""


def _put_back_alone(settings: Settings, copy: Path, program: Path) -> _PutBack:
    """Puts the database back while no node can start; `program` is the version that goes. Raises Refused."""
    try:
        with FileLock(settings.home / "node.lock").acquire(timeout=END_SECONDS):
            revoked = _ask_revocations(program, settings)
            fresh = _private_copy(copy, settings.home / DATABASE_FILE)
            stores = wiring.stores(settings.model_copy(update={"database_url": sqlite_url(fresh)}))
            try:
                kept_out = revoked.apply(stores)
            finally:
                stores.close()
            aside = _put_back(settings.home / DATABASE_FILE, fresh)
            return _PutBack(aside=aside, kept_out=kept_out, known=revoked.known)
    except Timeout as error:
        raise Refused(f"a node still holds {settings.home}: end it, and say `shiftbook update --back` again") from error


def _ask_revocations(program: Path, settings: Settings) -> KeptRevocations:
    """What the version that goes reads in its own database; nothing is known where it does not even do that."""
    try:
        done = run_version([str(program), "update-revoked"], ASK_SECONDS, SHIFTBOOK_HOME=str(settings.home))
        done.check_returncode()
        return revocations_from(read_json(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):  # it is on its way out because it does not work
        return KeptRevocations()


def _private_copy(copy: Path, path: Path) -> Path:
    """A copy of `copy` beside `path`, for its place."""
    fresh = path.with_name(f"{path.name}{files.UNFINISHED_SUFFIX}")
    for suffix in ("", *WAL_SUFFIXES):
        fresh.with_name(f"{fresh.name}{suffix}").unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # before there is anything to read in it
    shutil.copyfile(copy, fresh)
    return fresh


def _put_back(path: Path, fresh: Path) -> Path:
    """Has `path` be `fresh`. At any moment a database is there; what it was is kept beside it, with its log."""
    aside = _free_name(path)
    os.link(path, aside)
    for suffix in WAL_SUFFIXES:  # a log beside another database would be taken for that one's
        log = path.with_name(f"{path.name}{suffix}")
        if log.exists():
            files.move_into_place(log, aside.with_name(f"{aside.name}{suffix}"))
    files.move_into_place(fresh, path)
    return aside


def _free_name(path: Path) -> Path:
    while True:
        name = path.with_name(f"{path.name}.{wiring.now():%Y%m%dT%H%M%SZ}.before")
        if not name.exists():
            return name
        time.sleep(0.1)
