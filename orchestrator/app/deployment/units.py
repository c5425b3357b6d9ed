"""What do the units of a node say? Text for systemd, as a function of what is to be deployed."""

from __future__ import annotations

from orchestrator.app.deployment.hardening import node_lines, plain_lines
from orchestrator.app.deployment.layout import BACKUPS, CHALLENGES, CREDENTIALS, HOME, LEDGER, USER, Deployment

KEPT_BACKUPS = 14
LEDGER_BACKUP = "shiftbook-backup-ledger.service"
SECRETS = f"LoadCredential=shiftbook:{CREDENTIALS}"
"""What each unit has that opens the node's settings: without it the node's database may seem to be another one."""
WATCHDOG_SECONDS = 60
"""Seconds without a sign of life after which systemd starts a node again; it is fed every third of that."""
STOP_SECONDS = 3600
"""Seconds that the running work may take to end before it is cut off; a second `systemctl kill` cancels it sooner."""


def node_unit(wanted: Deployment) -> str:
    """The unit of the node itself."""
    start = _command(wanted, "node", "run")
    system = [
        *(f"User={USER}", f"Group={USER}", f"WorkingDirectory={HOME}", "StateDirectory=shiftbook"),
        *("StateDirectoryMode=0700", f"Environment=HOME={HOME}", SECRETS, *_writable(wanted)),
    ]
    return _text(
        ("Unit", [f"Description=Shiftbook {wanted.label}", "StartLimitIntervalSec=0", *_network(wanted)]),
        (
            "Service",
            [
                *("Type=notify", "NotifyAccess=main", f"ExecStart={start}"),
                *(system if wanted.system else []),
                "Environment=PATH=" + ":".join(wanted.search),
                *("Restart=on-failure", "RestartSec=15", "# a wrong setting: no restart mends it"),
                *("RestartPreventExitStatus=2", f"WatchdogSec={WATCHDOG_SECONDS}", "TimeoutStartSec=1h"),
                *(f"TimeoutStopSec={STOP_SECONDS}", "KillMode=mixed", "# a control group for each run"),
                *("Delegate=yes", "# a run that takes too much memory ends, and the node tells it"),
                *("OOMPolicy=continue", f"MemoryMax={wanted.memory}"),
                *("TasksMax=4096", "LimitNOFILE=16384", *node_lines(system=wanted.system)),
            ],
        ),
        ("Install", [f"WantedBy={'multi-user' if wanted.system else 'default'}.target"]),
    )


def _writable(wanted: Deployment) -> list[str]:
    """What the node's unit may write to beside its home: an update by a mission goes on from within it."""
    if wanted.versions is None or wanted.versions.is_relative_to(HOME):
        return []
    return ["# where updates are installed", f"ReadWritePaths={wanted.versions}"]


def backup_unit(wanted: Deployment) -> str:
    """The unit that saves what of the node cannot be made again. It sees the node's secrets: its database may be one.

    The ledger's is wanted, not required: neither goes unsaved because the other one failed.
    """
    save = _command(wanted, "backup", str(BACKUPS), "--keep", str(KEPT_BACKUPS))
    after = (f"Wants={LEDGER_BACKUP}", f"After={LEDGER_BACKUP} network-online.target", "Wants=network-online.target")
    return _saving("Backup of Shiftbook", f"ExecStart={save}", SECRETS, unit=after)


def ledger_backup_unit() -> str:
    """The unit that saves the ledger that the node serves, as one bundle."""
    bundle = f"git -C {LEDGER}.git bundle create --quiet {BACKUPS}/{LEDGER.name}.bundle --all"
    return _saving("Backup of Shiftbook's ledger", f"ExecStart=/usr/bin/env {bundle}")


def _saving(what: str, *lines: str, unit: tuple[str, ...] = ()) -> str:
    return _text(
        ("Unit", [f"Description={what}", *unit]),
        (
            "Service",
            [
                *("Type=oneshot", f"User={USER}", f"Group={USER}", f"WorkingDirectory={HOME}", *lines),
                *(f"Environment=HOME={HOME}", f"ReadWritePaths={HOME} {BACKUPS}"),
                *("Nice=10", "IOSchedulingClass=idle", *plain_lines()),
            ],
        ),
    )


def backup_timer() -> str:
    """When the backup is made: once a day, also after a day that the machine slept through."""
    return _text(
        ("Unit", ["Description=Daily backup of Shiftbook"]),
        ("Timer", ["OnCalendar=daily", "RandomizedDelaySec=1h", "Persistent=yes"]),
        ("Install", ["WantedBy=timers.target"]),
    )


def system_user() -> str:
    """The user of the node, for systemd-sysusers."""
    return f'u {USER} - "Shiftbook" {HOME} /bin/sh\n'


def folders(wanted: Deployment) -> str:
    """The folders that must be there, for systemd-tmpfiles; nothing in them is ever cleaned away."""
    lines = [f"d {HOME} 0700 {USER} {USER}", f"d {CREDENTIALS} 0700 root root"]
    lines += [f"d {BACKUPS} 0700 {USER} {USER}"] if wanted.headquarters else []
    lines += [f"d {CHALLENGES} 0755 root root"] if wanted.site is not None else []
    return "".join(f"{line}\n" for line in lines)


def _network(wanted: Deployment) -> list[str]:
    """A user's manager does not know when the network is up; the node then tries again."""
    return ["After=network-online.target", "Wants=network-online.target"] if wanted.system else []


def _command(wanted: Deployment, *words: str) -> str:
    return " ".join((str(wanted.program), *words))


def _text(*sections: tuple[str, list[str]]) -> str:
    return "\n".join(f"[{name}]\n" + "".join(f"{line}\n" for line in lines) for name, lines in sections)
