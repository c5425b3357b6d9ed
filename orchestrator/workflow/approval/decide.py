"""How does a person say yes or no to a result, once, whoever else is about to say it, too?

Command line, API and every later screen come through here. The decision is a change of the mission's file on the newest
state of the branch: of two that are made at once one wins, and the other is told who was faster, and what they said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from handoff.secrets.redact import redact
from missions import document
from missions.fields import COMMENT_ROOF
from missions.frontmatter import Scalar
from missions.mission import DELIVERIES, Mission, Status
from orchestrator.core.errors import AlreadyDone, NotFound, OrchestratorError, Refused, WrongSetting
from orchestrator.ledger.publish import Draft, land
from orchestrator.ledger.result_record import decoded, encoded
from orchestrator.ledger.snapshot import Filed, Ledger, Reader
from orchestrator.ledger.transport import Bus
from orchestrator.policy.authorization import Trust
from orchestrator.policy.membership import Membership
from orchestrator.policy.verdict import UNDECIDED, Judge, awaits
from orchestrator.workflow.approval.delivery import Completion, Finished
from orchestrator.workflow.approval.explain import Why, why
from sync.errors import SyncError

MARK = document.RESULT_MARK


@dataclass(frozen=True, kw_only=True)
class Decided:
    """One decision. `then` is what was done with the branch at once, if anything was; `trouble` why it waits."""

    mission: str
    decision: str
    by: str
    how: str = ""
    then: Finished | None = None
    trouble: str = ""

    def json(self) -> dict[str, Any]:
        """Plain data."""
        done = self.then or Finished(mission=self.mission)
        facts = {"mission": self.mission, "decision": self.decision, "by": self.by, "on_approval": self.how}
        return facts | {"oid": done.oid, "refused": done.refused, "waits": self.trouble}


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Results that wait, for the person at this machine. `cache` is for clones of projects; None: nodes merge."""

    bus: Bus
    reader: Reader
    trust: Trust
    ledger: Callable[[], Ledger]
    cache: Path | None = None

    def approve(self, name: str, *, how: str = "", comment: str = "", commit: str = "", by: str = "") -> Decided:
        """Accepts a result. `how` (merge, push, nothing) goes before what the project says; `commit` is what was looked
        at: if the result is another one by now, it is refused.

        Raises NotFound, Refused, AlreadyDone and WrongSetting. A branch that cannot be merged now stays due.
        """
        if how and how not in DELIVERIES:
            raise WrongSetting("--merge", f"one of {', '.join(DELIVERIES)}, not {how}")
        said = _clean(comment)

        def change(ledger: Ledger, filed: Filed, me: str) -> tuple[Mapping[str, Scalar], str]:
            _same(filed.mission, commit)
            _deliverable(ledger, filed.mission, how)
            return {"status": "done", "decision": "approved", "on_approval": how or None}, f"### Approved by {me}"

        me = self._decide(name, "Approve", change, said, by)
        return self._finished(name, Decided(mission=name, decision="approved", by=me, how=how))

    def reject(self, name: str, comment: str, *, commit: str = "", by: str = "") -> Decided:
        """Sends a result back to be done again. The next attempt reads `comment`, which must say something.

        Raises as `approve` does.
        """
        said = _clean(comment)
        if not said:
            raise WrongSetting("-m", "say what is wrong with it: the next attempt reads that")

        def change(ledger: Ledger, filed: Filed, me: str) -> tuple[Mapping[str, Scalar], str]:
            _same(filed.mission, commit)
            self._must_be_trusted(ledger, filed)
            count = filed.mission.rejections + 1
            fields: dict[str, Scalar] = {"status": "queued", "decision": "rejected", "rejections": count}
            return {**fields, "comment": said, "retry_at": None}, f"### Rejected by {me}"

        me = self._decide(name, "Reject", change, said, by)
        return Decided(mission=name, decision="rejected", by=me)

    def _must_be_trusted(self, ledger: Ledger, filed: Filed) -> None:
        """A comment is a person's part of the file: whoever writes it signs all of what is asked for."""
        word = self.trust.word(ledger, filed)
        if self.bus.sign is not None and not word.trusted:
            hint = f"read it, then `shiftbook mission trust {filed.mission.name}`"
            raise Refused(f"{filed.path} is not trusted as it is now: {word.why}; {hint}")

    def why(self, name: str) -> Why:
        """Which rules fired for a mission, and what is known of its agent. Raises NotFound."""
        ledger = self.ledger()
        return why(ledger, self.trust, self._judge(ledger), name, self.bus.now())

    def _judge(self, ledger: Ledger) -> Judge:
        return self.trust.judge(ledger, signed=self.bus.sign is not None)

    def _decide(
        self,
        name: str,
        verb: str,
        change: Callable[[Ledger, Filed, str], tuple[Mapping[str, Scalar], str]],
        comment: str,
        by: str,
    ) -> str:
        """Lands one decision; returns who decided."""
        who = ""

        def draft(ledger: Ledger) -> Draft:
            nonlocal who
            me = Membership(bus=self.bus, reader=self.reader, trust=self.trust).me(ledger, "author", "admin").name
            filed = _waiting(ledger, name)
            now = self.bus.now()
            fields, head = change(ledger, filed, me)
            told: dict[str, Scalar] = {"decided_by": me, "decided": f"{now:%Y-%m-%dT%H:%M:%SZ}", "reason": None}
            section = f"{head} · {now:%Y-%m-%d %H:%M} UTC" + (f"\n\n{comment}" if comment else "")
            text = document.with_fields(decoded(ledger.store.get(filed.blob)), {**UNDECIDED, **told, **fields})
            asked = f"\n\nAsked-By: {by}" if by else ""
            who = me
            data = encoded(document.with_attempt(text, section))
            return Draft(files={filed.path: data}, message=f"{verb} {name}{asked}")

        land(self.bus, self.reader, draft)
        return who

    def _finished(self, name: str, decided: Decided) -> Decided:
        """Does what is due at once, where this machine can. A node does it otherwise."""
        ledger = self.ledger()
        filed = ledger.open.get(name)
        how = awaits(ledger.charter, filed.mission) if filed else ""
        if not how or self.cache is None:
            return replace(decided, how=how)
        completion = Completion(bus=self.bus, reader=self.reader, trust=self.trust, cache=self.cache)
        try:
            return replace(decided, how=how, then=completion.finish(name))
        except (OrchestratorError, SyncError) as error:
            return replace(decided, how=how, trouble=str(error))


def _waiting(ledger: Ledger, name: str) -> Filed:
    """The mission whose result waits. Raises NotFound, AlreadyDone and Refused."""
    filed = ledger.open.get(name)
    if filed is None:
        done = ledger.archived(name)
        if done is None:
            raise NotFound(f"no mission {name!r}")
        raise AlreadyDone(_decided(done.mission))
    mission = filed.mission
    if name in ledger.claims:
        raise Refused(f"{ledger.claims[name].claim.node} works on {name}: there is no result to decide on yet")
    if mission.status is Status.REVIEW:
        return filed
    if mission.decision:
        raise AlreadyDone(_decided(mission))
    raise Refused(f"{name} is {mission.status}; only a mission that waits in review can be approved or rejected")


def _decided(mission: Mission) -> str:
    """Who was faster, and what they said."""
    when = f" at {mission.decided:%Y-%m-%d %H:%M} UTC" if mission.decided else ""
    comment = f": {mission.comment}" if mission.comment else ""
    if mission.decision:
        return f"{mission.name} is decided already: {mission.decided_by} {mission.decision} it{when}{comment}"
    return f"{mission.name} is {mission.status} already"


def _same(mission: Mission, commit: str) -> None:
    if commit and mission.commit != commit:
        now = (mission.commit or "no commit")[:10]
        raise AlreadyDone(f"{mission.name} has another result by now ({now}): look at it first")


def _deliverable(ledger: Ledger, mission: Mission, how: str) -> None:
    """Refuses what cannot be done with this branch, before anything is decided."""
    part = ledger.charter.projects.get(mission.about or "")
    wanted = how or (part.on_approval if part else "nothing")
    if wanted == "nothing":
        return
    if part is None:
        raise Refused(f"{mission.name} belongs to no project: there is nothing to {wanted}")
    if not (mission.commit and mission.branch) and (how or mission.commit or mission.branch):
        raise Refused(f"{mission.name} has no branch on the project's server to {wanted}; --nothing accepts its diff")


def _clean(comment: str) -> str:
    """A comment as it may stand in the file: without secrets, and without what only looks like a part of ours."""
    said = redact(comment.replace("\0", "")).text.replace(MARK, "").strip()
    if len(said) > COMMENT_ROOF:
        raise WrongSetting("-m", f"a comment has at most {COMMENT_ROOF} characters")
    return said
