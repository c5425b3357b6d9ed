"""How does the whole fleet come to a release? By a roll: a mission for each node, which waits for the one before.

All of them come in one commit that an admin signs. A node's mission is done when its new version says so; so the next
one begins only then, and one that comes back with its old version stops the roll. Workers go first and headquarters
last: a release that does not work is met where the fewest people wait, while whoever serves the ledger still runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from missions.errors import BadName
from missions.mission import FINISHED, UPDATE_TASK, Mission, Status, slug
from orchestrator.core.errors import NotFound, Refused
from orchestrator.core.release_tag import is_newer
from orchestrator.core.roles import Role
from orchestrator.ledger.node_pages import Presence, announced_nodes
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot, MissionFile, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from orchestrator.policy.membership import Membership
from sync.signatures import read_signers

RANKS = {Role.LOCAL_WORKER: 0, Role.STANDALONE_NODE: 1, Role.HEADQUARTERS: 2}
MAX_STEPS = 1000
"""Missions of a roll that are looked at."""
MAX_NAMED = 5
STEP_SECONDS = 3600
"""Seconds that a node may take to fetch and install a release, and to look at its database with it."""


@dataclass(frozen=True, kw_only=True)
class RollStep:
    """One node's part. `state` is done, running, waiting or stopped."""

    node: str
    mission: str
    state: str
    says: str = ""
    waits_for: tuple[str, ...] = ()
    """The missions that the node works on, the first few: it starts its next version when they are done."""

    @property
    def words(self) -> str:
        """In a line of others."""
        return f"{self.node} {self.state}" + (f" (once {', '.join(self.waits_for)} ends)" if self.waits_for else "")

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class UpdateRoll:
    """A roll that is not over."""

    release: str
    steps: tuple[RollStep, ...]

    @property
    def stopped(self) -> bool:
        """Whether it goes no further without a person."""
        return any(step.state == "stopped" for step in self.steps)

    @property
    def says(self) -> str:
        """Where it stands, in one line."""
        parts = ", ".join(step.words for step in self.steps)
        why = next((step.says for step in self.steps if step.state == "stopped" and step.says), "")
        return f"update to {self.release}: {parts}" + (f" ({why})" if why else "")

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"stopped": self.stopped}


@dataclass(frozen=True, kw_only=True)
class RollPlan:
    """The nodes that are updated, in their order, and those that are left out, each with why."""

    release: str
    order: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)


def plan_roll(
    ledger: LedgerSnapshot, nodes: Sequence[Presence], release: str, wanted: Collection[str] = ()
) -> RollPlan:
    """Which nodes go to `release`, and in which order. Raises NotFound for one that the fleet does not have."""
    members = {each.name for each in read_signers(ledger.signers).values() if "node" in each.roles}
    there = {node.name: node for node in nodes if node.name in members}
    missing = sorted(set(wanted) - there.keys())
    if missing:
        raise NotFound("no node {!r}: there are {}", missing[0], ", ".join(sorted(there)) or "none yet")
    chosen = [there[name] for name in sorted(wanted or there)]
    left_out = {node.name: why for node in chosen if (why := _left_out_reason(node, release))}
    able = [node for node in chosen if node.name not in left_out]
    able.sort(key=lambda node: (RANKS[Role.read(node.role)], node.name))
    return RollPlan(release=release, order=tuple(node.name for node in able), left_out=left_out)


def _left_out_reason(node: Presence, release: str) -> str:
    """Why a node has no part in a roll; empty if it has one. One that is away would hold up all after it."""
    if f"v{node.version}" == release:
        return f"it runs {release}"
    if is_newer(f"v{node.version}", release):
        return f"it runs a newer one, v{node.version}: nobody is taken back by a roll"
    if UPDATE_TASK not in node.tasks:
        return "its program was not installed by `shiftbook update`: update it as it was installed"
    if node.state not in ("live", "unknown"):
        return f"it is {node.state}: say --node {node.name} when it is back"
    return ""


def render_step(node: str, release: str, before: str, place: str) -> str:
    """The mission of one node."""
    waits = f"depends_on: [{before}]\n" if before else ""
    head = f"task: {UPDATE_TASK}\ntitle: Update {node} to {release}\nto: [{node}]\nrelease: {release}\npriority: 9\n"
    return f"---\n{head}{waits}timeout_seconds: {STEP_SECONDS}\n---\nGo to {release}: {place}.\n"


def stacking_reason(ledger: LedgerSnapshot, mission: Mission, trust: Trust | None = None) -> str:
    """Why a node must not begin its part of a roll now, in words; empty if it may."""
    for name, filed in _orders(ledger, trust).items():
        if name != mission.name and _is_begun(ledger, filed.mission):
            return f"{name} is under way, and updates never stack"
    pages = announced_nodes(ledger)
    for earlier in earlier_steps(ledger, mission):
        node = earlier.to[0]
        version = pages[node].version if node in pages else ""
        if f"v{version}" != mission.release:
            return f"{node}, which was updated before, says that it runs v{version}: the roll goes no further"
    return ""


def _orders(ledger: LedgerSnapshot, trust: Trust | None) -> dict[str, MissionFile]:
    """The open updates that count: those that an admin signed, and what a node holds whose text was changed since.

    Anybody who may push can write a file that says that it is one, begun or stopped.
    """
    every = {name: filed for name, filed in ledger.open.items() if filed.mission.task == UPDATE_TASK}
    judge = trust or Trust(ledger.store)
    return {
        name: filed for name, filed in every.items() if name in ledger.claims or judge.authorize(ledger, filed).trusted
    }


def _is_begun(ledger: LedgerSnapshot, mission: Mission) -> bool:
    going_on = mission.status in (Status.QUEUED, Status.RUNNING, Status.FAILED) and mission.epoch > 0
    return mission.name in ledger.claims or going_on


def earlier_steps(ledger: LedgerSnapshot, mission: Mission) -> list[Mission]:
    """The parts of the same roll before this one, the nearest first."""
    found: list[Mission] = []
    while mission.depends_on and len(found) < MAX_STEPS:
        name = mission.depends_on[0]
        filed = ledger.open.get(name) or ledger.archived(name)
        if filed is None or filed.mission.task != UPDATE_TASK or filed.mission.release != mission.release:
            break
        mission = filed.mission
        found.append(mission)
    return found


def current_rolls(ledger: LedgerSnapshot, trust: Trust | None = None) -> list[UpdateRoll]:
    """The rolls that are not over; more than one only where two admins filed at once. `trust` remembers verdicts."""
    every = {name: filed.mission for name, filed in _orders(ledger, trust).items() if filed.mission.to}
    waiting = {n: mission for n, mission in every.items() if mission.status not in FINISHED}  # until they are archived
    last = waiting.keys() - {name for mission in waiting.values() for name in mission.depends_on}
    rolls = []
    for name in sorted(last):
        chain = [waiting[name], *earlier_steps(ledger, waiting[name])]
        steps = tuple(_step(ledger, mission) for mission in reversed(chain))
        rolls.append(UpdateRoll(release=waiting[name].release or "", steps=steps))
    return rolls


def _step(ledger: LedgerSnapshot, mission: Mission) -> RollStep:
    node, name = mission.to[0], mission.name
    if name in ledger.claims or (mission.status in (Status.QUEUED, Status.RUNNING) and mission.epoch > 0):
        return RollStep(node=node, mission=name, state="running", waits_for=_work_of(ledger, node))
    if mission.status is Status.DONE:
        return RollStep(node=node, mission=name, state="done")
    if mission.status is Status.QUEUED:
        return RollStep(node=node, mission=name, state="waiting")
    return RollStep(node=node, mission=name, state="stopped", says=mission.reason or f"{name} is {mission.status}")


def _work_of(ledger: LedgerSnapshot, node: str) -> tuple[str, ...]:
    """What a node holds beside updates."""
    held = (name for name, one in ledger.claims.items() if one.claim.node == node and not one.claim.closed)
    work = (name for name in held if name not in ledger.open or ledger.open[name].mission.task != UPDATE_TASK)
    return tuple(sorted(work)[:MAX_NAMED])


@dataclass(frozen=True, kw_only=True)
class UpdateRolls:
    """The rolls, for the person at this machine, who must be an admin to file one."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    ledger: Callable[[], LedgerSnapshot]

    def file(self, plan: RollPlan) -> UpdateRoll:
        """Files a roll in one commit with the admin's signature. Raises Refused for anybody else, and while there is
        another roll.
        """
        if not plan.order:
            why = "; ".join(f"{node}: {why}" for node, why in plan.left_out.items())
            raise NotFound(f"no node is there to be updated{f' ({why})' if why else ''}")

        def draft(ledger: LedgerSnapshot) -> LedgerChange:
            Membership(bus=self.bus, reader=self.reader, trust=self.trust).require_member(ledger, "admin")
            other = next(iter(current_rolls(ledger, self.trust)), None)
            if other is not None:
                raise Refused(f"{other.says}: one roll at a time; `shiftbook update --fleet --call-off` ends it")
            return LedgerChange(files=_roll_files(ledger, plan), message=f"Update the fleet to {plan.release}")

        commit_change(self.bus, self.reader, draft)
        return next(roll for roll in current_rolls(self.ledger(), self.trust) if roll.release == plan.release)

    def open_steps(self) -> list[str]:
        """The missions of all rolls that are not over."""
        ledger = self.ledger()
        every = (step.mission for roll in current_rolls(ledger, self.trust) for step in roll.steps)
        return [name for name in every if name in ledger.open and ledger.open[name].mission.status not in FINISHED]


def _roll_files(ledger: LedgerSnapshot, plan: RollPlan) -> dict[str, bytes | None]:
    files: dict[str, bytes | None] = {}
    before = ""
    for number, node in enumerate(plan.order, 1):
        name = _free_name(ledger, f"update-{plan.release.replace('.', '-')}-{node}")
        place = f"{number} of {len(plan.order)}" + (f", after {plan.order[number - 2]}" if before else "")
        files[f"{MISSIONS}/{name}.md"] = render_step(node, plan.release, before, place).encode()
        before = name
    return files


def _free_name(ledger: LedgerSnapshot, wanted: str) -> str:
    taken = {*ledger.open, *(bad.name for bad in ledger.quarantined)}
    for number in range(1, MAX_STEPS):
        try:
            name = slug(wanted if number == 1 else f"{wanted[:74]}-{number}")
        except BadName as error:
            raise Refused(str(error)) from error
        if name not in taken and ledger.archived(name) is None:
            return name
    raise Refused(f"there are {MAX_STEPS} missions {wanted} already")
