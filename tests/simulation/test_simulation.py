"""Is the simulation the product in another time: the same code, the same ends, whatever breaks?"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from missions.lease import Claim, LeaseWatch
from orchestrator.ledger.snapshot import HeldClaim
from sync.objects import edit_tree, write_commit
from sync.remote import Oid, RefUpdate
from tests.simulation import chart, check, report
from tests.simulation.__main__ import command
from tests.simulation.advice import advise
from tests.simulation.fibers import Fibers
from tests.simulation.host import MeteredStore, Queue
from tests.simulation.kept import KeptFiles, stopping
from tests.simulation.nodes import Overdue
from tests.simulation.run import Simulation
from tests.simulation.scenario import DAY, HOUR, Host, Scenario

CALM = Scenario(nodes=5, missions=40, seconds=HOUR, crash_days=0, cut_days=0, fail=0, projects=2, work_seconds=60)
ROUGH = replace(CALM, nodes=8, missions=60, crash_days=0.1, cut_days=0.1, down_seconds=600, fail=0.05, work_seconds=600)


def played(plan: Scenario) -> Simulation:
    """A scenario that has been played to its end."""
    run = Simulation(plan=plan)
    run.run()
    return run


@pytest.fixture(scope="module")
def calm() -> Simulation:
    """A fleet to which nothing happens."""
    return played(CALM)


@pytest.fixture(scope="module")
def rough() -> Simulation:
    """A fleet whose nodes lose power and lines several times an hour."""
    return played(ROUGH)


def test_every_mission_is_done_once(calm: Simulation) -> None:
    """With nothing broken: one result for each mission, no takeover, nothing wasted."""
    found = report.figures(calm)
    assert check.problems(calm) == []
    assert (calm.finished, found.missions, found.unclaimed, calm.counts["done"]) == (True, 40, 0, 40)
    assert (found.takeovers, found.late_results, set(found.wasted_hours.values())) == (0, 0, {0.0})


def test_what_is_claimed_is_what_the_shortest_poll_allows(calm: Simulation) -> None:
    """Nobody waits longer than an idle node's longest pause and the way there and back; nobody waits less than it."""
    found = report.figures(calm)
    assert found.claimed["max"] < CALM.fetch_seconds[1] + 5
    assert found.claimed["p50"] > 2 * CALM.host.push_ms / 1000


def test_power_cuts_and_broken_lines_lead_to_takeovers_and_nothing_is_lost(rough: Simulation) -> None:
    """Nodes die and are cut off; their missions go to others, all end once, and the work that was wasted is counted."""
    found = report.figures(rough)
    assert check.problems(rough) == []
    assert rough.counts["power cuts"] > 3
    assert rough.counts["cut lines"] > 5
    assert found.takeovers > 0
    assert found.wasted_hours["lost"] > 0
    assert rough.counts["fenced"] > 0


def test_what_is_worked_out_once_for_all_is_what_each_would_find(rough: Simulation) -> None:
    """Who lives, who is free, which refs are claims: shared as a thousand nodes ask, and not because it differs."""
    outlook, server, lease = rough.outlook, rough.server, rough.plan.lease
    for clock in (0.0, lease, 3 * lease):
        late = replace(outlook, clock=lambda clock=clock: rough.now + clock, _roll=(0.0, frozenset()))
        beats = {node: rough.now + clock - beat for node, beat in server.beats.items()}
        expected = {node for node, silent in beats.items() if silent < lease * server.stretches.get(node, 1)}
        assert late.living() == expected
        assert late.living() is late.living()
    view = server.view()
    assert view.claims == {ref: oid for ref, oid in view.items() if ref.startswith("refs/shiftbook/claim/")}
    ledger, member = rough.ledger(), rough.crew[1].scheduler.precedence
    assert outlook.idle(ledger, lambda _: frozenset("a")) is outlook.idle(ledger, lambda _: frozenset("b"))
    assert member._free(replace(ledger)) == member.living(ledger) - {held.claim.node for held in ledger.claims.values()}


def test_a_result_that_comes_too_late_is_kept_and_not_accepted() -> None:
    """A node that is cut off for longer than a lease comes back: what it did stands under refs/shiftbook/late."""
    run = played(replace(ROUGH, crash_days=0, cut_seconds=3600, work_seconds=900))
    late = [ref for ref in run.server.view() if ref.startswith("refs/shiftbook/late/")]
    assert len(late) == run.counts["late"] > 0
    assert run.hours["late"] > 0
    assert check.problems(run) == []


def test_a_seed_decides_everything(rough: Simulation) -> None:
    """The same scenario gives the same figures and the same repository; another seed gives others."""
    again, other = played(ROUGH), played(replace(ROUGH, seed=2))
    assert again.server.view() == rough.server.view()
    assert report.figures(again) == report.figures(rough)
    assert other.server.view() != rough.server.view()


def test_a_host_that_allows_few_pushes_is_felt(calm: Simulation) -> None:
    """Five pushes a minute for five nodes: pushes wait for their turn and so do missions, but all of them end."""
    run = played(replace(CALM, host=Host(pushes_a_minute=5), beat_seconds=600, told=False))
    slow, quick = report.figures(run), report.figures(calm)
    assert check.problems(run) == []
    assert slow.throttled > 50 > quick.throttled == 0
    assert slow.claimed["p95"] > 3 * quick.claimed["p95"]
    assert slow.pushes_a_minute <= 5.1


def test_a_host_that_allows_too_few_is_found_out() -> None:
    """Beats alone are more than the host lets through: missions stay open, and the checker says so."""
    plan = replace(CALM, nodes=10, host=Host(pushes_a_minute=5), missions=20, told=False)
    run = Simulation(plan=plan, patience=HOUR)
    run.run()
    assert not run.finished
    assert any("is not finished" in line for line in check.problems(run))
    assert report.figures(run).problems > 0


def test_beats_are_stretched_where_the_fleet_is_told_what_its_host_allows() -> None:
    """The same fleet keeps up: its beats take half of what the host lets through, and nothing is taken over for it."""
    run = played(replace(CALM, nodes=10, host=Host(pushes_a_minute=5), missions=20))
    found = report.figures(run)
    assert check.problems(run) == []
    assert found.beats_a_minute <= 2.6 + 10 / (run.now / 60)
    assert (found.takeovers, found.late_results) == (0, 0)


def test_a_branch_that_moves_with_results_saves_the_wait_and_costs_no_push() -> None:
    """On a host that rings for branches alone: without it results wait for headquarters' next look, with it they are
    folded at once; each result is one push either way."""
    plan = replace(CALM, hq_on_host=False, webhooks=True, fetch_seconds=(15.0, 60.0))
    without, with_branch = played(plan), played(replace(plan, results_branch=True))
    before, after = report.figures(without), report.figures(with_branch)
    assert check.problems(with_branch) == check.problems(without) == []
    assert after.folded["p95"] < before.folded["p95"] / 2
    assert after.pushes_by_kind["result"] == before.pushes_by_kind["result"] == CALM.missions
    assert {ref for ref in with_branch.server.refs if "results" in ref} >= {"refs/heads/shiftbook-results/node-1"}


def test_a_run_that_is_stopped_leaves_its_figures_and_its_plot(tmp_path: Path) -> None:
    """Four times a virtual day and when it is stopped, each file whole; the one of a whole run says so."""
    files, kept = KeptFiles(figures=tmp_path / "week.json", plot=tmp_path / "week.svg"), list[dict[str, Any]]()

    def keep(run: Simulation) -> None:
        files.write(run)
        kept.append(json.loads((tmp_path / "week.json").read_text(encoding="utf-8")))
        os.kill(os.getpid(), signal.SIGTERM)

    run = Simulation(plan=replace(CALM, seconds=DAY, missions=100), keep=keep)
    with stopping(run):
        run.run()
    assert (run.stopped, run.finished, len(kept)) == (True, False, 1)
    assert 0 < kept[0]["figures"]["missions"] < 100
    assert (kept[0]["over"], kept[0]["figures"]["days"]) == (False, 0.25)
    assert "missions in 0.25 of 1 day<" in (tmp_path / "week.svg").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["week.json", "week.svg"]


def test_a_place_that_cannot_be_written_to_is_one_line(calm: Simulation, tmp_path: Path) -> None:
    """Named with its option."""
    with pytest.raises(click.UsageError, match=r"--out: .*week\.json cannot be written: No such file"):
        KeptFiles(figures=tmp_path / "none" / "week.json").write(calm)


TAMPERED = "mission-000000"


def _rewritten(run: Simulation, change: Callable[[str, bytes], dict[str, bytes | None]]) -> list[str]:
    """What the checker says after `TAMPERED` was tampered with in the archive."""
    ledger = run.ledger()
    path, blob = ledger.archive.find(TAMPERED) or ("", "")
    tree = edit_tree(run.store, ledger.tree, change(path, run.store.get(blob)))
    assert tree is not None
    _pushed(run, tree)
    found = check.problems(run)
    _pushed(run, ledger.tree)
    return found


def _pushed(run: Simulation, tree: Oid) -> None:
    """A commit on the branch, made by nobody's rule."""
    tip = run.ledger().tip
    new = write_commit(run.store, tree=tree, parents=(tip,), name="e", email="e@x", when=1, message="m", sign=None)
    run.server.move([RefUpdate(ref="refs/heads/main", expect=tip, new=new)], atomic=True)


def test_the_checker_sees_what_is_wrong(calm: Simulation) -> None:
    """A mission that is gone, one with a second result, one with none, one that is open again."""
    twice = b"\n### Attempt 2 \xc2\xb7 done \xc2\xb7 node-1 \xc2\xb7 3 s\n"
    name = f"missions/{TAMPERED}.md"
    assert _rewritten(calm, lambda path, _: {path: None}) == [f"{TAMPERED} is lost"]
    assert "2 accepted" in _rewritten(calm, lambda path, text: {path: text + twice})[0]
    gone = _rewritten(calm, lambda path, text: {path: text.replace("· done ·".encode(), "· failed ·".encode())})
    assert "0 accepted" in gone[0]
    assert _rewritten(calm, lambda _, text: {name: text}) == [f"{TAMPERED} is open and archived"]
    assert _rewritten(calm, lambda path, _: {path: None, name: b"do it"}) == [f"{TAMPERED} is not finished: queued"]
    assert check.problems(calm) == []


MOMENTS = st.lists(st.integers(0, 2400), max_size=40).map(sorted)


@given(fetches=MOMENTS, beats=MOMENTS)
def test_looking_back_is_looking_on(calm: Simulation, fetches: list[int], beats: list[int]) -> None:
    """An observer that is shown its fetches afterwards finds the lease run out exactly when one that looked on does."""
    ledger, observer = calm.ledger(), calm.crew[1].scheduler
    bus = ledger.charter.bus
    claim = Claim(mission="m", blob="b", node="other", boot="", epoch=1, attempt=1, nonce="")
    watch, seen = LeaseWatch(lease=bus.lease, roof=max(2 * bus.poll_seconds[1], bus.lease)), list[float]()
    for now in fetches:
        last = max((beat for beat in beats if beat <= now), default=0)
        watch.observe({"m": last}, now)
        overdue: Overdue = {"m": (HeldClaim(claim=claim, oid="c"), float(last))} if now - last >= bus.lease else {}
        back = replace(observer, overdue=partial(dict, overdue), clock=partial(float, now), fetches=seen)
        back.fetched(ledger)
        back.observe(ledger, now)
        assert back.watch.expired(["m"]) == watch.expired(["m"])


def test_pushes_wait_for_their_turn() -> None:
    """Six a minute: three pushes of one moment are answered ten seconds apart; without a limit the cores decide."""
    strict, free = Queue(Host(pushes_a_minute=6, push_ms=100)), Queue(Host(push_ms=100, cores=2))
    assert [strict.push(0) for _ in range(3)] == pytest.approx([0.1, 10.1, 20.1])
    assert [free.push(0) for _ in range(3)] == pytest.approx([0.1, 0.1, 0.2])
    assert (strict.throttled, free.throttled) == (2, 0)


def test_growth_is_what_was_put_and_large_objects_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object counts once, also when it has been dropped from memory; small ones are never dropped."""
    monkeypatch.setattr("tests.simulation.host.KEPT", 50_000)
    store = MeteredStore()
    small = store.put("blob", b"small")
    large = [store.put("blob", bytes([number]) * 20_000) for number in range(5)]
    assert store.put("blob", b"small") == small
    assert (store.count, store.raw) == (6, 100_005)
    assert [oid in store.objects for oid in large] == [False, False, False, True, True]
    assert small in store.objects


def test_fibers_take_turns_and_a_power_cut_ends_one() -> None:
    """Only one runs at a time, errors come out where the turn was given, and what is cut goes no further."""
    fibers, said = Fibers(), list[str]()

    def work(name: str) -> Callable[[], None]:
        def play() -> None:
            said.append(f"{name} begins")
            waiting[name] = fibers.current
            fibers.wait()
            said.append(f"{name} ends")
            if name == "c":
                raise ValueError(name)

        return play

    waiting: dict[str, object] = {}
    for name in "abc":
        fibers.start(work(name))
    fibers.resume(waiting["b"])  # type: ignore[arg-type]
    fibers.resume(waiting["a"], cut=True)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="c"):
        fibers.resume(waiting["c"])  # type: ignore[arg-type]
    assert said == ["a begins", "b begins", "c begins", "b ends", "c ends"]
    fibers.start(work("d"))
    fibers.close()
    assert said[-1] == "d begins"


def test_the_plot_is_a_picture(calm: Simulation) -> None:
    """Well-formed SVG with a line for the claims and one for the branch, the slowest at the right."""
    root = ET.fromstring(chart.svg(calm))
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert [line.get("stroke") for line in lines] == [chart.CLAIMED, chart.FOLDED]
    across = [[float(point.split(",")[0]) for point in str(line.get("points")).split()] for line in lines]
    assert all(xs == sorted(xs) and len(xs) == 201 for xs in across)


def test_the_command_prints_figures_and_a_plot(tmp_path: Path) -> None:
    """As JSON and as a table; nothing is wrong, so the exit code is 0."""
    words = ["--nodes", "3", "--missions", "10", "--days", "0.01", "--crash-days", "0"]
    files = ["--plot", str(tmp_path / "x.svg"), "--out", str(tmp_path / "x.json")]
    told = CliRunner().invoke(command, [*words, "--json", *files])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == found
    assert found["over"] is True
    assert (found["figures"]["missions"], found["problems"]) == (10, [])
    assert "<polyline" in (tmp_path / "x.svg").read_text(encoding="utf-8")
    assert "pushes a minute" in CliRunner().invoke(command, words).stdout


@pytest.mark.parametrize(
    "words",
    [
        ["--nodes", "0"],
        ["--fetch-seconds", "30", "5"],
        ["--days", "0"],
        ["--plot", "/nowhere/at/all.svg", "--nodes", "1", "--missions", "1", "--days", "0.001"],
        ["--recommend", "--plot", "x.svg"],
        ["--recommend", "--out", "x.json"],
    ],
)
def test_wrong_use_is_one_line(words: list[str]) -> None:
    """Exit code 2, and no traceback."""
    told = CliRunner().invoke(command, [*words])
    assert (told.exit_code, told.exception.__class__) == (2, SystemExit)


def test_the_command_fails_when_the_fleet_cannot_keep_up() -> None:
    """A fleet whose nodes are all dead almost all the time leaves missions open: exit code 1, each of them named."""
    words = ["--nodes", "2", "--missions", "3", "--days", "0.01", "--pushes-a-minute", "0.01", "--beat-seconds", "600"]
    told = CliRunner().invoke(command, [*words, "--fetch-seconds", "300", "600"])
    assert told.exit_code == 1
    assert "is not finished" in told.stderr or "is lost" in told.stderr


def test_advice_is_the_best_of_what_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings whose beats alone ask too much are not tried; of the quick ones the shortest lease is named."""
    monkeypatch.setattr("tests.simulation.advice.SAMPLE", 15)
    advice = advise(replace(CALM, nodes=6, missions=300, seconds=DAY, host=Host(pushes_a_minute=10)))
    tried = [trial for trial in advice.trials if trial.figures is not None]
    assert {trial.beat_seconds for trial in advice.trials if trial.figures is None} == {60.0}
    assert advice.best in tried
    assert advice.best is not None
    waits = {id(t): t.figures.claimed["p95"] + t.figures.folded["p95"] for t in tried if t.figures and not t.why_not}
    near = [trial for trial in tried if waits.get(id(trial), 1e9) <= max(10, 1.5 * min(waits.values()))]
    assert advice.best.beat_seconds == min(trial.beat_seconds for trial in near)
    assert waits[id(advice.best)] <= max(10, 1.5 * min(waits.values()))
    assert f"beat_seconds = {advice.best.beat_seconds:g}" in advice.reason


def test_there_may_be_no_advice() -> None:
    """A thousand nodes on a host of six pushes a minute: no beat is slow enough, and nothing needs to be tried."""
    advice = advise(replace(CALM, nodes=1000, host=Host(pushes_a_minute=6)))
    assert advice.best is None
    assert all(trial.why_not and trial.figures is None for trial in advice.trials)
    assert "not enough" in advice.reason
