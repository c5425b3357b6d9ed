"""Is the disk back to where it was after many missions went through two nodes?

Six missions by default, one of each kind; SHIFTBOOK_MISSIONS=200 for the figure in the promise (`make tidy`). They do
all that leaves something behind: clones of a project, megabytes of files, failures, changes that may not be pushed.
"""

from __future__ import annotations

import json
import os

import pytest

from missions.document import with_fields
from orchestrator.execution.workspace.disk_usage import folder_bytes
from tests.acceptance.fleets import Fleet, command

MANY = int(os.environ.get("SHIFTBOOK_MISSIONS", "6"))
NODES = ("desk", "vps")
LITTLE = 256 * 1024
"""Bytes by which folders may differ: directories do not shrink, and a kept clone learns of its server's branches."""


def mission(number: int) -> str:
    """One of a mixed lot: half of them change a project, some fail, some leave much, some change what they may not."""
    change = 'echo "$SHIFTBOOK_MISSION" >> out.txt; head -c 300000 /dev/urandom > data.bin'
    match number % 10:
        case 0:
            return command(f"{change}; exit 3", project="shop", max_retries=1)
        case 1:
            return command(f"{change}", project="shop", max_retries=1, scope=["docs/**"])
        case 2 | 6 | 7:
            return command(change, project="shop")
        case 3 | 8:
            return command("mkdir -p a/b; for n in $(seq 50); do head -c 100000 /dev/zero > a/b/$n; done")
        case 4:
            return command("exit 7", max_retries=1)
        case _:
            return command("echo done")


def strays(count: int) -> set[str]:
    """Those that changed what they may not: their work is on no server."""
    return {f"m-{n}" for n in range(count) if n % 10 == 1}


def project(fleet: Fleet) -> None:
    """A project on a server of its own, which both nodes may push to."""
    fleet.git("init", "--quiet", "--bare", "--initial-branch=main", str(fleet.folder / "shop.git"), folder=fleet.folder)
    source = fleet.folder / "shop"
    fleet.git("clone", "--quiet", str(fleet.folder / "shop.git"), str(source), folder=fleet.folder)
    (source / "a.txt").write_text("a\n", encoding="utf-8")
    for words in (("add", "."), ("commit", "--quiet", "-m", "first"), ("push", "--quiet", "origin", "HEAD:main")):
        fleet.git(*words, folder=source)


def used(fleet: Fleet) -> dict[str, int]:
    """Bytes of what each node keeps beside its copy of the ledger and its database."""
    folders = [(node, name) for node in NODES for name in ("work", "chats", "cache")]
    return {f"{node}/{name}": folder_bytes(fleet.folder / node / name) for node, name in folders} | {
        "tmp": folder_bytes(fleet.folder / "tmp")
    }


@pytest.mark.timeout(1200 + 6 * MANY)
def test_many_missions_leave_nothing_that_policy_does_not_keep(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the folders whose changes nobody has accepted yet, and none when those are called off."""
    fleet.beat = 10.0  # two busy cores: nobody is to be taken for dead
    fleet.found(*NODES)
    project(fleet)
    text = (fleet.clone / "fleet.toml").read_text(encoding="utf-8")
    shop = f'[projects.shop]\nurl = "{fleet.folder / "shop.git"}"\n'
    fleet.commit({"fleet.toml": f"{text}\n[workspaces]\nkeep_days = 0\n{shop}"})
    (fleet.folder / "tmp").mkdir()
    for node in NODES:
        fleet.start(node, SHIFTBOOK_SLOTS="4", TMPDIR=str(fleet.folder / "tmp"))
        fleet.ready(node)
    fleet.commit({f"missions/first-{node}.md": command("true", project="shop", to=[node]) for node in NODES})
    _ended(fleet, 2)
    fleet.wait("their folders are gone", lambda: folders(fleet) == set())
    before = used(fleet)
    most = 0
    for first in range(0, MANY, 20):
        fleet.commit({f"missions/m-{n}.md": mission(n) for n in range(first, min(first + 20, MANY))})
        _ended(fleet, 2 + min(first + 20, MANY))
        most = max(most, sum(used(fleet).values()))
    fleet.wait("only what is nobody's yet is left", lambda: folders(fleet) == _undecided(fleet))
    assert strays(MANY) <= folders(fleet), "what was never pushed is still there"
    _call_off_the_rest(fleet)
    fleet.wait("nothing is left", lambda: folders(fleet) == set())
    after = used(fleet)
    assert {name: size for name, size in after.items() if size > before[name] + LITTLE} == {}
    with capsys.disabled():
        sums = [sum(each.values()) / 1024**2 for each in (before, after)]
        peak = f"at most {most / 1024**2:.1f} MiB after a batch of 20"
        print(f"\n{MANY} missions: {sums[0]:.2f} MiB before, {peak}, {sums[1]:.2f} MiB after")


def folders(fleet: Fleet) -> set[str]:
    """The missions whose folders are there."""
    found: set[str] = set()
    for node in NODES:
        work = fleet.folder / node / "work"
        names = [path.name for path in work.iterdir()] if work.is_dir() else []
        found |= {name.rpartition("-")[0] if not name.startswith(".") else name for name in names}
    return found


def _undecided(fleet: Fleet) -> set[str]:
    """Open missions of which some folder holds changes that are on no server."""
    paths = [path for node in NODES for path in (fleet.folder / node / "work").glob("*/label.json")]
    labels = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    unpushed = {label["mission"] for label in labels if label["unpushed"]}
    return unpushed & {name for name, one in fleet.missions().items() if one["status"] not in {"done", "cancelled"}}


def _call_off_the_rest(fleet: Fleet) -> None:
    """A person marks every mission that is still open as cancelled, in one commit."""
    fleet.git("pull", "--quiet", "--rebase")
    still = [path for path in (fleet.clone / "missions").glob("*.md") if path.name != "README.md"]
    texts = {f"missions/{path.name}": path.read_text(encoding="utf-8") for path in still}
    fleet.commit({name: with_fields(text, {"status": "cancelled"}) for name, text in texts.items()})


def _ended(fleet: Fleet, many: int) -> None:
    ended = {"done", "dead", "cancelled", "review"}
    left = [""]

    def over() -> bool:
        missions = fleet.missions("--limit", "0")
        left[0] = ", ".join(sorted(name for name, one in missions.items() if one["status"] not in ended))
        return len(missions) == many and not left[0]

    fleet.wait(f"all {many} have ended", over)
