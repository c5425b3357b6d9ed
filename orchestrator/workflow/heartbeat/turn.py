"""What does one turn of the heartbeat do? It looks at the lines that are due, and lands what follows in one push.

Looking changes nothing, so that two nodes may look at once. What follows (that a line was looked at, the findings, the
missions) goes out in one atomic push that moves the record by compare-and-swap: whoever comes second finds it done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from handoff.secrets.excerpts import redacted_line
from handoff.secrets.redact import redact
from missions.mission import Status
from orchestrator.core import tracing
from orchestrator.core.roles import Role
from orchestrator.ledger.heartbeat.checklist import PATH, Checklist, ChecklistLine
from orchestrator.ledger.heartbeat.probe_phrases import ASK
from orchestrator.ledger.heartbeat.turn_record import FLEET_TURN, RECORD_FILE, TurnRecord, node_turn
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot, MissionFile, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from orchestrator.policy.due_missions import backdated_reason
from orchestrator.policy.heartbeat_missions import (
    MAX_FOUND_CHARS,
    followed_checklist,
    followed_record,
    heartbeat_mission_name,
    is_heartbeat_mission,
    mission_budget,
    node_mark,
    render_heartbeat_mission,
)
from orchestrator.workflow.heartbeat.ledger_probes import fleet_names
from orchestrator.workflow.heartbeat.probe import Finding, Probe, ProbeFailed, ProbeScene
from sync.remote import Refs, RefUpdate

PROBE_SECONDS = 90.0
"""Seconds that one probe may take; one that takes longer is left alone, and its line is looked at again later."""
MAX_SUBJECT_CHARS = 200
MAX_LOOKED_AT = 500
"""Findings of one probe that are looked at."""


@dataclass(frozen=True, kw_only=True)
class DueLine:
    """A line and the time for which it is due."""

    line: ChecklistLine
    slot: datetime


@dataclass(frozen=True, kw_only=True)
class Look:
    """What came of one line: findings, or why it could not be looked at; then it stays due."""

    due: DueLine
    found: tuple[Finding, ...] = ()
    trouble: str = ""

    @property
    def line(self) -> ChecklistLine:
        """The line."""
        return self.due.line


@dataclass(frozen=True, kw_only=True)
class TurnReport:
    """What a turn did, or would do. `told` are new findings, `held` says why missions were not filed: the day's budget
    is spent, or an earlier one of the line waits."""

    looks: tuple[Look, ...] = ()
    told: tuple[str, ...] = ()
    missions: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    pushed: bool = False

    @property
    def silent(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.told or self.missions or self.held or self.problems)

    def json(self) -> dict[str, Any]:
        """For programs."""
        looks = [
            {
                "line": each.line.number,
                "text": each.line.text,
                "for": each.due.slot.isoformat(),
                "found": [{"subject": one.subject, "says": one.says} for one in each.found],
                "trouble": each.trouble,
            }
            for each in self.looks
        ]
        lists = {name: list(getattr(self, name)) for name in ("told", "missions", "held", "problems")}
        return {"looks": looks, **lists, "pushed": self.pushed}


@dataclass(frozen=True, kw_only=True)
class _Landing:
    """What a record and the branch become."""

    record: TurnRecord
    files: Mapping[str, bytes] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    """Lines that stay due, by `ident`: the day's budget does not let their question be asked."""

    @property
    def missions(self) -> tuple[str, ...]:
        """The names of the missions that are filed."""
        return tuple(path.removeprefix(f"{MISSIONS}/").removesuffix(".md") for path in self.files)

    def matters(self, before: TurnRecord, *, shared: bool) -> bool:
        """Whether it is worth a push: that a node looked by itself and nothing became of it is nobody's news."""
        if shared:
            return self.record.lines != before.lines or self.record.findings != before.findings or bool(self.files)
        return bool(self.files) or self.record.state() != before.state()


@dataclass(kw_only=True)
class HeartbeatTurn:
    """One node's. Its `reader` and `trust` are its own: it works in a thread beside the node's loop."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    role: Role
    home: Path
    probes: Mapping[str, Probe]
    commands: Mapping[str, Path] = field(default_factory=dict)
    clones: Callable[[LedgerSnapshot], Mapping[str, Path]] = lambda _ledger: {}
    _looked: dict[str, datetime] = field(default_factory=dict)
    """Up to when lines of its own were looked at: where nothing was found nothing is pushed."""
    _hanging: dict[str, threading.Thread] = field(default_factory=dict)
    """Looks that did not end in their time, by the line's `ident`."""
    _probe_trust: Trust = field(init=False)
    """For the probes alone: one that hangs must not stand between `trust` and another ledger."""
    _judging: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._probe_trust = Trust(self.bus.store)

    def run(self, *, shared: bool, silent: Mapping[str, float], dry: bool = False, now: bool = False) -> TurnReport:
        """Looks at what is due: what one node looks at for all (`shared`), else what this one looks at by itself.

        `dry`: writes nothing. `now`: looks at everything, due or not. Raises what the remote raises.
        """
        ledger = self.reader.read(self.bus.remote.fetch())
        followed = followed_checklist(ledger, lambda commit: self.trust.signer(ledger, commit))
        record, why = self.record(ledger, shared=shared)
        problems = [followed.why, why, *problem_lines(followed.checklist, ledger)]
        due = list(self._due(followed.checklist, ledger, record, shared=shared, every=now))
        looks = tuple(self._look(each, self._scene(ledger, silent)) for each in due)
        problems += [f"{PATH}, line {each.line.number}: {each.trouble}" for each in looks if each.trouble]
        report = TurnReport(looks=looks, problems=tuple(filter(None, problems)))
        done = [each for each in looks if not each.trouble]
        if dry:
            return _with_landing(report, self._landing(ledger, followed.checklist, record, done, shared=shared))
        return self._land(report, done, shared=shared, again=now) if done else report

    def record(self, ledger: LedgerSnapshot, *, shared: bool) -> tuple[TurnRecord, str]:
        """The record that this turn goes on from, and why what stands there does not count."""
        return followed_record(
            ledger, lambda commit: self.trust.signer(ledger, commit), "" if shared else self.bus.name
        )

    def _due(
        self, checklist: Checklist, ledger: LedgerSnapshot, record: TurnRecord, *, shared: bool, every: bool
    ) -> Iterator[DueLine]:
        part, now = ledger.charter.heartbeat, self.bus.now()
        if not part.every_minutes or not (every or part.is_active(now)):
            return
        for line in checklist.lines:
            mine = line.shared if shared else line.concerns(self.bus.name, self.role)
            slot = line.cadence.last_due(part.timezone, part.every_minutes, now) if mine else None
            if slot is not None and (every or not self._is_done(record, line, slot)):
                yield DueLine(line=line, slot=slot)

    def _is_done(self, record: TurnRecord, line: ChecklistLine, slot: datetime) -> bool:
        """Whether the line was looked at for this time, as the record says, or this process knows of its own lines."""
        looked = [at for at in (record.lines.get(line.ident), self._looked.get(line.ident)) if at is not None]
        return any(at >= slot for at in looked)

    def _scene(self, ledger: LedgerSnapshot, silent: Mapping[str, float]) -> ProbeScene:
        return ProbeScene(
            node=self.bus.name,
            home=self.home,
            ledger=ledger,
            now=self.bus.now(),
            silent=silent,
            clones=self.clones(ledger),
            commands=self.commands,
            trusted=lambda filed: self._is_trusted(ledger, filed),
        )

    def _is_trusted(self, ledger: LedgerSnapshot, filed: MissionFile) -> bool:
        """Whether a mission may run. For probes, which look in threads of their own."""
        with self._judging:
            return self._probe_trust.authorize(ledger, filed).trusted

    def _look(self, due: DueLine, scene: ProbeScene) -> Look:
        request = due.line.request
        if request.probe == ASK:
            return Look(due=due)
        probe = self.probes.get(request.probe)
        if probe is None:
            return Look(due=due, trouble=f"{request.probe} is not installed on {scene.node}")
        hanging = self._hanging.pop(due.line.ident, None)
        if hanging is None or not hanging.is_alive():
            look, hanging = _bounded_look(due, probe, scene)
        else:
            look = Look(due=due, trouble=f"{request.probe} hangs: what it began in an earlier turn has not ended")
        if hanging.is_alive():
            self._hanging[due.line.ident] = hanging
        return look

    # -- what follows -------------------------------------------------------------------------------------------

    def _land(self, report: TurnReport, done: Sequence[Look], *, shared: bool, again: bool) -> TurnReport:
        landed = _Landing(record=TurnRecord())

        def plan(refs: Refs) -> list[RefUpdate]:
            nonlocal landed
            ledger = self.reader.read(refs)
            checklist = followed_checklist(ledger, lambda commit: self.trust.signer(ledger, commit)).checklist
            record, _ = self.record(ledger, shared=shared)
            new = [each for each in done if again or not self._is_done(record, each.line, each.due.slot)]
            landed = self._landing(ledger, checklist, record, new, shared=shared)
            return self._updates(ledger, landed, shared=shared) if landed.matters(record, shared=shared) else []

        began = tracing.moment()
        moved = self.bus.publish(plan)
        for mission in landed.missions if moved else ():
            tracing.record(tracing.FILING, began, mission=mission)
        if not shared:
            self._looked |= {each.line.ident: each.due.slot for each in done if each.line.ident not in landed.kept}
        made = landed if moved else _Landing(record=TurnRecord(), held=landed.held)
        return replace(_with_landing(report, made), pushed=bool(moved))

    def _updates(self, ledger: LedgerSnapshot, made: _Landing, *, shared: bool) -> list[RefUpdate]:
        ref = FLEET_TURN if shared else node_turn(self.bus.name)
        commit = self.bus.commit(
            {RECORD_FILE: made.record.print()}, f"Heartbeat of {self.bus.name}", onto=None, tree=None
        )
        updates = [RefUpdate(ref=ref, expect=ledger.refs.get(ref), new=commit)]
        if made.files:
            words = f"Mission: {', '.join(made.missions)}\n\n{PATH} asks for it."
            files: dict[str, bytes | None] = dict(made.files)
            branch = self.bus.commit(files, words, onto=ledger.tip, tree=ledger.tree)
            updates.append(RefUpdate(ref=self.bus.main, expect=ledger.tip, new=branch))
        return updates

    def _landing(
        self,
        ledger: LedgerSnapshot,
        checklist: Checklist,
        record: TurnRecord,
        looks: Sequence[Look],
        *,
        shared: bool,
    ) -> _Landing:
        """The record after these looks, and the missions that follow, as far as the day's budget goes."""
        part, now = ledger.charter.heartbeat, self.bus.now()
        after = record.on(now.astimezone(ZoneInfo(part.timezone)).date()).tidied(
            (each.ident for each in checklist.lines), now
        )
        files, held, told, kept = dict[str, bytes](), list[str](), list[str](), set[str]()
        node = "" if shared else self.bus.name
        for look in looks:
            line = checklist.line(look.line.ident)
            if line is None:
                continue  # somebody took it out meanwhile
            found = {_finding_key(line, each): (each.subject, each.says) for each in look.found}
            before, asks = after, line.request.probe == ASK
            after, fresh = after.looked(line.ident, look.due.slot, found, by=self.bus.name, now=now)
            told += [found[key][1] for key in fresh]
            name = heartbeat_mission_name(line, look.due.slot, node)
            if not (line.prompt and (fresh or asks)) or _is_over(ledger, name):
                continue
            waits = self._waiting_mission(ledger, line, name, node)
            if waits:
                held.append(f"line {line.number}: {waits} still waits")
                continue
            budget = mission_budget(line, part)
            spent = after.missions >= part.missions_per_day or after.usd + budget > part.usd_per_day
            why = "the day's budget for missions is spent" if spent else self._unfit_reason(ledger, now)
            if why:
                held.append(f"line {line.number}: {why}")
                if asks:  # it is all that the line does: it stays due, and is asked when a new day has a new budget
                    after = before
                    kept.add(line.ident)
                continue
            says = [found[key][1] for key in fresh]
            text = render_heartbeat_mission(line, look.due.slot, budget, says, node)
            files[f"{MISSIONS}/{name}.md"] = text.encode()
            after = after.spent(budget)
        return _Landing(
            record=after.telling(part.notices_per_day).fitted(),
            files=files,
            told=tuple(told),
            held=tuple(held),
            kept=frozenset(kept),
        )

    def _unfit_reason(self, ledger: LedgerSnapshot, now: datetime) -> str:
        """Why nobody would run what is filed now: asked before it is."""
        if ledger.charter.trust.missions == "remote":
            return ""
        return backdated_reason(ledger, ledger.tip, int(now.timestamp()), partial(self.trust.signer, ledger))

    def _waiting_mission(self, ledger: LedgerSnapshot, line: ChecklistLine, name: str, node: str) -> str:
        """The mission that keeps a line's next one from being filed, so that nothing is stacked; empty if none does.

        That is this very one, whoever filed it, or an earlier one that may still run: one that is dead, or that nobody
        asked for, would keep the line from being followed for good.
        """
        if name in ledger.open:
            return name
        begins, ends = f"heartbeat-{line.ident}-", node_mark(node)
        for each, filed in sorted(ledger.open.items()):
            mine = each.startswith(begins) and each.endswith(ends) and is_heartbeat_mission(each)
            if mine and filed.mission.status is not Status.DEAD and self.trust.authorize(ledger, filed).trusted:
                return each
        return ""


def _with_landing(report: TurnReport, made: _Landing) -> TurnReport:
    return replace(report, told=made.told, missions=made.missions, held=made.held)


def problem_lines(checklist: Checklist, ledger: LedgerSnapshot) -> Iterator[str]:
    """What of the checklist is not followed, in words: lines nobody understands, nodes and projects nobody knows."""
    for each in checklist.problems:
        place = f"{PATH}, line {each.number}" if each.number else PATH
        text = f" ({redact(each.text).text})" if each.text else ""
        yield f"{place}: {each.says}{text}"
    nodes = fleet_names(ledger)
    for line in checklist.lines:
        if line.node and line.node not in nodes:
            yield f"{PATH}, line {line.number}: no node of the fleet is called {line.node}: nobody looks at it"
        if line.project and line.project not in ledger.charter.projects:
            yield f"{PATH}, line {line.number}: fleet.toml has no project {line.project}"


def _bounded_look(due: DueLine, probe: Probe, scene: ProbeScene) -> tuple[Look, threading.Thread]:
    """A look in a thread of its own, and that: a probe that hangs or fails holds up nothing but its line."""
    made: list[Look] = []

    def look() -> None:
        try:
            found = tuple(_clean(each) for each in islice(probe(scene, due.line.request), MAX_LOOKED_AT))
            made.append(Look(due=due, found=found))
        except ProbeFailed as error:
            made.append(Look(due=due, trouble=str(error)))
        except Exception as error:  # of a plug-in, which is not ours: it is told, and the others go on
            made.append(Look(due=due, trouble=f"{due.line.request.probe} failed: {type(error).__name__}: {error}"))

    thread = threading.Thread(target=look, name="probe", daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    done = made[0] if made else Look(due=due, trouble=f"{due.line.request.probe} took more than {PROBE_SECONDS:g} s")
    return replace(done, trouble=redacted_line(done.trouble, MAX_FOUND_CHARS)), thread


def _clean(found: Finding) -> Finding:
    """A finding as it may leave this machine: one line, short, without secrets."""
    subject, says = (redacted_line(text, MAX_FOUND_CHARS) for text in (found.subject, found.says))
    return Finding(subject=subject[:MAX_SUBJECT_CHARS], says=says)


def _finding_key(line: ChecklistLine, found: Finding) -> str:
    return blake2b(f"{line.ident}\0{found.subject}".encode("utf-8", "replace"), digest_size=10).hexdigest()


def _is_over(ledger: LedgerSnapshot, name: str) -> bool:
    """Whether this very mission was worked on, or is over."""
    return (name in ledger.claims and name not in ledger.open) or ledger.archived(name) is not None
