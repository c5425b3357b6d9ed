"""Does each factory give a part of the node what it needs, at once? A real ledger, real keys, a real database."""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from missions.mission import Mission
from orchestrator.adapters.sandbox.none import NoSandbox
from orchestrator.app import node_process, registration, setup, wiring
from orchestrator.app.factories import node_factory, node_parts, work_factory
from orchestrator.app.factories.node_parts import NodeParts
from orchestrator.core.errors import WrongSetting
from orchestrator.core.model_competence import Competence
from orchestrator.core.ports.model import Usage
from orchestrator.core.roles import Role
from orchestrator.core.secret_text import SecretText
from orchestrator.core.settings import Settings
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.ledger.config.fleet_toml import BusPart
from orchestrator.node.jobs import RunningJobs
from orchestrator.node.outbox import Outbox
from orchestrator.node.rounds.fold_duty import FOLD
from sync.errors import BranchMissing
from tests.conftest import require_program
from tests.orchestrator.repositories import git

Told = list[tuple[str, str]]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A machine whose person has made a ledger."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "home").mkdir()
    (folder / "home/.gitconfig").write_text("[user]\n\tname = ada\n\temail = ada@shiftbook.invalid\n")
    with pytest.MonkeyPatch.context() as here:
        here.setenv("HOME", str(folder / "home"))
        made = Settings(home=folder / "desk", node_id="desk", role=Role.HEADQUARTERS, slots=3, http=None)
        setup.init(folder / "clone", made)
    return made.model_copy(update={"ledger": str(folder / "clone.git")})


@pytest.fixture
def told() -> Told:
    """What the node told."""
    return []


@pytest.fixture
def parts(settings: Settings, told: Told) -> Iterator[NodeParts]:
    """What the parts share."""
    with ExitStack() as opened:
        yield node_parts.open_parts(settings, lambda event, words, **_facts: told.append((event, words)), opened)


def test_the_ledger_lies_where_the_fixture_says(settings: Settings) -> None:
    """Else the tests below would make another one."""
    assert git(Path(settings.ledger), "rev-parse", "--is-bare-repository").strip() == "true"


def test_a_whole_node_is_built_and_closed(settings: Settings) -> None:
    """Everything that asks for a collaborator has the very one that the others have."""
    node = node_factory.build_node(settings, lambda *_words, **_facts: None)
    try:
        attempts, scheduler = node.attempts, node.scheduler
        assert scheduler.gaps is attempts.leases is node.heartbeat
        assert attempts.handback.limited == node.heartbeat.push_refused
        assert node.heartbeat.work is attempts.jobs is node.jobs
        assert scheduler.resumable is attempts.executor
        assert attempts.executor.disk is attempts.cleanup is node.cleanup is node.page.disk  # type: ignore[union-attr]
        assert scheduler.budget is attempts.executor.budget is not None
        assert scheduler.safety is attempts.executor.safety is not None
        assert node.cleanup.folders is attempts.executor.folders  # type: ignore[union-attr]
        assert node.feeds is not None
        assert node.feeds.precedence is node.folding.precedence
        assert scheduler.liveness is node.feed.liveness is node.folding.precedence.liveness
        tells = node.notifications is not None and node.notifications.tells
        assert (node.once, tells, node.jobs.slots) == (False, False, 3)
        assert scheduler.precedence is node.folding.precedence is node.maintenance.precedence  # type: ignore[union-attr]
        assert node.folding.precedence.wait(node.feed.look(), FOLD) == 0.0
    finally:
        node.close()


def test_what_is_done_once_is_left_to_nobody(settings: Settings) -> None:
    """A worker that runs once does not wait for those before it."""
    worker = settings.model_copy(update={"role": Role.LOCAL_WORKER})
    for once in (True, False):
        node = node_factory.build_node(worker, lambda *_words, **_facts: None, once=once)
        try:
            assert (node.once, node.scheduler.precedence.at_once) == (once, once)
        finally:
            node.close()


def test_a_run_once_of_the_built_node_does_its_rounds(settings: Settings, told: Told) -> None:
    """From the process' door: it is ready, writes its page, and ends by itself with its beat taken down."""
    node_process.run_node(settings, lambda event, words, **_facts: told.append((event, words)), once=True)
    report = (settings.home / node_process.CAPABILITIES_FILE).read_text(encoding="utf-8")
    assert report.startswith("# What desk can do\n\nA HEADQUARTERS node")
    assert "Agents: builtin, command" in report
    assert [event for event, _ in told if event in {"ready", "stopped"}] == ["ready", "stopped"]
    with ExitStack() as opened:
        ledger = node_parts.open_parts(settings, lambda *_words, **_facts: None, opened).reader
        link = wiring.remote(settings)
        opened.callback(link.close)
        seen = ledger.read(link.fetch())
        assert "role: HEADQUARTERS" in seen.text("heartbeats/desk.md")
        assert seen.beats == {}


def test_a_worker_that_knows_headquarters_registers_there_and_nobody_else_does(settings: Settings) -> None:
    """What it reports is what it offers, has room for and spent; its key signs it."""
    worker = settings.model_copy(update={"role": Role.LOCAL_WORKER, "hq_url": "http://hq.example"})
    node = node_factory.build_node(worker, lambda *_words, **_facts: None)
    try:
        for other in (settings, worker.model_copy(update={"hq_url": ""})):
            assert registration.open_registrar(other, node) is None
        for role in (Role.HEADQUARTERS, Role.STANDALONE_NODE):
            assert registration.open_registrar(worker.model_copy(update={"role": role}), node) is None
        registrar = registration.open_registrar(worker, node)
        assert registrar is not None
        told = registrar.status(7, 1.5)
        assert (told.node, told.number, told.role, told.latency_ms) == ("desk", 7, "LOCAL_WORKER", 1.5)
        assert {"builtin", "command"} <= set(told.agents)
        assert told.slots == 3
        assert 0 < told.disk_free <= told.disk_total
        assert (told.today_usd, told.today_tokens) == (0, 0)
        assert registrar.sign is node.bus.sign is not None
    finally:
        node.close()


@pytest.mark.parametrize(
    ("broken", "error"),
    [({"ledger": ""}, WrongSetting), ({"notify": SecretText("nonsense")}, WrongSetting)],
)
def test_what_was_opened_is_closed_when_the_rest_cannot_be(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, broken: dict[str, str], error: type[Exception]
) -> None:
    """A node that cannot be built leaves no process and no file open behind."""
    opened: list[str] = []
    model = wiring.model

    def counted(chosen: Settings) -> object:
        made = model(chosen)
        opened.append("model")
        close = made.close

        def closing() -> None:
            opened.remove("model")
            close()

        made.close = closing  # type: ignore[method-assign]
        return made

    monkeypatch.setattr(wiring, "model", counted)
    with pytest.raises(error):
        node_factory.build_node(settings.model_copy(update=broken), lambda *_words, **_facts: None)
    assert opened == []


def test_a_remote_without_a_ledger_is_no_node(settings: Settings, tmp_path: Path) -> None:
    """It ends with what is missing, not with half a node."""
    git(tmp_path, "init", "--quiet", "--bare", "empty.git")
    with pytest.raises(BranchMissing, match="shiftbook init"):
        node_factory.build_node(
            settings.model_copy(update={"ledger": str(tmp_path / "empty.git"), "home": tmp_path / "home"}),
            lambda *_words, **_facts: None,
        )


@pytest.mark.parametrize(("beat", "seconds"), [(60, 60), (10, 10), (1, 5), (3600, 60)])
def test_one_answer_of_the_remote_takes_a_part_of_a_lease(beat: float, seconds: float) -> None:
    """Five seconds at least, a minute at most: else one that hangs would cost the lease."""
    assert node_parts.remote_timeout(BusPart(beat_seconds=beat, lease_beats=3)) == seconds


TOY = Competence(model="tiny", parameters=135 * 10**6)


def test_capabilities_are_those_of_the_settings_and_the_agents(settings: Settings) -> None:
    """Without the coder no coding task is asked for; without a sandbox that is needed, our agent only answers."""
    chosen = settings.model_copy(update={"capabilities": frozenset({"gpu"}), "enable_vp_coder": False})
    offer = work_factory.build_capabilities(chosen, {"builtin", "command"}, NoSandbox(), TOY)
    assert (offer.node, offer.role, offer.capabilities) == ("desk", "HEADQUARTERS", frozenset({"gpu"}))
    assert offer.agents == {"builtin", "command"}
    assert "coding_task" not in offer.tasks
    assert offer.answering == frozenset()
    assert offer.weak == {"builtin"}
    large = replace(TOY, parameters=8 * 10**9, context_tokens=32_768)
    assert work_factory.build_capabilities(chosen, {"builtin"}, NoSandbox(), large).weak == frozenset()

    class Missing(NoSandbox):
        def missing(self) -> str | None:
            return "bubblewrap is not installed"

    assert work_factory.build_capabilities(settings, {"builtin"}, Missing(), TOY).answering == {"builtin"}
    assert "coding_task" in work_factory.build_capabilities(settings, (), NoSandbox(), TOY).tasks


def test_a_machine_that_takes_no_work_has_no_agents(parts: NodeParts) -> None:
    """Reviews are work as well; where it takes some, the reviewer is among them."""
    assert "review" in work_factory.build_agents(parts, NoSandbox())
    idle = replace(parts, settings=parts.settings.model_copy(update={"accept_delegations": False}))
    assert work_factory.build_agents(idle, NoSandbox()) == {}


def test_the_sandbox_is_tried_once(parts: NodeParts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever asks first, its agents or what it offers: each trial starts processes in namespaces of their own."""
    calls, real = tmp_path / "calls", require_program("bwrap")
    counting = tmp_path / "bin" / "bwrap"
    counting.parent.mkdir()
    counting.write_text(f'#!/bin/sh\necho called >> "{calls}"\nexec {real} "$@"\n')
    counting.chmod(0o755)
    monkeypatch.setenv("PATH", f"{counting.parent}:{os.environ['PATH']}")
    work = work_factory.build_work(parts)
    offer = work.offer
    assert work.attempts.executor.desks is not None
    assert offer.agents >= {"builtin", "command"}
    assert calls.read_text().splitlines() == ["called"] * 2, "whether namespaces can be forbidden, and as it is used"


def test_the_budget_reads_this_nodes_database_and_knows_prices(parts: NodeParts) -> None:
    """Nothing was spent, and a model that nobody knows has no price."""
    budget = work_factory.build_budget(parts)
    assert dict(budget.spending.booked(wiring.now())) == {}
    assert budget.spending.price(Usage(model="nobody-knows", tokens_in=1)) is None
    ledger = parts.reader.read(parts.link.fetch())
    assert budget.day_budget_reason(ledger, Mission(name="m", title="m", body="x", agent="claude")) == ""


def test_the_clean_up_watches_the_home_and_keeps_what_waits(parts: NodeParts) -> None:
    """Its folders are those of the executor, its outbox the hand-back's."""
    folders, outbox = AttemptDirs(parts.settings.home / "work"), Outbox(parts.settings.home / "outbox")
    cleanup = work_factory.build_cleanup(parts, folders, outbox)
    assert (cleanup.home, cleanup.node, cleanup.folders) == (parts.settings.home, "desk", folders)
    assert cleanup.waiting() == set()
    ledger = parts.reader.read(parts.link.fetch())
    assert cleanup.has_room(ledger) is (cleanup.full_reason(ledger) == "")


def test_the_heartbeat_stops_the_jobs_it_was_given(parts: NodeParts) -> None:
    """And counts the loop's rounds by a clock that stands still while the machine sleeps."""
    jobs = RunningJobs()
    heartbeat = work_factory.build_heartbeat(parts, jobs)
    assert heartbeat.progress.clock is wiring.awake_clock
    assert heartbeat.clock is wiring.clock
    assert heartbeat.beat.ref == "refs/shiftbook/beat/desk"
    heartbeat.work.fence()
    assert jobs.wake.is_set()


def test_the_feed_notes_sightings_for_the_other_processes(parts: NodeParts) -> None:
    """One fetch is checked, feeds the liveness and writes the file that the web server reads."""
    feed = node_factory.build_feed(parts)
    ledger = feed.fetch()
    assert feed.refs == ledger.refs
    assert feed.liveness is parts.liveness
    assert parts.liveness.now > 0
    assert feed.sightings is not None
    assert feed.sightings.path == parts.settings.home / "seen.json"


def test_maintenance_ends_its_schedule_with_the_node(parts: NodeParts) -> None:
    """And finishes approvals with a reader and a judge of their own, because they work beside the loop."""
    with ExitStack() as opened:
        maintenance = node_factory.build_maintenance(parts, opened)
        assert maintenance.precedence.me == "desk"
        approvals = node_factory.build_approvals(parts)
        assert approvals.completion.reader is not parts.reader
        assert approvals.completion.trust is not parts.trust
        assert not maintenance.step(parts.reader.read(parts.link.fetch()))


@pytest.mark.parametrize("address", ["", "json://127.0.0.1:1"])
def test_people_are_told_only_where_an_address_is_set(parts: NodeParts, address: str) -> None:
    """The page says whether this node can."""
    settings = parts.settings.model_validate(parts.settings.model_dump() | {"notify": address})
    with ExitStack() as opened:
        publisher = node_factory.build_notifications(replace(parts, settings=settings), opened)
        tells = publisher is not None and publisher.tells
        assert tells is bool(address)
        offer = work_factory.build_capabilities(settings, (), NoSandbox(), TOY)
        folders, outbox = AttemptDirs(settings.home / "work"), Outbox(settings.home / "outbox")
        disk = work_factory.build_cleanup(parts, folders, outbox)
        page = node_factory.build_page(parts, offer, disk, notifies=tells)
        assert ("notifies: yes" in page.text(parts.reader.read(parts.link.fetch())).replace('"', "")) is bool(address)


@pytest.mark.parametrize("module", [node_factory, node_parts, work_factory])
def test_every_factory_is_short_and_sets_nothing_afterwards(module: ModuleType) -> None:
    """Thirty lines at most, its words for the reader not counted; and no part is changed once it was made."""
    tree = ast.parse(inspect.getsource(module))
    for made in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        body = made.body[1:] or made.body
        assert (body[-1].end_lineno or 0) - body[0].lineno < 30, made.name
        targets = [target for node in ast.walk(made) if isinstance(node, ast.Assign) for target in node.targets]
        changed = [ast.unparse(target) for target in targets if isinstance(target, ast.Attribute | ast.Subscript)]
        assert changed == (["link.timeout"] if made.name == "open_parts" else []), made.name
