"""A machine with versions, a database and perhaps a node; the programs are scripts of the shell."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.app.updates.going_back import node_runs
from orchestrator.app.updates.releases import Release
from orchestrator.app.updates.updater import Updater
from orchestrator.app.updates.version_dirs import VersionDirs
from orchestrator.core.errors import NotFound
from orchestrator.core.settings import Settings
from tests.waiting import until

ONE, TWO, THREE = (Release(tag=f"v1.{n}.0", commit="0" * 40, signer="releaser") for n in (1, 2, 3))
CHECKED = 'test "$1" = update-check && echo \'{"plug_ins": {}}\' && exit 0'
WORKS = f"""{CHECKED}
if [ "$1 $2" = "update-back --trial" ]; then
  ln -sfn versions/v1.1.0 "$3/current"; rm -r "$3/trial"; echo "${{0%/bin/*}} went back" | sed 's:.*/::' >&2; exit 0
fi
echo "$0" "$@"
"""
"""A version that can do what the other one asks of it."""


@dataclass
class Source:
    """A repository of releases, in memory."""

    known: dict[str, str] = field(default_factory=dict)
    """Tag → the script that is its program."""
    fetched: int = 0

    def fetch(self) -> None:
        self.fetched += 1

    def releases(self) -> list[Release]:
        return [Release(tag=tag, commit="0" * 40, signer="releaser") for tag in sorted(self.known, reverse=True)]

    def release(self, tag: str) -> Release:
        found = [each for each in self.releases() if each.tag == tag]
        if not found:
            raise NotFound(tag)
        return found[0]

    def export(self, release: Release, folder: Path) -> None:
        (folder / "program").write_text(f"#!/bin/sh\n{self.known[release.tag]}\n")


def install(source: Path, folder: Path) -> None:
    program = folder / "bin/shiftbook"
    program.parent.mkdir(parents=True)
    program.write_text((source / "program").read_text())
    program.chmod(0o755)


@dataclass
class Machine:
    """A machine with versions and a node's home."""

    dirs: VersionDirs
    settings: Settings
    source: Source
    said: list[str] = field(default_factory=list)
    moments: Iterator[float] = field(default_factory=lambda: iter(range(1_000_000)))

    def updater(self, install_: object = install) -> Updater:
        return Updater(
            dirs=self.dirs,
            source=self.source,  # type: ignore[arg-type]
            settings=self.settings,
            install=install_,  # type: ignore[arg-type]
            say=self.said.append,
            trial_seconds=20,
            clock=lambda: float(next(self.moments)),
            sleep=lambda _seconds: None,
        )

    def go_to(self, tag: str) -> None:
        updater = self.updater()
        wanted = updater.wanted(tag)
        assert wanted is not None
        updater.update(wanted)


class FakeNode:
    """Holds the home's lock as a node does, in a process of its own, until it is killed."""

    def __init__(self, settings: Settings, prefix: Path) -> None:
        script = (
            "import sys, os, time; from filelock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire(); "
            "open(sys.argv[2], 'w').write(f'{os.getpid()}\\n{sys.argv[3]}\\n'); time.sleep(300)"
        )
        files = (str(settings.home / "node.lock"), str(settings.home / "node.pid"))
        self.process = subprocess.Popen([sys.executable, "-c", script, *files, str(prefix)])
        said = settings.home / "node.pid"
        until(lambda: said.is_file() and said.read_text().count("\n") == 2, "the node holds its home")
        assert node_runs(settings)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def newer_schema(settings: Settings) -> None:
    """What a later version's migration leaves, as far as this one can tell."""
    with sqlite3.connect(settings.home / "shiftbook.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
