"""How is an ended attempt told: in the mission's file, in the session log, in a memo?

Everything that goes into the ledger passes here, and nothing leaves without redaction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from handoff.entry import Entry, render_entry
from handoff.memo import Memo, memo_from_result, memo_path, render_memo
from handoff.redact import redact
from handoff.tiers import Tier, path_of
from missions.frontmatter import Scalar
from missions.lease import Claim, Hold
from missions.mission import Mission
from orchestrator.ports import Outcome
from orchestrator.record import Record, artifact_path

OUTPUT_LINES = 40
ARTIFACT_ROOF = 1024 * 1024
"""Characters of a diff or an output that the ledger keeps; the project's branch has the whole diff."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One ended attempt, with all that is told of it."""

    mission: Mission
    claim: Claim
    outcome: Outcome
    state: Hold
    started: datetime
    finished: datetime
    final: bool
    """Whether the mission ends with this attempt."""
    words: str = ""
    """The summary for the memo in a model's words; empty: the plain one."""
    remarks: tuple[str, ...] = ()
    """What a colleague should know besides: who was taken over, that the file changed meanwhile."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished - self.started).total_seconds()


def utc(when: datetime) -> str:
    """A time as it stands in every document: UTC, whole seconds."""
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def duration(seconds: float) -> str:
    """A length of time as a person would say it."""
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def record(attempt: Attempt) -> Record:
    """The attempt as the record that goes on the node's log."""
    mission, claim, outcome = attempt.mission, attempt.claim, attempt.outcome
    tells = attempt.state is not Hold.RELEASED  # an attempt that was put back leaves no history but its section
    memo = _memo(attempt) if attempt.final and tells else None
    texts = {"diff": outcome.diff, "output.txt": outcome.output}
    return Record(
        mission=mission.name,
        epoch=claim.epoch,
        fields=_fields(attempt),
        finished=utc(attempt.finished),
        section=_clean(_section(attempt, memo_path(memo) if memo else None)),
        entry=_clean(render_entry(_entry(attempt))) if tells else "",
        log_path=path_of(Tier.LOG, mission.project or ""),
        memo=_clean(render_memo(memo)) if memo else "",
        memo_path=memo_path(memo) if memo else "",
        artifacts={ending: _clean(_shortened(text)) for ending, text in texts.items() if text.strip()},
    )


def _clean(text: str) -> str:
    return redact(text).text


def _shortened(text: str) -> str:
    if len(text) <= ARTIFACT_ROOF:
        return text
    return f"{text[:ARTIFACT_ROOF]}\n[… {len(text) - ARTIFACT_ROOF:,} more characters are not kept here]\n"


def _fields(attempt: Attempt) -> dict[str, Scalar]:
    outcome = attempt.outcome
    return {
        "started": utc(attempt.started),
        "finished": utc(attempt.finished),
        "branch": outcome.branch,
        "cost_usd": outcome.usage.cost_usd,
    }


def _section(attempt: Attempt, memo: str | None) -> str:
    outcome, claim = attempt.outcome, attempt.claim
    head = f"### Attempt {claim.attempt} · {attempt.state} · {claim.node} · {duration(attempt.seconds)}"
    facts = [f"- {fact}" for fact in _facts(attempt, memo)]
    parts = [head, outcome.summary, "\n".join(facts), outcome.answer.strip(), _last_lines(outcome.output)]
    return "\n\n".join(part for part in parts if part)


def _facts(attempt: Attempt, memo: str | None) -> list[str]:
    outcome = attempt.outcome
    facts = [*attempt.remarks, *outcome.notes]
    if outcome.error:
        facts.append(f"error: {outcome.error}")
    elif outcome.exit_code is not None:
        facts.append(f"exit code {outcome.exit_code}")
    if outcome.files:
        path = artifact_path(attempt.claim, utc(attempt.finished)[:7], "diff")
        where = f"{len(outcome.files)} file{'s' * (len(outcome.files) != 1)} changed: `{path}`"
        facts.append(where if outcome.diff.strip() else ", ".join(f"`{path}`" for path in outcome.files[:20]))
    if outcome.branch:
        facts.append(f"branch `{outcome.branch}` from `{(outcome.base or '')[:10]}`")
    if outcome.sandbox:
        facts.append(f"sandbox: {outcome.sandbox}")
    if outcome.usage.model:
        facts.append(usage_line(outcome))
    if memo:
        facts.append(f"memo: {memo}")
    return facts


def usage_line(outcome: Outcome) -> str:
    """Who answered, and what it took."""
    usage = outcome.usage
    first = f" · first word after {duration(usage.first_token_seconds)}" if usage.first_token_seconds else ""
    tokens = f"{usage.tokens_in} tokens in ({usage.tokens_cached} cached), {usage.tokens_out} out"
    return f"{usage.model} on {usage.backend}: {tokens}{first}"


def _last_lines(output: str) -> str:
    lines = output.rstrip().splitlines()
    if not lines:
        return ""
    shown = lines[-OUTPUT_LINES:]
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", "\n".join(shown))), default=0))
    head = "Output:" if len(shown) == len(lines) else f"Output, the last {len(shown)} of {len(lines)} lines:"
    return "\n".join([head, "", f"{fence}text", *shown, fence])


def _entry(attempt: Attempt) -> Entry:
    mission, claim, outcome = attempt.mission, attempt.claim, attempt.outcome
    changes = "\n".join(f"- {path}" for path in outcome.files)
    tests = f"`{mission.run}` ended with exit code {outcome.exit_code}." if outcome.exit_code is not None else ""
    waits = {Hold.DONE: "", Hold.FAILED: "Read the error before the next attempt.", Hold.CANCELLED: ""}
    sections = {
        "Starting Context": "\n".join([f"{mission.title} (attempt {claim.attempt})", *attempt.remarks]),
        "Work Accomplished": "\n\n".join(part for part in (outcome.summary, outcome.answer.strip()) if part),
        "Code Changes": changes,
        "Blockers": outcome.error,
        "For Next Instance": waits.get(attempt.state, ""),
        "Test Status": tests,
    }
    return Entry(
        entry_id=f"{mission.name}-{claim.epoch}",
        when=utc(attempt.finished),
        node=claim.node,
        agent=mission.agent,
        model=outcome.usage.model,
        mission=mission.name,
        sections=tuple((name, text) for name, text in sections.items() if text.strip()),
    )


def _memo(attempt: Attempt) -> Memo:
    mission, claim, outcome = attempt.mission, attempt.claim, attempt.outcome
    return memo_from_result(
        memo_id=f"{mission.name}-{claim.epoch}",
        node=claim.node,
        mission=mission.name,
        title=mission.title,
        task=mission.task,
        outcome=attempt.state.value,
        answer=outcome.answer or attempt.words or outcome.summary,
        created=utc(attempt.finished),
        artifacts=outcome.files,
    )
