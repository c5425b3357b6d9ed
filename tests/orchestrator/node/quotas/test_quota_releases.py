"""Work that meets the end of a window: does it go on where it was, and does somebody hear of it in the end?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from missions.document import RESULT_MARK
from missions.lease import ClaimState
from missions.mission import Status
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop, Usage
from orchestrator.core.quota_window import QuotaWindow
from orchestrator.execution.process.runner import Ending
from orchestrator.execution.program_round import MAX_KEPT_REST, _windows
from orchestrator.execution.programs.port import ErrorKind, Launch, ParsedOutput
from orchestrator.execution.turn import RoundResult
from orchestrator.execution.workspace.attempt_dirs import SESSION_FILE, AttemptDirs, AttemptLabel
from orchestrator.ledger import claims
from orchestrator.ledger.repeated_ending import quota_releases
from orchestrator.ledger.result_report import build_record
from orchestrator.node.executor import CancelToken
from orchestrator.node.quotas.quota_book import QuotaBook
from tests.ledgers import FLEET, Clock, Scripted, Town, Working, working

RULES = FLEET.format(trust="remote") + "[quotas]\njitter_seconds = 0\n"
WINDOW = timedelta(hours=5)


def used_up(clock: Clock) -> QuotaWindow:
    """What the maker says when it turns work away."""
    return QuotaWindow(kind="five_hour", resets_at=clock() + WINDOW, exhausted=True)


def meets_its_window(clock: Clock, *, worked: bool = True) -> Scripted:
    """An agent that works, keeps its session, and is turned away."""

    def does(job: AgentJob, _stop: Stop) -> Outcome:
        (job.folder / SESSION_FILE).write_text("{}")
        return Outcome(
            ok=False,
            summary="Cut off.",
            parked="quota: limit",
            usage=Usage(tokens_out=100 if worked else 0),
            windows=(used_up(clock),),
            out_of_quota=True,
        )

    return Scripted(does=does, name="claude")


def node(town: Town, name: str, folder: Path, agent: Scripted) -> Working:
    """A node with one agent and its book."""
    quota = QuotaBook(node=name, now=town.clock)
    return working(town.peer(name), folder / name, agents={"claude": agent}, offered={"claude"}, quota=quota)


def test_a_released_mission_goes_on_in_its_own_session(tmp_path: Path) -> None:
    """Its node keeps its workspace and is named for it; once the window is over it goes on there, in the same
    folder."""
    town = Town({"fleet.toml": RULES, "missions/m.md": "---\nagent: claude\n---\nDo it.\n"})
    agent = meets_its_window(town.clock)
    desk = node(town, "desk", tmp_path, agent)
    desk.settle()
    found = desk.peer.ledger().open["m"].mission
    assert (found.status, found.attempt, found.kept_on) == (Status.QUEUED, 0, "desk")
    town.clock.forward(WINDOW.total_seconds())
    desk.settle()
    assert [job.goes_on for job in agent.jobs] == [False, True]
    assert agent.jobs[0].folder == agent.jobs[1].folder


def test_what_was_not_even_begun_leaves_the_keeper_as_it_was(tmp_path: Path) -> None:
    """The window had ended again between the claim and the start: the workspace is where it was."""
    town = Town({"fleet.toml": RULES, "missions/m.md": "---\nagent: claude\n---\nDo it.\n"})
    agent = meets_its_window(town.clock)
    desk = node(town, "desk", tmp_path, agent)
    desk.settle()
    held, ledger = desk.peer.hold("m"), desk.peer.ledger()
    ended_at_once = desk.executor.attempt(ledger, ledger.open["m"].mission, held.claim, CancelToken(), ())
    assert ended_at_once.outcome.summary.startswith("Not started: ")
    record = build_record(ended_at_once)
    assert claims.complete(desk.peer.bus, held, record, state=ended_at_once.state).accepted
    desk.peer.fold()
    found = desk.peer.ledger().open["m"].mission
    assert (found.epoch, found.status, found.kept_on) == (2, Status.QUEUED, "desk")
    town.clock.forward(WINDOW.total_seconds())
    desk.settle()
    assert [job.goes_on for job in agent.jobs] == [False, True]


def label(epoch: int, attempt: int = 1) -> AttemptLabel:
    """Of one mission."""
    return AttemptLabel(mission="m", epoch=epoch, attempt=attempt)


def left_behind(root: Path, epoch: int, *, attempt: int = 1, state: ClaimState = ClaimState.RELEASED) -> AttemptDirs:
    """What an attempt left, with its agent's session."""
    dirs = AttemptDirs(root)
    path, _ = dirs.open(label(epoch, attempt))
    (path / SESSION_FILE).write_text("{}")
    dirs.ended("m", epoch, state, unpushed=False, when=Clock()())
    return dirs


@pytest.mark.parametrize("between", [2, 3, 9])
def test_what_was_left_is_found_whatever_came_between(tmp_path: Path, between: int) -> None:
    """Attempts here that never began, and others' that were put back: none of them counted."""
    dirs = left_behind(tmp_path, 1)
    path, goes_on = dirs.open(label(between))
    assert (path.name, goes_on) == ("m-1", True)


def test_what_was_left_before_another_result_is_not_gone_on_with(tmp_path: Path) -> None:
    """An attempt that counted came between: the next one begins with what that one brought."""
    dirs = left_behind(tmp_path, 1)
    path, goes_on = dirs.open(label(3, attempt=2))
    assert (path.name, goes_on) == ("m-3", False)
    dirs = left_behind(tmp_path / "other", 1, state=ClaimState.DONE)
    assert not dirs.open(label(3))[1]


def test_a_mission_larger_than_a_window_is_parked_in_the_end(tmp_path: Path) -> None:
    """Put back twice with work done, then a person is told why; none of it is a failed attempt."""
    town = Town({"fleet.toml": RULES, "missions/m.md": "---\nagent: claude\n---\nDo it.\n"})
    agent = meets_its_window(town.clock)
    desk = node(town, "desk", tmp_path, agent)
    for _ in range(6):
        desk.settle()
        town.clock.forward(WINDOW.total_seconds())
    found = desk.peer.ledger().open["m"].mission
    assert (found.status, found.attempt, len(agent.jobs)) == (Status.PARKED, 0, 3)
    assert (found.reason or "").startswith("quota: the five_hour window of claude@desk is used up until")
    assert "3 times in a row" in (found.reason or "")


def test_what_was_turned_away_at_once_is_put_back_for_as_long_as_it_takes(tmp_path: Path) -> None:
    """It did nothing: another queue's calls used the window up before it came to it."""
    town = Town({"fleet.toml": RULES, "missions/m.md": "---\nagent: claude\n---\nDo it.\n"})
    agent = meets_its_window(town.clock, worked=False)
    desk = node(town, "desk", tmp_path, agent)
    for _ in range(5):
        desk.settle()
        town.clock.forward(WINDOW.total_seconds())
    assert (desk.peer.ledger().open["m"].mission.status, len(agent.jobs)) == (Status.QUEUED, 5)


def test_releases_are_counted_in_the_file() -> None:
    """Over nodes and what was merged into one section; what never began is passed over, any other end begins anew."""

    def told(state: str, words: str, more: str = "") -> str:
        return f"### Attempt 1 · {state} · n1 · 2 h\n\n{words}\n{more}\n"

    put_back = told("released", "Put back in its work: the five_hour window.")
    twice = told("released", "Put back in its work: the five_hour window.", "\n- ended like this 2 times in a row")
    never = told("released", "Not started: the five_hour window.")
    text = f"Do it.\n\n{RESULT_MARK}\n"
    assert quota_releases("Do it.\n" + put_back) == 0
    assert quota_releases(text + put_back + never + twice) == 3
    assert quota_releases(text + put_back + told("parked", "quota") + twice) == 2
    assert quota_releases(text + twice + told("failed", "No.")) == 0


def ended(*, parked: str = "", ending: Ending = Ending.EXIT, trouble: ErrorKind | None = None) -> RoundResult:
    """A round."""
    told = ParsedOutput(ended=False, session="t-1", trouble=trouble)
    return RoundResult(told=told, says="", ending=ending, exit_code=1, output="", seconds=1.0, why="", parked=parked)


@pytest.mark.parametrize(
    ("round_", "quota"),
    [
        (ended(parked="quota: You've hit your limit"), True),
        (ended(ending=Ending.TIMEOUT), False),
        (ended(), False),
        (ended(parked="log-in: not logged in"), False),
        (ended(parked="budget: 3 USD"), False),
    ],
)
def test_only_a_fault_of_the_quota_is_no_attempt(round_: RoundResult, quota: bool) -> None:
    """A window that is used up is known; a time that was over, or an error, is the work's own all the same."""
    window = QuotaWindow(kind="five_hour", resets_at=Clock()() + WINDOW, exhausted=True)
    assert replace(round_, windows=(window,)).out_of_quota is quota
    assert not round_.out_of_quota


def test_what_lies_in_the_runs_home_closes_nothing_by_itself() -> None:
    """The project's code may have written it: it counts where the program was turned away, and for an hour at most."""
    far = datetime.now(UTC).replace(microsecond=0) + timedelta(days=34)
    forged = QuotaWindow(kind="five_hour", resets_at=far, used_percent=100.0, exhausted=True)
    launch = Launch(argv=("x",), windows_after=lambda _session: (forged,))
    assert not any(each.exhausted for each in _windows(ended(), launch, None))
    assert not any(each.exhausted for each in _windows(ended(ending=Ending.TIMEOUT), launch, None))
    (believed,) = _windows(ended(parked="quota: usage limit"), launch, None)
    assert believed.exhausted
    assert believed.resets_at <= datetime.now(UTC) + MAX_KEPT_REST


def test_a_file_of_the_home_that_cannot_be_read_loses_no_work() -> None:
    """A folder without rights, in which the finished work's program kept its thread."""

    def unreadable(_session: str) -> tuple[QuotaWindow, ...]:
        raise PermissionError("no")

    assert _windows(ended(), Launch(argv=("x",), windows_after=unreadable), None) == ()
