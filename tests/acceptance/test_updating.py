"""A node's program is replaced under it: by one that works, by one that ends at once, by one that hangs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.app.updates.releases import Release
from orchestrator.app.updates.updater import UpdateFailed, Updater
from orchestrator.app.updates.version_dirs import VersionDirs
from orchestrator.core.settings import Settings
from tests.acceptance.fleets import Fleet, command
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]
PACKAGES = ("orchestrator", "handoff", "missions", "sync", "mobile-bridge/mobile_bridge")
HANG = "\nimport time\n\n\ndef _hang(self: Node) -> bool:\n    time.sleep(600)\n\n\nNode.step = _hang\n"
BROKEN = {
    "v1.2.0": "import nothing_of_this_name\n",
    "v1.3.0": HANG,
    "v1.5.0": HANG.replace("time.sleep(600)", "raise SystemExit(1)"),
}
"""What is at the end of the node's loop in a version that cannot work: it does not start, hangs, ends in its round."""

pytestmark = pytest.mark.nightly  # `tests/orchestrator/app/updates` is the short form


@dataclass
class Releases:
    """A repository of releases: this very program, with another version, or with a fault."""

    tags: list[str]

    def fetch(self) -> None:
        """Nothing has to be fetched."""

    def export(self, release: Release, folder: Path) -> None:
        for package in PACKAGES:
            ignored = shutil.ignore_patterns("__pycache__", "page")
            shutil.copytree(ROOT / package, folder / Path(package).name, ignore=ignored)
        start = folder / "orchestrator/__init__.py"
        start.write_text(start.read_text().replace("0.1.0", release.tag.removeprefix("v")))
        if release.tag in BROKEN:
            with (folder / "orchestrator/node/loop.py").open("a") as loop:
                loop.write(BROKEN[release.tag])


def install(source: Path, folder: Path) -> None:
    """An environment of its own whose packages are those of the tests: what pip does has its own tests."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    shutil.copytree(source, site, dirs_exist_ok=True)
    theirs = next(each for each in sys.path if each.endswith("site-packages"))
    (site / "theirs.pth").write_text(f"{theirs}\n")
    program = folder / "bin/shiftbook"
    program.write_text(f"#!{folder}/bin/python\nimport sys\nfrom orchestrator.cli import main\nsys.exit(main())\n")
    program.chmod(0o755)


@dataclass
class Service:
    """Starts the node again whenever it ends, as systemd does."""

    dirs: VersionDirs
    fleet: Fleet
    node: str = "desk"
    started: int = 0
    _ending: threading.Event = field(default_factory=threading.Event)
    _process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        said = self.fleet.folder / self.node
        with said.with_suffix(".jsonl").open("ab") as out, said.with_suffix(".err").open("ab") as err:
            while not self._ending.is_set():
                words = [str(self.dirs.start), "node", "run", "--json"]
                env = self.fleet.environment(self.node, PYTHONWARNINGS="default")
                self._process = subprocess.Popen(words, env=env, cwd=self.fleet.folder, stdout=out, stderr=err)
                self.started += 1
                self._process.wait()
                self._ending.wait(0.2)

    def close(self) -> None:
        self._ending.set()
        if self._process is not None:
            self._process.kill()


@dataclass
class Updated:
    """A fleet with one node, whose program is one of several versions."""

    fleet: Fleet
    dirs: VersionDirs
    said: list[str] = field(default_factory=list)

    def update(self, tag: str, seconds: float = 120, work_seconds: float | None = None) -> None:
        settings = Settings(home=self.fleet.folder / "desk", node_id="desk", ledger=str(self.fleet.bare))
        Updater(
            dirs=self.dirs,
            source=Releases([tag]),  # type: ignore[arg-type]
            settings=settings,
            install=install,
            say=self.said.append,
            trial_seconds=seconds,
            work_seconds=work_seconds,
        ).update(Release(tag=tag, commit="0" * 40, signer="releaser"))

    @property
    def running(self) -> str:
        """The version that the node's own page tells."""
        text = (self.fleet.folder / "desk/capabilities.md").read_text()
        return next(word for word in ("1.0.0", "1.1.0", "1.2.0", "1.6.0") if f" {word}" in text)

    def does(self, name: str) -> None:
        """A mission that is filed now is done."""
        self.fleet.commit({f"missions/{name}.md": command("git --version")})
        self.fleet.wait(f"{name} is done", lambda: self.fleet.missions("--all").get(name, {}).get("status") == "done")


@pytest.fixture
def updated(fleet: Fleet) -> Iterator[Updated]:
    made = Updated(fleet=fleet.found("desk"), dirs=VersionDirs(fleet.folder / "program"))
    made.dirs.prepare()
    made.update("v1.0.0")
    service = Service(dirs=made.dirs, fleet=fleet)
    thread = threading.Thread(target=service.run, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        service.close()
        thread.join(timeout=PATIENCE)


def test_from_one_version_to_the_next_and_back_from_broken_ones(updated: Updated) -> None:
    updated.does("first")
    assert updated.running == "1.0.0"
    updated.update("v1.1.0")
    assert updated.dirs.current == "v1.1.0"
    until(lambda: updated.running == "1.1.0", "the new version tells what it is")
    updated.does("second")

    with pytest.raises(UpdateFailed, match=r"v1\.2\.0 does not work here.*nothing_of_this_name"):
        updated.update("v1.2.0")
    assert updated.dirs.current == "v1.1.0"
    updated.does("third")

    with pytest.raises(UpdateFailed, match=r"v1\.3\.0 did no round in 30 s; v1\.1\.0 is current again"):
        updated.update("v1.3.0", seconds=30)
    updated.does("fourth")

    with pytest.raises(UpdateFailed, match=r"v1\.5\.0 did no round in 3 starts; v1\.1\.0 is current again"):
        updated.update("v1.5.0", seconds=300)  # `start` has gone back long before
    updated.does("fifth")

    updated.update("v1.6.0")
    updated.does("sixth")
    assert updated.dirs.current == "v1.6.0"
    assert not os.path.lexists(updated.dirs.prefix / "trial")


def test_work_of_hours_goes_back_into_the_queue_and_costs_no_attempt(updated: Updated) -> None:
    """Where that was asked for: the next version takes it again, as the same attempt."""
    fleet = updated.fleet
    fleet.commit({"missions/long.md": command("sleep 600", max_retries=1)})
    fleet.wait("it runs", lambda: fleet.missions().get("long", {}).get("status") == "running")
    updated.update("v1.1.0", work_seconds=0)
    assert updated.said[-1] == "v1.1.0 runs, and has done a round"

    def begun() -> list[int]:
        return [event["attempt"] for event in fleet.events("desk") if event["event"] == "started"]

    fleet.wait("it runs again", lambda: len(begun()) == 2)
    assert begun() == [1, 1]
