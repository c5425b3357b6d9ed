"""How does a machine go to another version without staying on one that does not work?

Fetch, verify, install beside, have the new version look at a copy of the database, switch, and wait until the node has
done a round with it. If it does not, the version before comes back with the database from before. The updater is the
old version and outlives the switch; if it is killed, `start` does the same.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from orchestrator.app import wiring
from orchestrator.app.updates.releases import Release, ReleaseSource, version_key
from orchestrator.app.updates.version_dirs import PID_FILE, Trial, VersionDirs
from orchestrator.core.errors import OrchestratorError, Refused, WrongSetting
from orchestrator.core.settings import Settings
from sync import files

CHECK_SECONDS = 300.0
"""Seconds that the new version may take to look at the database's copy, which it brings to its own schema."""
TRIAL_SECONDS = 300.0
"""Seconds from a switch until the node has done a round; while it still ends the old version's work they do not run."""
POLL_SECONDS = 0.2

DATABASE_FILE = "shiftbook.db"

Install = Callable[[Path, Path], None]
"""Installs the source in one folder into an environment in another."""


class UpdateFailed(OrchestratorError):
    """A new version did not work; the version before runs again."""


@dataclass(kw_only=True)
class Updater:
    """Updates the versions in `dirs`, for the node of `settings`. `say` gets a line for each step."""

    dirs: VersionDirs
    source: ReleaseSource
    settings: Settings
    install: Install
    say: Callable[[str], None]
    trial_seconds: float = TRIAL_SECONDS
    clock: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)

    def wanted(self, tag: str = "") -> Release | None:
        """The release to go to: `tag`, else the newest; None where that runs already.

        Raises Refused for an older one, NotFound, SyncError.
        """
        self.source.fetch()
        here = self.dirs.current
        if tag:
            found: Release | None = self.source.release(tag)
        else:
            found = next(iter(self.source.releases()), None)
        if found is None or found.tag == here:
            return None
        if here and version_key(found.tag) < version_key(here):
            if not tag:
                return None
            raise Refused(
                f"{tag} is older than {here}, whose database it may not read: `shiftbook update --back` goes back"
            )
        return found

    def update(self, release: Release) -> None:
        """Goes to a release. Raises Refused while another update goes on, InstallFailed, UpdateFailed."""
        with self.dirs.alone():
            self.recover()
            self.dirs.prepare()
            self._install(release)
            copy = self._check(release)
            self._switch(release, copy)
            for gone in self.dirs.prune():
                self.say(f"deleted {gone}")

    def recover(self) -> None:
        """Ends a trial that an updater left behind: a version that is well stays, another one goes."""
        trial = self.dirs.trial
        if trial is None:
            return
        if not self.dirs.well and self.dirs.current == trial.new:
            self.say(f"{trial.new} never did a round: going back to {trial.old}")
            self.say(go_back(self.dirs, self.settings))
        self.dirs.end_trial()

    def _install(self, release: Release) -> None:
        if self.dirs.is_complete(release.tag):
            return
        self.say(f"installing {release.tag}, signed by {release.signer}")
        folder = self.dirs.folder(release.tag)
        self.dirs.prune()  # what was not installed to the end
        with tempfile.TemporaryDirectory(prefix="shiftbook-") as name:
            self.source.export(release, Path(name))
            self.install(Path(name), folder)
        self.dirs.mark_complete(release.tag)

    def _check(self, release: Release) -> Path:
        """Has the new version open a copy of the database; returns another copy, which the old one can read."""
        kept = self.dirs.database_copy(release.tag)
        tried = kept.with_name("tried.db")
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        for old in kept.parent.iterdir():
            old.unlink()
        stores = wiring.stores(self.settings)
        try:
            stores.copies.save(kept)
            stores.copies.save(tried)
        finally:
            stores.close()
        self.say(f"{release.tag} looks at a copy of the database")
        env = os.environ | {"SHIFTBOOK_DATABASE_URL": f"sqlite:///{tried}", "SHIFTBOOK_HOME": str(self.settings.home)}
        try:
            done = subprocess.run(
                [str(self.dirs.program(release.tag)), "update-check"],
                env=env,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=CHECK_SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UpdateFailed(f"{release.tag} does not start: {error}; {self._stays}") from error
        finally:
            for each in kept.parent.glob("tried.db*"):
                each.unlink()
        if done.returncode != 0:
            why = (done.stderr.strip() or done.stdout.strip())[-600:]
            raise UpdateFailed(f"{release.tag} does not work here: {why}; {self._stays}")
        return kept

    @property
    def _stays(self) -> str:
        return f"{self.dirs.current or 'nothing'} runs as before" if self.dirs.current else "nothing was changed"

    def _switch(self, release: Release, copy: Path) -> None:
        old = self.dirs.current
        if not old:
            self.dirs.switch(release.tag)
            self.say(f"{release.tag} is installed; a service starts it by {self.dirs.start}")
            return
        runs = node_runs(self.settings)
        self.dirs.begin_trial(Trial(old=old, new=release.tag, home=str(self.settings.home), copy=str(copy)))
        self.dirs.switch(release.tag)
        if not runs:
            self.say(f"{release.tag} is next to be started; {old} comes back by itself if it does no round")
            return
        self.say(f"switched to {release.tag}: the node starts again when its running work is done")
        self._await_start(old, release)
        if not self._becomes_well():
            line = go_back(self.dirs, self.settings) if self.dirs.current == release.tag else f"{old} is current again"
            raise UpdateFailed(f"{release.tag} did no round in {self.trial_seconds:g} s; {line}")
        self.dirs.end_trial()
        self.say(f"{release.tag} runs, and has done a round")

    def _await_start(self, old: str, release: Release) -> None:
        """Until the node starts anew: its running work may take hours, and is not cut off for this."""
        while not self.dirs.starts and self.dirs.current == release.tag and node_runs(self.settings):
            self.sleep(POLL_SECONDS)

    def _becomes_well(self) -> bool:
        deadline = self.clock() + self.trial_seconds
        while self.clock() < deadline:
            if self.dirs.well:
                return True
            if self.dirs.trial is None:  # `start` has gone back
                return False
            self.sleep(POLL_SECONDS)
        return self.dirs.well


def go_back(dirs: VersionDirs, settings: Settings) -> str:
    """Makes the version before the current one again, with the database from before; returns a line that says so.

    The node on trial is ended by force. Raises Refused where there is nothing to go back to.
    """
    trial = dirs.trial
    old = trial.old if trial else dirs.before
    if not old or not dirs.is_complete(old):
        raise Refused(f"there is no version before {dirs.current or 'the first'} to go back to")
    copy = Path(trial.copy) if trial else dirs.database_copy(dirs.current)
    dirs.switch(old)
    end_node(settings)
    aside = _put_back(settings, copy) if copy.is_file() else None
    dirs.end_trial()
    kept = f"; what it wrote into the database is kept in {aside}" if aside else ""
    return f"{old} is current again{kept}"


def node_runs(settings: Settings) -> bool:
    """Whether a node runs in this home folder."""
    settings.home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(settings.home / "node.lock").acquire(timeout=0):
            return False
    except Timeout:
        return True


def end_node(settings: Settings) -> None:
    """Ends this home's node by force, if one runs; its supervisor starts the current version then."""
    number = read_pid(settings.home)
    if number and node_runs(settings):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def read_pid(home: Path) -> int:
    """The process of this home's node, as it wrote it down; 0 for none."""
    try:
        return int((home / PID_FILE).read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return 0


def _put_back(settings: Settings, copy: Path) -> Path | None:
    """Makes the database what it was before the trial, if this version cannot read what it has become.

    Returns where the other one is kept: what was written during the trial is in it, and nowhere else. Raises Refused
    for a database server, whose rows an older program cannot put back into newer tables.
    """
    try:
        wiring.stores(settings).close()
    except WrongSetting as error:
        if settings.database_url:
            why = f"the database has a newer schema than {settings.home} can read; restore it from {copy}"
            raise Refused(why) from error
    else:
        return None
    path = settings.home / DATABASE_FILE
    aside = path.with_name(f"{DATABASE_FILE}.{wiring.now():%Y%m%dT%H%M%SZ}.before")
    for each in (path, *(path.with_name(f"{DATABASE_FILE}{suffix}") for suffix in ("-wal", "-shm"))):
        if each.exists():
            files.move_into_place(each, aside.with_name(aside.name + each.name.removeprefix(DATABASE_FILE)))
    shutil.copyfile(copy, path)
    path.chmod(0o600)
    return aside
