"""How does a machine go to another version without staying on one that does not work?

Fetch, verify, install beside, have the new version look at a copy of the database, switch, and wait until the node has
done a round with it. If it does not, the version before comes back with the database from before. The updater is the
old version and outlives the switch; if it is killed, `start` does the same.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.app import wiring
from orchestrator.app.updates import plug_ins
from orchestrator.app.updates.going_back import go_back, node_follows, node_runs
from orchestrator.app.updates.releases import Release, ReleaseSource
from orchestrator.app.updates.version_dirs import STARTS, Trial, VersionDirs, running_version
from orchestrator.app.updates.version_process import run_version
from orchestrator.core.errors import OrchestratorError, Refused
from orchestrator.core.release_tag import version_key
from orchestrator.core.settings import Settings
from orchestrator.core.sqlite_url import sqlite_url

CHECK_SECONDS = 300.0
"""Seconds that the new version may take to look at the database's copy, which it brings to its own schema."""
TRIAL_SECONDS = 300.0
"""Seconds from a switch until the node has done a round; while it still ends the old version's work they do not run."""
BACK_SECONDS = 300.0
"""Seconds that going back may take: a database is copied."""
POLL_SECONDS = 0.2

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
    work_seconds: float | None = None
    """How long the node's running work may go on before it goes back into the queue; None: until it is done."""
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
            self._refuse_another()
            self.dirs.prepare()
            self._install(release)
            copy = self._check(release)
            self._switch(release, copy)
            for gone in self.dirs.prune():
                self.say(f"deleted {gone}")

    def _refuse_another(self) -> None:
        """Raises Refused if this very program is one of the versions, but not the current one.

        It would bring the database to its own schema, which the current one may not read.
        """
        own = running_version()
        if own is not None and own[0].prefix == self.dirs.prefix and own[1] != self.dirs.current:
            raise Refused(f"this is {own[1]}, and {self.dirs.current} is current: say `{self.dirs.start} update`")

    def recover(self) -> None:
        """Ends a trial that an updater left behind: a version that is well stays, another one goes."""
        trial = self.dirs.trial
        if trial is None:
            return
        if not self.dirs.well and self.dirs.current == trial.new and node_follows(self.settings, self.dirs):
            self.say(f"{trial.new} is on trial: waiting until the node has done a round with it")
            self._await_start(trial.new)
            self._becomes_well()
        if not self.dirs.well and self.dirs.trial is not None:
            self.say(f"{trial.new} never did a round: going back to {trial.old}")
            self._have_go_back(trial)
        elif self.dirs.well:
            self._end_passed()
        self.dirs.end_trial()

    def _have_go_back(self, trial: Trial) -> None:
        """Has the old version do it: this may be the one on trial, which reads whatever it has made of the database."""
        words = [str(self.dirs.program(trial.old)), "update-back", "--trial", str(self.dirs.prefix)]
        try:
            done = run_version(words, BACK_SECONDS, SHIFTBOOK_HOME=str(self.settings.home))
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UpdateFailed(f"{trial.old} could not come back: {error}") from error
        if done.returncode != 0:
            raise UpdateFailed(f"{trial.old} could not come back: {done.stderr.strip()[-600:]}")
        self.say(done.stderr.strip() or f"{trial.old} is current again")

    def _end_passed(self) -> None:
        self.dirs.end_trial()
        self.dirs.drop_copies()

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
        for old in (kept, *kept.parent.glob("tried.db*")):  # others are what `--back` needs if this check fails
            old.unlink(missing_ok=True)
        stores = wiring.stores(self.settings)
        try:
            stores.copies.save(kept)
            stores.copies.save(tried)
        finally:
            stores.close()
        self.say(f"{release.tag} looks at a copy of the database")
        words = [str(self.dirs.program(release.tag)), "update-check"]
        shown = {"SHIFTBOOK_DATABASE_URL": sqlite_url(tried), "SHIFTBOOK_HOME": str(self.settings.home)}
        try:
            done = run_version(words, CHECK_SECONDS, **shown)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UpdateFailed(f"{release.tag} does not start: {error}; {self._stays}") from error
        finally:
            for each in kept.parent.glob("tried.db*"):
                each.unlink()
        if done.returncode != 0:
            lines = (done.stderr.strip() or done.stdout.strip() or f"it ended with {done.returncode}").splitlines()
            why = lines[-1].strip()[-600:]  # of a traceback the last says what it is
            raise UpdateFailed(f"{release.tag} does not work here: {why}; {self._stays}")
        self._check_plug_ins(release, done.stdout)
        return kept

    def _check_plug_ins(self, release: Release, said: str) -> None:
        try:
            missing = plug_ins.lacking(plug_ins.installed(), plug_ins.read_plug_ins(said))
        except ValueError as error:
            raise UpdateFailed(f"{release.tag} does not work here: {error}; {self._stays}") from error
        if missing:
            pip = f"{self.dirs.folder(release.tag)}/bin/python -m pip install PACKAGE"
            raise UpdateFailed(
                f"{release.tag} would not have {', '.join(missing)}; {self._stays}. "
                f"Install its package there ({pip}), then update again"
            )

    @property
    def _stays(self) -> str:
        return f"{self.dirs.current or 'nothing'} runs as before" if self.dirs.current else "nothing was changed"

    def _switch(self, release: Release, copy: Path) -> None:
        old = self.dirs.current
        if not old:
            self.dirs.switch(release.tag)
            self.say(f"{release.tag} is installed; a service starts it by {self.dirs.start}")
            return
        runs = node_follows(self.settings, self.dirs)
        trial = Trial(old=old, new=release.tag, home=str(self.settings.home), copy=str(copy), before=self.dirs.before)
        self.dirs.begin_trial(trial)
        self.dirs.switch(release.tag)
        next_one = f"{release.tag} is next to be started; {old} comes back by itself if it does no round"
        if not runs:
            self.say(next_one)
            if node_runs(self.settings):
                line = f"`shiftbook deploy … --program {self.dirs.start}` once, which starts it anew"
                self.say(f"the node that runs here is none of {self.dirs.prefix} and goes on as it is: {line}")
            return
        self.say(f"switched to {release.tag}: the node starts again when its running work is done{self._patience}")
        self._await_start(release.tag)
        if self._becomes_well():
            self._end_passed()
            self.say(f"{release.tag} runs, and has done a round")
        elif self.dirs.trial is not None and not self.dirs.starts and not node_runs(self.settings):
            self.say(f"the node was ended; {next_one}")
        elif self.dirs.trial is None:  # `start` has gone back
            raise UpdateFailed(f"{release.tag} did no round in {STARTS} starts; {old} is current again")
        else:
            why = f"{release.tag} did no round in {self.trial_seconds:g} s"
            line = go_back(self.dirs, self.settings, only_trial=True, why=why)
            raise UpdateFailed(f"{why}; {line}")

    def _await_start(self, version: str) -> None:
        """Until the node starts anew: its running work may take hours, and is not cut off unless that was asked for."""
        begun = self.clock()
        while not self.dirs.starts and self.dirs.current == version and node_runs(self.settings):
            waited = self.clock() - begun
            if self.work_seconds is not None and waited >= self.work_seconds and not self.dirs.hurried:
                self.say("its running work goes back into the queue now")
                self.dirs.hurry()
            self.sleep(POLL_SECONDS)

    @property
    def _patience(self) -> str:
        """What is said of how long that may take."""
        if self.work_seconds is None:
            return " (`shiftbook update --now` has that go back into the queue)"
        return f", or in {self.work_seconds:g} s" if self.work_seconds else ", which goes back into the queue"

    def _becomes_well(self) -> bool:
        deadline = self.clock() + self.trial_seconds
        while self.clock() < deadline:
            if self.dirs.well:
                return True
            if self.dirs.trial is None:  # `start` has gone back
                return False
            self.sleep(POLL_SECONDS)
        return self.dirs.well
