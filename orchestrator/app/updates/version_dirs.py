"""Where do installed versions lie, which one runs, and which one is on trial?

    PREFIX/versions/v1.2.0/     a virtual environment each
    PREFIX/current, before      links to the one that is started, and to the one before it
    PREFIX/start                what a service starts: `current`, after going back when the one on trial keeps ending
    PREFIX/copies/              the node's database from before the current version
    PREFIX/trial/               there while a version is on trial: which, how often it was started, whether it is well,
                                and a link `old` to the version that comes back
    PREFIX/taken-back           why the last one on trial was taken back, if it was
    PREFIX/hurry                which version is not to wait until the node's running work is done

All of it belongs to the user that the node runs as, and to nobody else.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from missions.plain_data import read_json
from orchestrator.core.errors import OrchestratorError, Refused, WrongSetting
from sync import files
from sync.place_names import below

STARTS = 3
"""So often a version on trial is started before the one before it comes back."""
KEPT = 3
"""So many versions stay installed, the current one and the one before among them."""
PID_FILE = "node.pid"
"""In a node's home: its process, and in a second line the folder of versions that its program is one of, if any."""
REASON, MAX_REASON_BYTES = "taken-back", 600
HURRY, MAX_HURRY_BYTES = "hurry", 100
COMPLETE, RECORD = ".complete", "trial.json"
START_SCRIPT = f"""#!/bin/sh
# Starts the current version. One on trial whose node ends {STARTS} times without having done a round is switched back.
# Other commands are no starts of the node: a backup, a look at the fleet.
here=$(dirname "$0")
if [ "$1 $2" = "node run" ] && [ -e "$here/trial/{RECORD}" ] && [ ! -e "$here/trial/well" ]; then
  if [ "$(wc -l <"$here/trial/starts")" -ge {STARTS} ]; then
    "$here/trial/old/bin/shiftbook" update-back --trial "$here" || true
  else
    echo started >>"$here/trial/starts"
  fi
fi
exec "$here/current/bin/shiftbook" "$@"
"""


class TrialFailed(OrchestratorError):
    """The version on trial cannot work with these settings; the one before may."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A version that has yet to show that it works."""

    old: str
    new: str
    home: str
    """The node's home folder."""
    copy: str
    """A copy of its database from before, which the old version can read."""
    before: str = ""
    """The version before the old one, which it has again when it comes back; empty for none."""


@dataclass(frozen=True)
class VersionDirs:
    """The versions below one folder."""

    prefix: Path

    @property
    def start(self) -> Path:
        """The program that a service starts."""
        return self.prefix / "start"

    @property
    def current(self) -> str:
        """The version that is started; empty before the first."""
        return self._link("current")

    @property
    def before(self) -> str:
        """The version before it; empty if there was none, or a crash came in the middle of a switch."""
        found = self._link("before")
        return found if found != self.current else ""

    def folder(self, version: str) -> Path:
        """Where a version is installed."""
        return below(self.prefix / "versions", version)

    def program(self, version: str) -> Path:
        """A version's `shiftbook`."""
        return self.folder(version) / "bin/shiftbook"

    def database_copy(self, version: str) -> Path:
        """Where the node's database is kept as it was before a version."""
        return below(self.prefix / "copies", f"before-{version}.db")

    def is_complete(self, version: str) -> bool:
        """Whether it was installed to the end."""
        return (self.folder(version) / COMPLETE).is_file()

    def mark_complete(self, version: str) -> None:
        """From here on it may be started."""
        files.replace(self.folder(version) / COMPLETE, b"")

    def check_owner(self) -> None:
        """Raises Refused unless the folder belongs to who asks, and only they write there.

        Root would run what the service's user can change; what anybody else may write into is nobody's program.
        """
        found = self.prefix.stat()
        if found.st_uid != os.geteuid():
            raise Refused(f"{self.prefix} is not yours: say it as the user that the node runs as (sudo -u USER -H …)")
        if found.st_mode & 0o022:
            raise Refused(f"others may write to {self.prefix}: chmod go-w {self.prefix}")

    def prepare(self) -> None:
        """Makes what lies beside the versions. Raises OSError."""
        self.prefix.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self.prefix, self.prefix / "versions"):
            folder.mkdir(mode=0o755, exist_ok=True)
        if not self.start.is_file() or self.start.read_text("utf-8") != START_SCRIPT:
            files.replace(self.start, START_SCRIPT, mode=0o755)

    def switch(self, version: str) -> None:
        """Has `version` started from now on; the one so far becomes the one before. Raises OSError."""
        old = self.current
        if old and old != version:
            self._point("before", old)
        self._point("current", version)

    def switch_back(self, version: str, before: str) -> None:
        """Has `version` started again, and `before` be the one before it; empty for none. Raises OSError."""
        self._point("current", version)
        if before:
            self._point("before", before)
        else:
            (self.prefix / "before").unlink(missing_ok=True)

    @property
    def trial(self) -> Trial | None:
        """What is on trial. Raises WrongSetting for a record that cannot be read."""
        path = self.prefix / "trial" / RECORD
        try:
            found = read_json(path.read_bytes())
            return Trial(**{name: str(found[name]) for name in Trial.__dataclass_fields__})
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise WrongSetting(str(path), f"it cannot be read ({error}); delete its folder") from error

    @property
    def starts(self) -> int:
        """How often the version on trial was started."""
        path = self.prefix / "trial/starts"
        return len(path.read_bytes().splitlines()) if path.is_file() else 0

    @property
    def well(self) -> bool:
        """Whether the version on trial has done a round."""
        return (self.prefix / "trial/well").is_file()

    @property
    def hurried(self) -> bool:
        """Whether the current version is not to wait until the node's running work is done."""
        try:
            with (self.prefix / HURRY).open("rb") as file:
                return file.read(MAX_HURRY_BYTES).decode("utf-8", "replace") == self.current
        except FileNotFoundError:
            return False

    def hurry(self) -> None:
        """Has the node end its running work, which goes back into the queue, and start the current version."""
        files.replace(self.prefix / HURRY, self.current)

    @property
    def awaits_work(self) -> bool:
        """Whether the version on trial was never started yet: a node that runs ends its work first."""
        trial = self.trial
        return trial is not None and trial.new == self.current and not self.starts

    @property
    def reason(self) -> str:
        """Why the last version on trial was taken back; empty if nobody has said so."""
        try:
            with (self.prefix / REASON).open("rb") as file:
                return " ".join(file.read(MAX_REASON_BYTES).decode("utf-8", "replace").split())
        except FileNotFoundError:
            return ""

    def note_reason(self, why: str) -> None:
        """Kept for the version that comes back: a service may end whoever goes back together with the node."""
        files.replace(self.prefix / REASON, why)

    def begin_trial(self, trial: Trial) -> None:
        """From here on the version before comes back unless the new one does a round."""
        folder = self.prefix / "trial"
        folder.mkdir(exist_ok=True)
        for left in (REASON, HURRY):
            (self.prefix / left).unlink(missing_ok=True)
        (folder / "well").unlink(missing_ok=True)
        files.replace(folder / "starts", b"")
        files.point(folder / "old", Path("..", "versions", trial.old))
        files.replace(folder / RECORD, json.dumps(asdict(trial)))

    def pass_trial(self, version: str) -> bool:
        """The node of `version` has done a round; says whether that was on trial."""
        trial = self.trial
        if trial is None or trial.new != version or self.well:
            return False
        files.replace(self.prefix / "trial/well", b"")
        return True

    def end_trial(self) -> None:
        """Nothing is on trial any more."""
        shutil.rmtree(self.prefix / "trial", ignore_errors=True)

    def drop_copies(self) -> None:
        """Deletes the databases from before older versions: only the one before the current version is gone back to."""
        kept = self.database_copy(self.current)
        for path in kept.parent.iterdir() if kept.parent.is_dir() else ():
            if path != kept:
                path.unlink()

    def prune(self) -> list[str]:
        """Deletes old versions, and what was not installed to the end; returns which."""
        kept = {self.current, self.before}
        by_age = sorted(self._installed(), key=lambda path: path.stat().st_mtime, reverse=True)
        more = [path.name for path in by_age if self.is_complete(path.name) and path.name not in kept]
        kept |= set(more[: KEPT - len(kept)])
        gone = [path for path in by_age if path.name not in kept]
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)
        return [path.name for path in gone]

    @contextmanager
    def going_back(self) -> Iterator[None]:
        """One goes back at a time: an updater, `start`, a person; the others wait, and find it done."""
        with FileLock(self.prefix / "back.lock"):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One update at a time. Raises Refused while another one goes on."""
        try:
            with FileLock(self.prefix / "update.lock").acquire(timeout=0):
                yield
        except Timeout as error:
            raise Refused(f"another update of {self.prefix} goes on; updates never stack") from error

    def _installed(self) -> list[Path]:
        folder = self.prefix / "versions"
        return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []

    def _link(self, name: str) -> str:
        try:
            return (self.prefix / name).readlink().name
        except OSError:
            return ""

    def _point(self, name: str, version: str) -> None:
        files.point(self.prefix / name, Path("versions", version))


def running_version(environment: Path = Path(sys.prefix)) -> tuple[VersionDirs, str] | None:
    """The versions among which this very program is one, and which; None where it was installed otherwise."""
    here = environment.resolve()
    dirs = VersionDirs(here.parent.parent)
    known = here.parent.name == "versions" and dirs.start.is_file()
    return (dirs, here.name) if known else None


def versions_of(program: Path) -> Path | None:
    """The folder of versions whose `start` a program is; None for any other program."""
    dirs = VersionDirs(program.absolute().parent)
    return dirs.prefix if program.absolute() == dirs.start and (dirs.prefix / "versions").is_dir() else None


@contextmanager
def started_again() -> Iterator[None]:
    """Has a node's service start it again although its settings are wrong, while a trial goes on. The old
    version says so when whoever went back was ended before the database was put back.

    Services give up at that exit code (2), and `start` goes back only when it is started. Raises TrialFailed.
    """
    try:
        yield
    except OrchestratorError as error:
        own = running_version()
        if own is None or error.exit_code != WrongSetting.exit_code or not _on_trial(*own):
            raise
        raise TrialFailed(str(error)) from error


def _on_trial(dirs: VersionDirs, version: str) -> bool:
    try:
        trial = dirs.trial
    except WrongSetting:
        return False
    return trial is not None and version in (trial.new, trial.old) and not dirs.well
