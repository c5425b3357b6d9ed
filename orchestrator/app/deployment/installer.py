"""How is a deployment installed, and removed again? Each step looks first, and says what it changes."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from orchestrator.app.deployment import layout
from orchestrator.app.deployment.layout import Deployment
from orchestrator.app.deployment.machine import Machine, StepFailed
from orchestrator.app.deployment.managed_files import FileState, ManagedFile, below
from orchestrator.app.deployment.plan import check, every_path, planned_files, user_units
from orchestrator.core.errors import Refused
from orchestrator.core.own_installation import extra_command
from sync import files


@dataclass(kw_only=True)
class DeploymentReport:
    """What was changed, or would be, in the order in which it is done; empty when everything was so already."""

    changes: list[str] = field(default_factory=list)
    diffs: dict[str, str] = field(default_factory=dict)
    """Path → unified diff, for files."""
    kept: list[str] = field(default_factory=list)
    """What a removal leaves, and where a person's own setting stays."""
    next_steps: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Installer:
    """Brings one machine to one deployment. With `dry_run` nothing is changed, and everything said that would be."""

    wanted: Deployment
    machine: Machine
    dry_run: bool = False
    force: bool = False
    """Also where a file of ours was edited by hand."""
    report: DeploymentReport = field(default_factory=DeploymentReport)

    def deploy(self, settings: Mapping[str, str], link: str = "") -> DeploymentReport:
        """Sets the node up as a service and starts it. `settings` go into its home's `.env` where they do not stand.

        Raises WrongSetting, Refused before anything is changed, StepFailed (the same command then goes on from there).
        """
        check(self.wanted)
        planned = planned_files(self.wanted, certified=self._certified)
        for each in planned:
            each.require_ours(self.machine.root, force=self.force)
        self._require_possible(link)
        unit_folder = layout.UNITS if self.wanted.system else user_units()
        changed = {each.path for each in planned if self._write(each, unless=layout.SITE)}
        if self.machine.live:
            if self.wanted.system:
                self._account(planned, changed)
            self._home(settings, link)
            self._units(
                any(path.parent == unit_folder for path in changed), unit_folder / "shiftbook.service" in changed
            )
        else:
            names = " ".join(self.wanted.units)
            self.report.next_steps.append(
                f"on the machine itself: systemd-sysusers; systemd-tmpfiles --create; systemctl enable --now {names}"
            )
        for site in (each for each in planned if each.path == layout.SITE):
            self._proxy(site)
        self._say_next()
        return self.report

    def remove(self) -> DeploymentReport:
        """Takes the service away; the user, its home, its secrets and the backups stay. Raises Refused, StepFailed."""
        found = [
            each
            for each in every_path(system=self.wanted.system)
            if each.state(self.machine.root) not in (FileState.ABSENT, FileState.FOREIGN)
        ]
        for each in found:
            each.require_ours(self.machine.root, force=self.force)
        paths = {each.path for each in found}
        folder = layout.UNITS if self.wanted.system else user_units()
        units = [name for name in ("shiftbook-backup.timer", "shiftbook.service") if folder / name in paths]
        if self.machine.live and units:
            self._act(f"stop and disable {', '.join(units)}", lambda: self._systemctl("disable", "--now", *units))
        for each in found:
            self._act(f"delete {each.path}", partial(each.delete, self.machine.root))
        if self.machine.live and units:
            self._act("", lambda: self._systemctl("daemon-reload"))
            # one that had failed would stay in the list of what failed; of one that had not systemctl complains
            self._act("", lambda: self._systemctl("reset-failed", *units, codes=range(256)))
        if self.machine.live and layout.SITE in paths and self._active("nginx.service"):
            self._act("reload nginx", lambda: self.machine.run("systemctl", "reload", "nginx.service"))
        if self.wanted.system:
            self.report.kept += [
                f"{path}" for path in (layout.HOME, layout.CREDENTIALS, layout.BACKUPS) if path.exists()
            ]
        return self.report

    @property
    def _certified(self) -> bool:
        site = self.wanted.site
        return site is not None and all(
            below(self.machine.root, path).exists() for path in (site.certificate, site.certificate_key)
        )

    def _require_possible(self, link: str) -> None:
        if self.dry_run or not self.machine.live:
            return
        if self.wanted.system and os.geteuid() != 0:
            raise Refused("a service of the machine takes root: say it with sudo, or --dry-run to see what it would do")
        if not self.machine.supervised:
            raise Refused("no systemd runs here: --dry-run shows the files, --root DIR writes them for another machine")
        if self.wanted.site is not None and shutil.which("nginx") is None:
            raise Refused(
                "nginx is not installed: install it, or say --no-proxy and put another proxy with TLS before it"
            )
        if not self.wanted.headquarters and not link and not self._setting("SHIFTBOOK_LEDGER"):
            raise Refused(
                "this worker has joined no fleet yet: say --join LINK (at headquarters: `shiftbook fleet invite NAME`)"
            )

    def _act(self, says: str, do: Callable[[], object]) -> None:
        """Does a step, or with `dry_run` only says it. A step without words belongs to the one before it."""
        if not self.dry_run:
            do()
        if says:
            self.report.changes.append(says)

    def _write(self, wanted: ManagedFile, *, unless: Path) -> bool:
        """Writes a file that is not as wanted; says whether. The one at `unless` is left to its own step."""
        if wanted.path == unless or wanted.state(self.machine.root) is FileState.SAME:
            return False
        self.report.diffs[str(wanted.path)] = wanted.diff(self.machine.root)
        self._act(f"write {wanted.path}", lambda: wanted.write(self.machine.root))
        return True

    def _account(self, planned: Sequence[ManagedFile], changed: set[Path]) -> None:
        users, folders = planned[0].path, planned[1].path
        if not _known_user():
            self._act(f"make the user {layout.USER}", lambda: self.machine.run("systemd-sysusers", str(users)))
        wanted = [layout.HOME, layout.CREDENTIALS, *([layout.BACKUPS] if self.wanted.headquarters else [])]
        missing = [str(path) for path in wanted if not path.is_dir()]
        if missing or folders in changed:
            says = f"make {', '.join(missing)}" if missing else ""
            self._act(says, lambda: self.machine.run("systemd-tmpfiles", "--create", str(folders)))

    def _home(self, settings: Mapping[str, str], link: str) -> None:
        """The node's settings and its ledger. All of it is done as the service's user: root follows no link of its."""
        there = self._environment()
        for name, value in settings.items():
            if name in there and there[name] != value:
                self.report.kept.append(f"{name}={there[name]} in {self._env_file} (it would be {value})")
        lines = "".join(f"{name}={value}\n" for name, value in settings.items() if name not in there)
        if lines:
            names = ", ".join(line.partition("=")[0] for line in lines.splitlines())
            self._act(f"set {names} in {self._env_file}", lambda: self._append(lines))
        if "SHIFTBOOK_LEDGER" in there:
            return
        program, folder = str(self.wanted.program), str(self._ledger_folder)
        if self.wanted.headquarters:
            self._act(f"make the ledger {folder}", lambda: self._run(program, "init", folder))
        else:
            self._act(
                f"join the fleet, with a clone in {folder}", lambda: self._run(program, "join", "-", folder, stdin=link)
            )

    def _run(self, *words: str, stdin: str = "") -> str:
        return self.machine.run(*words, stdin=stdin, as_user=self.wanted.system)

    @property
    def _user_home(self) -> Path:
        return layout.HOME if self.wanted.system else Path.home()

    @property
    def _env_file(self) -> Path:
        return self._user_home / layout.STATE / ".env"

    @property
    def _ledger_folder(self) -> Path:
        return layout.LEDGER if self.wanted.system else Path.home() / layout.LEDGER.name

    def _environment(self) -> dict[str, str]:
        """What the node's `.env` sets, as far as it is there."""
        if self.wanted.system and (not _known_user() or os.geteuid() != 0):
            return {}
        text = self._run("sh", "-c", 'test ! -e "$1" || cat "$1"', "sh", str(self._env_file))
        return {name: value or "" for name, value in dotenv_values(stream=StringIO(text)).items()}

    def _setting(self, name: str) -> str:
        return self._environment().get(name, "")

    @property
    def _backs_up_keys(self) -> bool:
        name = "SHIFTBOOK_BACKUP_TO"
        given = below(self.machine.root, layout.CREDENTIALS / name).exists()
        return given or (self.machine.live and bool(self._setting(name)))

    def _append(self, lines: str) -> None:
        script = (
            'umask 077; mkdir -p "${1%/*}"; test ! -s "$1" || test -z "$(tail -c1 "$1")" || echo >>"$1"; cat >>"$1"'
        )
        self._run("sh", "-c", script, "sh", str(self._env_file), stdin=lines)

    def _systemctl(self, *words: str, codes: Sequence[int] = (0,)) -> str:
        manager = [] if self.wanted.system else ["--user"]
        return self.machine.run("systemctl", *manager, *words, codes=codes)

    def _active(self, unit: str) -> bool:
        return self._systemctl("is-active", unit, codes=range(256)).strip() in {"active", "activating", "reloading"}

    def _property(self, unit: str, name: str) -> str:
        return self._systemctl("show", "--timestamp=unix", "-P", name, unit, codes=range(256)).strip()

    def _older_than_its_file(self, unit: str) -> bool:
        """Whether a unit was started before its file was written, as after a run that was broken off."""
        folder = layout.UNITS if self.wanted.system else user_units()
        started = self._property(unit, "ActiveEnterTimestamp").removeprefix("@")
        return started.isdigit() and (folder / unit).exists() and int((folder / unit).stat().st_mtime) > int(started)

    def _units(self, units_changed: bool, node_changed: bool) -> None:
        stale = any(self._property(unit, "NeedDaemonReload") == "yes" for unit in self.wanted.units)
        if units_changed or stale:  # stale: an earlier run ended before it got here
            self._act("", lambda: self._systemctl("daemon-reload"))
        for unit in self.wanted.units:
            if self._systemctl("is-enabled", unit, codes=range(256)).strip() != "enabled":
                self._act(f"enable {unit}", partial(self._systemctl, "enable", unit))
            if not self._active(unit):
                self._act(f"start {unit}", partial(self._systemctl, "start", unit))
            elif unit == "shiftbook.service" and (node_changed or self._older_than_its_file(unit)):
                says = f"restart {unit}, once the running work is done"
                self._act(says, partial(self._systemctl, "--no-block", "restart", unit))

    def _proxy(self, site: ManagedFile) -> None:
        """Writes the proxy's site; what nginx does not take is put back as it was."""
        before = site.read(self.machine.root)
        if not self._write(site, unless=Path()) or not self.machine.live or self.dry_run:
            return
        try:
            self.machine.run("nginx", "-t")
        except StepFailed:
            at = below(self.machine.root, site.path)
            at.unlink() if before is None else files.replace(at, before, mode=0o644)
            self.report.changes.pop()
            raise
        how = "reload" if self._active("nginx.service") else "start"
        self._act(f"{how} nginx", lambda: self.machine.run("systemctl", how, "nginx.service"))

    def _say_next(self) -> None:
        site, steps = self.wanted.site, self.report.next_steps
        if site is not None and not self._certified:
            steps.append(
                f"a certificate: certbot certonly --webroot -w {layout.CHALLENGES} -d {site.domain}"
                " (or --certificate and --certificate-key), then this command again: until then nobody is served"
            )
        if self.wanted.headquarters and not self._backs_up_keys:
            steps.append(
                f"the daily backup holds no keys: SHIFTBOOK_BACKUP_TO=age1… in {self._env_file}, and "
                f"{extra_command('age')}, have it save them, encrypted"
            )
        if self.wanted.headquarters:
            steps.append(f"let a worker in: sudo -u {layout.USER} -H {self.wanted.program} fleet invite NAME")
        elif not self.wanted.system:
            steps.append("it ends when you log out, unless you say once: loginctl enable-linger")


def _known_user() -> bool:
    try:
        pwd.getpwnam(layout.USER)
    except KeyError:
        return False
    return True
