"""What of a bus does headquarters bring into the ledger, and what of the ledger onto the bus? Its recorder, in batches.

What comes in is filed, signed by the person of this machine, so that it no longer rests on the bus; results are
recorded under claims of headquarters, each mission's first one, whatever the bus has lost, doubled or brought back;
what is open in the ledger and not on the bus is put there again. Each step may be broken off and done again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from missions.mission import OPEN, Mission
from orchestrator.core import tracing
from orchestrator.core.errors import BusUnavailable, OrchestratorError, WrongSetting
from orchestrator.core.events import Tell
from orchestrator.core.ports.mission_bus import (
    LEDGER,
    MAX_ENVELOPE_BYTES,
    BusUpkeep,
    FilingRequest,
    MissionBus,
    ReceivedResult,
    RecordFeed,
)
from orchestrator.ledger.claims import ForeignEnding, close_unclaimed
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.node.mission_bus.filing import BusFiling, forget_old_keys
from orchestrator.node.mission_bus.push_parts import push_in_parts
from orchestrator.policy.authorization import Trust
from orchestrator.workflow import mission_view
from orchestrator.workflow.delegation.bus_records import (
    BusAttempt,
    DelegationResult,
    envelope_of,
    print_result,
    read_result,
)
from orchestrator.workflow.delegation.envelope import (
    LEDGER_TASKS,
    MAX_KEY_CHARS,
    TASK_CAPABILITY,
    read_envelope,
    result_of,
)
from orchestrator.workflow.delegation.filed_envelope import key_digest
from sync.backoff import Backoff
from sync.errors import PushRefused, SyncError
from sync.remote import Refs

BATCH = 200
"""Missions and results of one push."""
TRIM_SECONDS = 60.0
FORGET_SECONDS = 86_400.0
KEPT = timedelta(days=60)
"""How long a key is remembered: twice as long as on the bus."""
SHOW_SECONDS = 30.0
"""Seconds after which the ledger is looked through although it did not move: some missions become due by waiting."""
PACE = Backoff(first=0.1, limit=2.0)
"""Seconds between two looks at a bus that has nothing."""
AWAY = Backoff(first=0.2, limit=30.0)
"""Seconds between two rounds that do not come through."""
Told = list[tuple[ReceivedResult, DelegationResult]]
"""Results that can be read, in their order."""


class HeadquartersBus(MissionBus, RecordFeed, BusUpkeep, Protocol):
    """A bus with all its sides."""


@dataclass(kw_only=True)
class MissionRecorder:
    """One headquarters'. Everything is a thread's of its own; `clock` is monotonic seconds."""

    bus: HeadquartersBus
    filing: BusFiling
    transport: Transport
    """The node's: it claims and ends what was done elsewhere."""
    reader: SnapshotReader
    trust: Trust
    tell: Tell
    now: Callable[[], datetime]
    clock: Callable[[], float]
    wake: Callable[[], None] = lambda: None
    """Has the node's loop fold what was recorded."""
    recorded: int = 0
    refused: int = 0
    """Results that were not taken: the ledger had another word."""
    _published: dict[str, int] = field(default_factory=dict)
    _missing: set[str] = field(default_factory=set)
    """Missions of results that the ledger did not have at the last look."""
    _seen: str | None = None
    """Where the node's loop saw the ledger last. None: there is no loop, so it is looked at each round."""
    _looked: str | None = None
    """The same at the last look from here."""
    _generation: str = ""
    _tip: str = ""
    _shown: float = float("-inf")
    _trimmed: float = float("-inf")
    _forgot: float = float("-inf")

    def run(self, over: threading.Event) -> None:
        """Records until `over` is set."""
        pause = 0.0
        while not over.is_set():
            pace = PACE
            try:
                moved = self.step()
            except (BusUnavailable, SyncError, OSError) as error:
                self.tell("bus", f"nothing can be recorded now: {error}", once=True)
                moved, pace = False, AWAY
            except OrchestratorError as error:
                self.tell("bus", f"not recorded: {error}", once=True)
                moved, pace = False, AWAY
            except Exception as error:  # whatever it is, it must not end the work of all the other rounds
                self.tell("bus", f"a round of recording ended in {type(error).__name__}: {error}"[:2000], once=True)
                moved, pace = False, AWAY
            pause = 0.0 if moved else pace.next(pause) if pause else pace.first
            over.wait(pause)

    def look(self, ledger: LedgerSnapshot) -> None:
        """Takes in what the node's loop sees, as often as the ledger wants to be asked. Any thread's."""
        self._seen = ledger.tip

    def step(self) -> bool:
        """One round; whether anything was filed or recorded. Raises BusUnavailable, SyncError, StoreFailed."""
        generation = self.bus.generation()  # before all else: what is lost from now on shows as another one next time
        requests = self.bus.requests(BATCH)
        refused = self._file(requests)
        results = self.bus.results(BATCH)
        self._record(results)
        seen = self._seen
        if requests or results or self._is_due(generation, seen):
            self._show(self.reader.read(self.transport.remote.fetch()), generation)
            self._looked = seen
        if self.clock() - self._trimmed >= TRIM_SECONDS:
            self._trimmed = self.clock()
            self.bus.trim()
        if self.clock() - self._forgot >= FORGET_SECONDS:
            self._forgot = self.clock()
            forget_old_keys(self.filing.marks, self.now() - KEPT)
        if refused is not None:
            raise refused
        return bool(requests or results)

    def _file(self, requests: list[FilingRequest]) -> PushRefused | None:
        """Files them. What the remote says where it takes none of them, which keeps no result from being recorded."""
        try:
            verdicts = self.filing.file(requests)
        except PushRefused as error:
            return error
        for request, why in verdicts:
            self.bus.filed(request, why)
            if why:
                self.tell("bus", f"{request.job[:8]} is not filed: {why}")
        return None

    # -- results into the ledger --------------------------------------------------------------------------------

    def _record(self, results: list[ReceivedResult]) -> None:
        told: dict[str, Told] = {}
        settled: list[tuple[ReceivedResult, str]] = []
        for received in results:
            if received.worker == LEDGER:  # what this side said itself
                settled.append((received, received.key))
                continue
            try:
                one = read_result(received.body)
            except WrongSetting as error:
                self._refuse(f"a result cannot be read: {error}")
                settled.append((received, ""))
                continue
            settled.append((received, received.key or self.filing.key(one.mission) or one.job_id))
            told.setdefault(one.mission, []).append((received, one))
        verdicts: dict[str, _Verdict] = {}
        left = self._push(told, verdicts)
        missing = {mission for mission, word in verdicts.items() if word.why == MISSING}
        # It may have been done before its request was filed: seen twice, while none waits to be filed, it is nobody's.
        waiting = missing - self._missing if missing and not self.bus.requests(1) else missing
        self._missing = missing
        for mission, word in verdicts.items():
            for why in word.refused if mission not in waiting | left else ():
                self._refuse(f"{mission or 'a mission without a name'}: {why}")
        reopened = {word.reopened for mission, word in verdicts.items() if word.reopened and mission not in left}
        kept = waiting | left
        self.bus.settle([(received, key) for received, key in settled if _mission(received) not in kept], reopened)
        for mission, word in verdicts.items():
            if word.reopened in reopened:
                self._published.pop(mission, None)

    def _push(self, told: dict[str, Told], verdicts: dict[str, _Verdict]) -> set[str]:
        """Records one result of each; those of which the remote refuses one are recorded as failed, with its words.
        Returns the missions whose turn has not come."""

        def push(part: Sequence[str]) -> bool:
            some, began = {mission: told[mission] for mission in part}, tracing.moment()
            named = close_unclaimed(self.transport, lambda refs: self._endings(refs, some, verdicts))
            self.recorded += len(named)
            for mission in named:
                tracing.record("mission.record", began, mission=mission, node=self.transport.name)
            if named:
                self.wake()
            return bool(named)

        refused, left = push_in_parts(list(told), push)
        for mission, why in refused:
            self.tell("bus", f"{mission}: its result is not recorded, and lies in the dead letters: {why}")
            received, one = verdicts[mission].taken or told[mission][0]
            self.bus.set_aside(received, why)
            words = f"its result cannot be recorded: {why}"
            told[mission] = [(received, DelegationResult(job_id=one.job_id, status="FAILED", error=words[:20_000]))]
            try:
                push([mission])
            except PushRefused as error:
                self._refuse(f"{mission}: {error}")
        return set(left)

    def _refuse(self, why: str) -> None:
        self.refused += 1
        self.tell("bus", f"a result is not taken: {why}")

    def _endings(self, refs: Refs, told: dict[str, Told], verdicts: dict[str, _Verdict]) -> list[ForeignEnding]:
        """The first of each mission's results that the ledger takes."""
        ledger, endings = self.reader.read(refs), list[ForeignEnding]()
        for mission, candidates in told.items():
            filed = ledger.open.get(mission)
            verdicts[mission] = word = _Verdict()
            for received, result in candidates:
                why = self._not_taken(ledger, mission, filed, received)
                if not why and filed is not None:
                    one = BusAttempt(mission=filed.mission, received=received, told=result, when=self.now())
                    departed = ledger.departed_epoch(filed.mission)
                    ending = ForeignEnding(
                        filed=filed, state=one.state, claim=one.final, record=one.record, departed=departed
                    )
                    endings.append(ending)
                    word.taken = received, result
                    break
                word.refused.append(why)
            if word.taken is None and mission not in ledger.claims:
                if filed is not None and filed.mission.status in OPEN:
                    word.reopened = self._key(filed.mission)
                elif filed is None and _is_broken(ledger, mission):
                    word.reopened = self.filing.key(mission) or f"ledger:{mission}"
        return endings

    def _not_taken(
        self, ledger: LedgerSnapshot, mission: str, filed: MissionFile | None, received: ReceivedResult
    ) -> str:
        """Why the ledger's word stands; empty where there is none yet."""
        if mission in ledger.claims:
            return f"{ledger.claims[mission].claim.node} has it in the ledger"
        if filed is None and _is_broken(ledger, mission):
            return "its file cannot be read"
        if filed is None:
            return "it is over in the ledger" if ledger.archived(mission) is not None else MISSING
        if received.key not in ("", self._key(filed.mission)):
            return "it is the result of another mission of that name, or of a round that is over"
        word = self.trust.authorize(ledger, filed)
        if not word.trusted:
            return f"it is not run: {word.why}"
        return "" if self._may_travel(filed.mission) else "no worker on the bus may have it now"

    # -- the ledger onto the bus --------------------------------------------------------------------------------

    def _is_due(self, generation: str, seen: str | None) -> bool:
        """Whether there may be something to show where nothing came: an idle bus asks no remote."""
        moved = seen is None or seen != self._looked
        return moved or generation != self._generation or self.clock() - self._shown >= SHOW_SECONDS

    def _show(self, ledger: LedgerSnapshot, generation: str) -> None:
        """Puts what is open there, where it is not; tells how missions ended that came over it."""
        if generation != self._generation:
            self._published.clear()
        elif ledger.tip == self._tip and self.clock() - self._shown < SHOW_SECONDS:
            return
        for name, filed in ledger.open.items():
            mission = filed.mission
            if self._published.get(name) == mission.epoch or not self._may_travel(mission) or name in ledger.claims:
                continue
            if self.trust.authorize(ledger, filed).trusted:
                text = envelope_of(mission, self._key(mission), self.filing.job_id(name))
                if self._is_carried(name, text):
                    self.bus.publish(text, mission.priority, filed=True)
                self._published[name] = mission.epoch
        self._published = {name: epoch for name, epoch in self._published.items() if name in ledger.open}
        for name in self.filing.unanswered():
            self._answer(ledger, name)
        self._generation, self._tip, self._shown = generation, ledger.tip, self.clock()

    def _is_carried(self, name: str, text: str) -> bool:
        """Whether workers could read it. Nodes do what the bus cannot carry from the ledger alone."""
        try:
            read_envelope(text)
        except WrongSetting as error:
            self.tell("bus", f"{name} goes by the ledger alone: {error}", once=True)
            return False
        return len(text.encode("utf-8", "surrogateescape")) <= MAX_ENVELOPE_BYTES

    def _key(self, mission: Mission) -> str:
        """Under what it travels: its producer's key, and for each further round one of its own."""
        own = self.filing.key(mission.name) or f"ledger:{mission.name}"
        if mission.epoch and len(own) > MAX_KEY_CHARS - 10:
            own = f"sha256:{key_digest(own)}"
        return f"{own}#{mission.epoch}" if mission.epoch else own

    def _may_travel(self, mission: Mission) -> bool:
        """Whether any worker may have it, if it is trusted: no machine is named, and nothing has to come before."""
        now = self.now()
        special = tuple(word for word in mission.capabilities if word.startswith(TASK_CAPABILITY))
        plain = not (mission.to or mission.depends_on or mission.run) and mission.capabilities == special[:1]
        due = all(when is None or when <= now for when in (mission.not_before, mission.retry_at))
        known = mission.task in LEDGER_TASKS.values()
        return mission.status in OPEN and plain and due and known

    def _answer(self, ledger: LedgerSnapshot, name: str) -> None:
        view = mission_view.find_view(ledger, self.trust, name, self.now())
        told = result_of(view.json()) if view else {"status": "FAILED", "result": None, "error": "its file was deleted"}
        if told["status"] is not None:
            job_id, why = self.filing.job_id(name), str(told["error"] or "")
            self.bus.answer(self.filing.key(name) or name, print_result(job_id, result=told["result"], error=why))
            self.filing.answered(name)


MISSING = "the ledger has no such mission"


@dataclass(kw_only=True)
class _Verdict:
    """What the ledger says to the results of one mission."""

    taken: tuple[ReceivedResult, DelegationResult] | None = None
    refused: list[str] = field(default_factory=list)
    """Why it did not take those before."""
    reopened: str = ""
    """The key of a mission that it still wants a result of."""

    @property
    def why(self) -> str:
        """Why it took none; empty where it took one."""
        return "" if self.taken or not self.refused else self.refused[0]


def _is_broken(ledger: LedgerSnapshot, mission: str) -> bool:
    """Whether the file of an open mission cannot be read now."""
    return any(bad.name == mission for bad in ledger.quarantined)


def _mission(received: ReceivedResult) -> str:
    try:
        return read_result(received.body).mission
    except WrongSetting:
        return ""
