"""Which orders may a person give about a mission: stop it, let it rest, go on, try again?

Each is a signed change of the mission's file, worked out again when somebody was faster. The node that runs it sees the
branch move and obeys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from missions import document, frontmatter, lifecycle
from missions.errors import BadTransition
from missions.frontmatter import Scalar
from missions.mission import Mission, Status
from orchestrator.core.errors import AlreadyDone, Refused, WrongSetting
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from orchestrator.policy.membership import Membership
from orchestrator.workflow.mission_name import not_open
from orchestrator.workflow.queue_hold.withdrawal import withdrawal
from sync.signatures import Principal

MAX_BUDGET_USD = 1_000_000.0
FieldChange = Callable[[Mission, Principal], Mapping[str, Scalar]]
"""The fields that an order sets, from what the mission is and who gives the order. Raises Refused."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """One person's orders. Every method raises NotFound, Refused, AlreadyDone, and what the remote raises."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    by: str = ""
    """Who asked for it on the person's behalf; it stands in the commit's message."""

    def cancel(self, name: str) -> None:
        """Calls a mission off; work on it ends within seconds, wherever it runs."""
        self.give(name, "Cancel", lambda mission, me: {"status": Status.CANCELLED.value})

    def pause(self, name: str) -> None:
        """Lets a mission rest until somebody resumes it. What runs is stopped and keeps its workspace and session."""
        self.give(name, "Pause", _pause_fields)

    def resume(self, name: str) -> None:
        """Puts a parked mission back into the queue; the node that keeps its workspace goes on there."""
        self.give(name, "Resume", _resume_fields)

    def retry(self, name: str) -> None:
        """Puts a dead or failed mission back into the queue with all its attempts."""
        self.give(name, "Retry", _retry_fields)

    def set_budget(self, name: str, usd: float) -> None:
        """Sets what a mission may cost in all; what runs keeps to it within seconds. Raises WrongSetting."""
        if not 0 <= usd < MAX_BUDGET_USD:
            raise WrongSetting("USD", f"a budget is an amount of dollars below {MAX_BUDGET_USD:,.0f}")
        self.give(name, f"Budget ${usd:.2f}:", lambda mission, me: {"budget_usd": usd})

    def endorse(self, name: str, shown: str | None = None) -> None:
        """Trusts an untrusted mission: the person signs its text as it is, and as it was `shown` if that is told."""
        self.give(name, "Trust", lambda mission, me: {"trusted_by": me.name}, vouches=True, shown=shown)

    def give(
        self, name: str, verb: str, change: FieldChange, *, vouches: bool = False, shown: str | None = None
    ) -> None:
        """A person's word on an open mission, as a signed change of its front matter. `name` is its slug.

        `vouches`: the order is given to make the text the person's own, so it is refused where somebody changes that
        while it is given, or since the file was `shown`.
        """
        read = [] if shown is None else [document.requested_content(shown.encode())]
        membership = Membership(bus=self.bus, reader=self.reader, trust=self.trust)

        def draft(ledger: LedgerSnapshot) -> LedgerChange:
            filed = ledger.open.get(name)
            if filed is None:
                raise not_open(ledger, name)
            me = membership.require_member(ledger, "author", "admin")
            before = ledger.text(filed.path)
            text = frontmatter.write(before, change(filed.mission, me))
            read.append(document.requested_content(before.encode()))
            if vouches and read[-1] != read[0]:
                raise Refused("somebody changed {} at this moment: read it again before you vouch for it", filed.path)
            if not vouches:
                self._must_be_trusted(ledger, filed, before, text)
            asked = f"\n\nAsked-By: {' '.join(self.by.split())}" if self.by else ""
            kept = frontmatter.split(text).fields.get("status") == filed.mission.status.value
            refs = () if kept else withdrawal(self.bus, ledger, self.trust, filed.mission)
            return LedgerChange(files={filed.path: text.encode()}, message=f"{verb} {name}{asked}", refs=refs)

        commit_change(self.bus, self.reader, draft)

    def _must_be_trusted(self, ledger: LedgerSnapshot, filed: MissionFile, before: str, after: str) -> None:
        """Whoever changes what is asked for signs all of it: a budget must not vouch for a text that nobody read."""
        same = document.requested_content(before.encode()) == document.requested_content(after.encode())
        if self.bus.sign is None or same:
            return
        word = self.trust.authorize(ledger, filed)
        if not word.trusted:
            hint = f"read it, then `shiftbook mission trust {filed.mission.name}`"
            raise Refused("{} is not trusted as it is now: {}; {}", filed.path, word.why, hint)


def _next_status(mission: Mission, event: str, only: str) -> str:
    try:
        return lifecycle.next_status(mission.status, event).value
    except BadTransition:
        why = f"{mission.name} is {mission.status}; only a mission that is {only} can be {event}"
        raise AlreadyDone(why) from None


def _pause_fields(mission: Mission, me: Principal) -> Mapping[str, Scalar]:
    status = _next_status(mission, "paused", "queued, running or failed")
    return {"status": status, "reason": f"paused by {me.name}", "retry_at": None}


def _resume_fields(mission: Mission, me: Principal) -> Mapping[str, Scalar]:
    return {"status": _next_status(mission, "resumed", "parked"), "reason": None, "retry_at": None}


def _retry_fields(mission: Mission, me: Principal) -> Mapping[str, Scalar]:
    if mission.status not in {Status.DEAD, Status.FAILED}:
        raise Refused("{} is {}; only a mission that is dead or failed can be retried", mission.name, mission.status)
    return {"status": Status.QUEUED.value, "retries": mission.retries + 1, "retry_at": None}
