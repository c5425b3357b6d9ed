"""Does the clean-up take what nobody needs, and never what is neither pushed nor accepted?"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from missions.document import with_fields
from missions.lease import ClaimState
from orchestrator.chat.tools.workspace import ChatWorkspaces
from orchestrator.core.disk_space import MIN_FREE_BYTES_RUN
from orchestrator.core.ports.agent import AgentJob, Outcome, Project
from orchestrator.core.ports.model import Stop
from orchestrator.execution.free_space import MIN_FREE_INODES, FreeSpace
from orchestrator.execution.workspace import cleanup, disk_usage
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs, AttemptLabel, read_label
from orchestrator.execution.workspace.chat_dirs import ChatDirs
from orchestrator.execution.workspace.cleanup import Cleanup
from orchestrator.execution.workspace.clone import Workspaces
from orchestrator.execution.workspace.disk_usage import DiskUsage, last_disk_usage, measure_disk_usage
from orchestrator.execution.workspace.run_tools import SETUP_FILE, SETUPS_FOLDER
from orchestrator.execution.workspace.spare import SPARE_DAYS, SPARES_FOLDER
from orchestrator.ledger.claims import keep_late
from tests.ledgers import FLEET, NOON, Peer, Ticks, Town, record, working
from tests.orchestrator.repositories import git

RULES = FLEET.format(trust="remote") + "[workspaces]\nkeep_days = {days}\ndisk_gib = {gib}\n"
MIB = 1024 * 1024
PATH = "missions/m.md"
FILE = "---\nmax_retries: 3\n---\nDo it.\n"


@dataclass
class Home:
    """A node's home folder with its clean-up."""

    town: Town
    folder: Path
    waiting: set[tuple[str, int]] = field(default_factory=set)
    chats: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.peer = self.town.peer("n1")
        self.folders = AttemptDirs(self.folder / "work")
        self.cleanup = Cleanup(
            home=self.folder,
            node="n1",
            folders=self.folders,
            chats=ChatDirs(self.folder / "chats", lambda name: name in self.chats),
            waiting=lambda: self.waiting,
            now=self.town.clock,
            clock=Ticks(),
            tell=lambda _event, words, **_facts: self.told.append(words),
        )

    def clear(self) -> list[str]:
        """What went, by name."""
        return [path.name for path in self.cleanup.clear(self.peer.ledger())]

    def left(
        self, mission: str, epoch: int, state: ClaimState = ClaimState.DONE, *, size: int = 1, **facts: bool
    ) -> Path:
        """A folder that an attempt left, a moment after the one before."""
        self.town.clock.forward(1)
        path, _ = self.folders.open(AttemptLabel(mission=mission, epoch=epoch, attempt=1))
        (path / "tree").mkdir()
        (path / "tree" / "data").write_bytes(b"x" * size)
        if facts.pop("session", False):
            (path / "session.json").write_text("{}")
        unpushed = facts.pop("unpushed", False)
        self.folders.ended(mission, epoch, state, unpushed=unpushed, when=self.town.clock())
        return path


def home(tmp_path: Path, *, days: float = 0, gib: float = 10, files: dict[str, str] | None = None) -> Home:
    rules = RULES.format(days=days, gib=gib)
    tmp_path.joinpath("home").mkdir()
    return Home(Town({"fleet.toml": rules, **(files or {})}), tmp_path / "home")


def test_folders_are_kept_for_as_long_as_the_policy_says(tmp_path: Path) -> None:
    """A day, and not a second more; what is left of a removal that was cut off goes, too."""
    here = home(tmp_path, days=1)
    here.left("m", 1)
    (here.folder / "work" / ".gone-123" / "deep").mkdir(parents=True)
    here.town.clock.forward(86_399)
    assert here.clear() == []
    here.town.clock.forward(1)
    assert here.clear() == ["m-1"]
    assert list((here.folder / "work").iterdir()) == []
    assert here.told == ["removed 1 workspace that nobody needs any more"]


def test_the_oldest_go_first_where_all_takes_too_much(tmp_path: Path) -> None:
    """Only as many as it takes; what must stay stays, although it is the oldest and the largest."""
    here = home(
        tmp_path, days=100, gib=4 / 1024, files={"missions/parked.md": "---\nstatus: parked\nepoch: 1\n---\nx\n"}
    )
    here.left("parked", 1, ClaimState.PARKED, size=3 * MIB, session=True)
    for name in ("a", "b", "c"):
        here.left(name, 1, size=MIB)
    assert here.clear() == ["a-1", "b-1", "c-1"]
    for name in ("d", "e", "f"):
        here.left(name, 1, size=MIB // 4)
    assert here.clear() == []
    assert sorted(path.name for path in (here.folder / "work").iterdir()) == ["d-1", "e-1", "f-1", "parked-1"]


Spoil = Callable[[Home], None]


def _running(here: Home) -> None:
    here.folders.open(AttemptLabel(mission="m", epoch=1))


def _claimed(here: Home) -> None:
    """The node was restarted and has not taken its mission up yet."""
    here.peer.hold("m")
    here.left("m", 1, ClaimState.RUNNING)


def _letter(here: Home) -> None:
    here.left("m", 1)
    here.waiting.add(("m", 1))


def _late(here: Home) -> None:
    here.left("m", 1)
    other = here.town.peer("n2")
    held = other.hold("m")
    keep_late(other.bus, replace(held.claim, node="n1"), record(held))


def _parked(here: Home) -> None:
    here.peer.attempt("m", ClaimState.PARKED)
    here.peer.fold()
    here.left("m", 1, ClaimState.PARKED, session=True)


def _resumed(here: Home) -> None:
    _parked(here)
    here.peer.push({PATH: with_fields(here.peer.text(PATH), {"status": "queued"})})


def _not_folded(here: Home) -> None:
    here.peer.attempt("m", ClaimState.PARKED)
    here.left("m", 1, ClaimState.PARKED, session=True)


def _unpushed(here: Home) -> None:
    here.peer.attempt("m", ClaimState.FAILED)
    here.peer.fold()
    here.left("m", 1, ClaimState.FAILED, unpushed=True)


def _broken(here: Home) -> None:
    _parked(here)
    here.peer.push({PATH: "---\nstatus: [\n---\n"})


@pytest.mark.parametrize(
    "spoil", [_running, _claimed, _letter, _late, _parked, _resumed, _not_folded, _unpushed, _broken]
)
def test_what_is_neither_pushed_nor_accepted_stays(tmp_path: Path, spoil: Spoil) -> None:
    """However old it is, and however little it may take."""
    here = home(tmp_path, days=0, gib=1e-9, files={PATH: FILE})
    spoil(here)
    here.town.clock.forward(365 * 86_400)
    assert here.clear() == []
    assert here.cleanup.clear(here.peer.ledger(), all_of_it=True) == []
    assert (here.folder / "work" / "m-1").is_dir()


def _accepted(peer: Peer) -> None:
    peer.attempt("m", ClaimState.DONE)
    peer.fold()


def _overtaken(peer: Peer) -> None:
    """It was parked once more since, in another folder."""
    for _ in range(2):
        peer.attempt("m", ClaimState.PARKED)
        peer.fold()
        peer.push({PATH: with_fields(peer.text(PATH), {"status": "queued"})})


def _deleted(peer: Peer) -> None:
    peer.push({PATH: None})


@pytest.mark.parametrize("over", [_accepted, _overtaken, _deleted])
def test_it_goes_once_that_is_over(tmp_path: Path, over: Callable[[Peer], None]) -> None:
    """The result is accepted, somebody else went on with the mission, or a person took it away."""
    here = home(tmp_path, files={PATH: FILE})
    over(here.peer)
    here.left("m", 1, ClaimState.PARKED, session=True)
    here.left("n", 1, ClaimState.FAILED, unpushed=True)
    assert sorted(here.clear()) == ["m-1", "n-1"]


def test_a_folder_that_is_taken_into_use_is_not_removed(tmp_path: Path) -> None:
    """An attempt goes on in it at the very moment."""
    here = home(tmp_path)
    path = here.left("m", 1, ClaimState.PARKED, session=True)
    assert here.folders.open(AttemptLabel(mission="m", epoch=2)) == (path, True)
    assert read_label(path) == AttemptLabel(mission="m", epoch=2)
    assert here.folders.of("m", 2) == path
    assert not here.folders.remove(path)
    here.folders.leave("m", 2)
    assert here.folders.remove(path)


def test_an_attempt_after_a_failed_one_begins_afresh(tmp_path: Path) -> None:
    """Also where a session is left, and also after a later epoch of somebody else."""
    here = home(tmp_path)
    path = here.left("m", 1, ClaimState.FAILED, session=True)
    assert here.folders.open(AttemptLabel(mission="m", epoch=2)) == (path.parent / "m-2", False)
    here.left("m", 3, ClaimState.PARKED, session=True)
    assert here.folders.open(AttemptLabel(mission="m", epoch=5)) == (path.parent / "m-5", False)


def test_folders_without_a_label_are_known_by_their_names(tmp_path: Path) -> None:
    """As an earlier version left them; what is no attempt's folder is left alone."""
    here = home(tmp_path)
    for name in ("a-b-12", "notes", ".hidden-1"):
        (here.folder / "work" / name).mkdir(parents=True)
    (here.folder / "work" / "file-1").write_text("x")
    here.town.clock.at = NOON + timedelta(days=36_500)
    assert here.clear() == ["a-b-12"]
    assert len(list((here.folder / "work").iterdir())) == 3


def test_a_kept_clone_goes_when_it_was_not_used_for_long_and_nobody_holds_it(tmp_path: Path) -> None:
    """Thirty days at least, whatever attempts are kept for."""
    here = home(tmp_path)
    clone = here.folder / "cache" / "shop-1.git"
    (clone / "objects").mkdir(parents=True)
    here.town.clock.at = cleanup._modified_at(clone) + timedelta(days=29)
    assert here.clear() == []
    here.town.clock.forward(2 * 86_400)
    with FileLock(clone.with_suffix(".lock")):
        assert here.clear() == []
    assert here.clear() == ["shop-1.git"]


def _spare(here: Home, name: str, *, size: int = 1) -> Path:
    """A workspace that stands ready; its project was worked on now."""
    place = here.folder / "cache" / SPARES_FOLDER / name
    (place / "tree").mkdir(parents=True)
    (place / "tree" / "data").write_bytes(b"x" * size)
    place.with_name(f"{name}.json").write_text('{"branch": "main"}')
    here.town.clock.at = cleanup._modified_at(place.with_name(f"{name}.json"))
    return place


def test_a_spare_goes_first_where_all_takes_too_much(tmp_path: Path) -> None:
    """It is the youngest, and still nobody has used it; none is made anew before the next attempt at the project."""
    here = home(tmp_path, days=100, gib=3 / 1024)
    here.left("a", 1, size=2 * MIB)
    place = _spare(here, "shop-1", size=2 * MIB)
    assert here.clear() == ["shop-1"]
    assert list(place.parent.iterdir()) == []


def test_a_spare_goes_with_a_full_disk_and_after_some_days(tmp_path: Path) -> None:
    """It stays while its project is worked on, and is the first that a full disk costs."""
    here = home(tmp_path, days=100)
    _spare(here, "shop-1")
    here.town.clock.forward((SPARE_DAYS - 1) * 86_400)
    assert here.clear() == []
    here.town.clock.forward(86_400)
    assert here.clear() == ["shop-1"]
    place = _spare(here, "shop-2")
    here.cleanup.clear(here.peer.ledger(), all_of_it=True)
    assert not place.exists()


def test_a_projects_set_up_goes_when_it_was_not_used_for_a_day(tmp_path: Path) -> None:
    """Runs may read one that was used since, however much room is wanted."""
    here = home(tmp_path, days=0, gib=1e-9)
    done = here.folder / "cache" / SETUPS_FOLDER / "shop-1" / "abc" / SETUP_FILE
    done.parent.mkdir(parents=True)
    done.write_text("{}")
    here.town.clock.at = cleanup._modified_at(done) + timedelta(hours=23)
    assert here.clear() == []
    here.town.clock.forward(3600)
    assert here.clear() == ["shop-1"]


# -- chats ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def grounds(tmp_path: Path) -> tuple[Home, ChatWorkspaces, Project]:
    """A home whose chats work in a real project."""
    here = home(tmp_path)
    source = tmp_path / "source"
    source.mkdir()
    git(source, "init", "--quiet", "--initial-branch=main", ".")
    (source / "a.txt").write_text("a\n")
    (source / ".gitignore").write_text("*.log\n")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "-m", "first")
    made = ChatWorkspaces(folder=here.folder / "chats", workspaces=Workspaces(cache=here.folder / "cache"))
    return here, made, Project(name="shop", url=str(source))


def later(here: Home) -> list[str]:
    """What of the chats goes in two days."""
    now = max((here.cleanup.chats.used(path) for path in (here.folder / "chats").iterdir()), default=NOON)
    here.town.clock.at = now + timedelta(days=2)
    return [name for name in here.clear() if not name.endswith(".git")]


def test_a_chats_workspace_goes_only_when_nothing_was_done_in_it(grounds: tuple[Home, ChatWorkspaces, Project]) -> None:
    """Unchanged for a day, or its conversation deleted; a changed, a new and a committed file keep it."""
    here, made, project = grounds
    never = threading.Event()
    for name in ("same", "changed", "new", "committed", "deleted", "built"):
        made.open(name, project, never)
    (made.folder / "changed" / "tree" / "a.txt").write_text("b\n")
    (made.folder / "deleted" / "tree" / "a.txt").write_text("b\n")
    (made.folder / "new" / "tree" / "b.txt").write_text("b\n")
    (made.folder / "built" / "tree" / "b.log").write_text("b\n")
    tree = made.folder / "committed" / "tree"
    (tree / "a.txt").write_text("c\n")
    git(tree, "-c", "core.worktree=" + str(tree), "commit", "--quiet", "-am", "mine")
    here.chats |= {"same", "changed", "new", "committed", "built"}
    assert here.clear() == []
    assert sorted(later(here)) == ["built", "deleted", "same"]
    assert sorted(path.name for path in made.folder.iterdir()) == ["changed", "committed", "new"]


def test_a_chat_without_a_project_keeps_its_files(grounds: tuple[Home, ChatWorkspaces, Project]) -> None:
    """An empty one goes."""
    here, made, _ = grounds
    for name in ("empty", "full"):
        made.open(name, None, threading.Event())
    (made.folder / "full" / "tree" / "notes.txt").write_text("x")
    here.chats |= {"empty", "full"}
    assert later(here) == ["empty"]


@pytest.mark.parametrize("taken", [False, True])
def test_a_chat_that_was_moved_aside_when_its_node_died_keeps_its_work(
    grounds: tuple[Home, ChatWorkspaces, Project], taken: bool
) -> None:
    """Between moving it aside and looking at it again anything may have happened, and a turn may have begun anew."""
    here, made, project = grounds
    path = made.open("c", project, threading.Event()).folder
    here.chats.add("c")
    (path / "tree" / "new.txt").write_text("unsaved\n")
    aside = path.with_name(".aside-c")
    path.rename(aside)
    if taken:
        made.open("c", project, threading.Event())
    left = list(here.cleanup.chats.idle())
    assert left == ([path] if taken else [])
    assert ((aside if taken else path) / "tree" / "new.txt").read_text() == "unsaved\n"


def test_a_chat_that_wakes_up_while_it_is_removed_is_put_back(grounds: tuple[Home, ChatWorkspaces, Project]) -> None:
    """It is looked at again after it was moved aside."""
    here, made, project = grounds
    path = made.open("c", project, threading.Event()).folder
    looks = iter([True, False])
    chats = here.cleanup.chats
    object.__setattr__(chats, "_is_disposable", lambda _path, _name: next(looks))
    assert list(chats.idle()) == [path]
    assert not chats.remove(path)
    assert (path / "tree" / "a.txt").exists()


# -- in the node ------------------------------------------------------------------------------------------------------


def test_a_node_clears_after_its_attempts_and_counts_what_is_left(tmp_path: Path) -> None:
    """In a thread of its own; what it counted is told to doctor and to the other nodes."""
    here = home(tmp_path, files={f"missions/m{n}.md": "x\n" for n in range(5)})
    ticks = Ticks()
    clearing = replace(here.cleanup, clock=ticks)
    node = working(here.peer, here.folder, slots=5, ticks=ticks, cleanup=clearing)
    for _ in range(20):
        node.step()
        clearing.wait()
        node.ticks.at += 31
    assert node.peer.ledger().open == {}
    assert list((here.folder / "work").iterdir()) == []
    node.ticks.at += 3600  # it counts every hour
    node.step()
    clearing.wait()
    found = last_disk_usage(here.folder)
    assert (found.folders, found.counted) == (0, "2026-11-21T12:00:00+00:00")
    assert found.free > 0
    assert "(0 folders of attempts)" in found.says


def test_what_had_to_stay_at_the_start_goes_when_it_is_decided(tmp_path: Path) -> None:
    """A restarted node does not wait for an hour to look again."""
    here = home(tmp_path, files={PATH: FILE})
    here.peer.attempt("m", ClaimState.FAILED)
    here.peer.fold()
    path = here.left("m", 1, ClaimState.FAILED, unpushed=True)
    ticks = here.cleanup.clock
    for decided in (False, True):
        if decided:
            here.peer.push({PATH: None})
            ticks.at += cleanup.RECHECK_SECONDS  # type: ignore[attr-defined]
        here.cleanup.step(here.peer.ledger())
        here.cleanup.wait()
        assert path.exists() is not decided


def test_a_full_disk_is_cleared_and_waited_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may go goes; if that is not enough, nothing is claimed until there is room, and a person hears why."""
    here = home(tmp_path, days=100, files={f"missions/m{n}.md": "x\n" for n in range(3)})
    old = here.left("old", 1)
    free = [0]
    monkeypatch.setattr(cleanup, "free_space", lambda _folder: FreeSpace(size=free[0]))
    node = working(here.peer, here.folder, cleanup=here.cleanup)
    node.settle()
    here.cleanup.wait()
    assert not old.exists()
    assert [filed.mission.status.value for filed in node.peer.ledger().open.values()] == ["queued"] * 3
    full = "the disk of n1 is full: 0.0 MiB free, 0.5 GiB needed (workspaces.free_gib)"
    assert here.told[-1] == f"{full}: nothing is taken on until there is room"
    free[0] = 2**40
    node.settle()
    assert len(node.agent.jobs) == 3
    assert node.peer.ledger().open == {}


def test_what_is_claimed_may_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One threshold: a fleet that asks for less than a run needs does not have its missions claimed and parked."""
    here = home(tmp_path, files={"fleet.toml": RULES.format(days=0, gib=10) + "free_gib = 0\n"})
    ledger = here.peer.ledger()
    assert ledger.charter.workspaces.free_gib == 0
    for size, inodes in (
        (MIN_FREE_BYTES_RUN - 1, None),
        (2**40, MIN_FREE_INODES - 1),
        (MIN_FREE_BYTES_RUN, MIN_FREE_INODES),
    ):
        space = FreeSpace(size=size, inodes=inodes)
        monkeypatch.setattr(cleanup, "free_space", lambda _folder, space=space: space)
        assert here.cleanup.has_room(ledger) is not bool(space.shortage())
        assert bool(here.cleanup.full_reason(ledger)) is bool(space.shortage())
    assert here.cleanup.has_room(ledger)


def test_a_count_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    """A home that nobody counted yet, and a file that is no count."""
    assert last_disk_usage(tmp_path).work == 0
    (tmp_path / disk_usage.DISK_USAGE_FILE).write_text(json.dumps({"work": 1, "more": 2}))
    assert last_disk_usage(tmp_path) == replace(
        DiskUsage(), free=last_disk_usage(tmp_path).free, total=last_disk_usage(tmp_path).total
    )
    (tmp_path / "work" / "m-1").mkdir(parents=True)
    (tmp_path / "work" / "m-1" / "big").write_bytes(b"x" * MIB)
    found = measure_disk_usage(tmp_path, NOON)
    assert (found.folders, found.work >= MIB, found.chats) == (1, True, 0)


def test_without_a_clean_up_a_folder_goes_at_once_unless_the_mission_may_go_on(tmp_path: Path) -> None:
    """A node without one, as in simulations."""
    town = Town({PATH: FILE})
    node = working(town.peer("n1"), tmp_path)
    parked = iter([True, False])

    def does(job: AgentJob, _stop: Stop) -> Outcome:
        (job.folder / "session.json").write_text("{}")
        return Outcome(ok=False, summary="x", parked="quota") if next(parked) else Outcome(ok=True, summary="x")

    node.agent.does = does
    node.settle()
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["m-1"]
    node.peer.push({PATH: with_fields(node.peer.text(PATH), {"status": "queued"})})
    node.settle()
    assert list((tmp_path / "work").iterdir()) == []
