"""How does a result that came over a bus become an attempt of the ledger's, and an open mission an envelope?

Whoever may write to the bus may say what became of a mission; nobody has signed it but headquarters, which records it.
So such a result is an answer and no more: where a mission was to change a project, a person looks at it first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from missions.errors import BadName
from missions.lease import Claim, ClaimState
from missions.mission import CODING_TASK, Mission, slug
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.agent import Outcome
from orchestrator.core.ports.mission_bus import ReceivedResult
from orchestrator.ledger.result_record import ResultRecord
from orchestrator.ledger.result_report import EndedAttempt, build_record
from orchestrator.workflow.delegation.envelope import MAX_ATTEMPTS, TASK_CAPABILITY, split_context

MAX_RESULT_CHARS = 256 * 1024
UNSIGNED = "a worker on the bus says that it is done; nothing that a node has signed shows what it did"


class DelegationResult(BaseModel):
    """What became of a mission, as it comes over a bus."""

    model_config = ConfigDict(extra="ignore")
    job_id: Annotated[str, Field(min_length=1, max_length=80)]
    status: Literal["SUCCESS", "FAILED"]
    result: Any = None
    error: Annotated[str, Field(max_length=20_000)] | None = None

    @property
    def mission(self) -> str:
        """The mission's name; empty where none can be made of it."""
        try:
            return slug(self.job_id)
        except BadName:
            return ""


def read_result(body: str) -> DelegationResult:
    """A result. Raises WrongSetting for what is none."""
    if len(body) > MAX_RESULT_CHARS:
        raise WrongSetting("result", f"it has more than {MAX_RESULT_CHARS} characters")
    try:
        return DelegationResult.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise WrongSetting(".".join(map(str, first["loc"])) or "result", first["msg"]) from None


def print_result(job_id: str, *, result: Any = None, error: str = "") -> str:
    """A result as it goes over a bus. Raises ValueError and TypeError for what JSON cannot say."""
    status = "FAILED" if error else "SUCCESS"
    body = {"job_id": job_id, "status": status, "result": result, "error": error}
    text = json.dumps(body, ensure_ascii=False, allow_nan=False)
    if len(text) > MAX_RESULT_CHARS:
        raise ValueError(f"the result has more than {MAX_RESULT_CHARS} characters")
    text.encode()  # raises UnicodeEncodeError, which is a ValueError, for half a character
    return text


@dataclass(frozen=True, kw_only=True)
class BusAttempt:
    """A result that headquarters records: what is written for the claim that it takes for it."""

    mission: Mission
    received: ReceivedResult
    told: DelegationResult
    when: datetime

    @property
    def state(self) -> ClaimState:
        """How the claim ends."""
        if self.told.status == "FAILED":
            return ClaimState.FAILED
        return ClaimState.PARKED if self.mission.task == CODING_TASK else ClaimState.DONE

    def final(self, claim: Claim) -> Claim:
        """The claim, after which no attempt is left where it failed: the bus has spent them."""
        failed = self.state is ClaimState.FAILED
        return replace(claim, attempt=max(claim.attempt, self.mission.attempts_allowed)) if failed else claim

    def record(self, claim: Claim) -> ResultRecord:
        """What the ledger keeps of it."""
        failed, state = self.told.status == "FAILED", self.state
        answer = "" if failed else _words(self.told.result)
        who = self.received.worker or "a worker that did not say who it is"
        outcome = Outcome(
            ok=not failed,
            summary=("Failed." if failed else "Done over the bus."),
            answer=answer,
            error=(self.told.error or "no reason was given") if failed else "",
            parked=UNSIGNED if state is ClaimState.PARKED else "",
        )
        attempt = EndedAttempt(
            mission=self.mission,
            claim=claim,
            outcome=outcome,
            state=state,
            started=self.when,
            finished=self.when,
            final=state is not ClaimState.PARKED,
            remarks=(f"over the bus, by {who}",),
        )
        return build_record(attempt)


def _words(result: Any) -> str:
    """A result as people read it."""
    if result is None or result == {}:
        return ""
    if isinstance(result, str):
        return result
    return f"```json\n{json.dumps(result, ensure_ascii=False, indent=1)}\n```"


def envelope_of(mission: Mission, key: str, job_id: str) -> str:
    """An open mission as an envelope for the bus; its producer calls it `job_id`."""
    special = [word for word in mission.capabilities if word.startswith(TASK_CAPABILITY)]
    kind = special[0].removeprefix(TASK_CAPABILITY) if special else mission.task
    body, context = split_context(mission.body.strip()) if special else (mission.body.strip(), {})
    body = body.strip() or mission.title
    task = body if special and body.startswith(f"{kind}:") else f"{kind}:{body}"
    context["title"] = mission.title
    if mission.project:
        context["project"] = mission.project
    return json.dumps(
        {
            "job_id": job_id,
            "idempotency_key": key,
            "priority": mission.priority,
            "timeout_seconds": mission.timeout_seconds,
            "max_retries": min(mission.attempts_allowed, MAX_ATTEMPTS),
            "payload": {"task": task, "context": context},
        },
        ensure_ascii=False,
    )
