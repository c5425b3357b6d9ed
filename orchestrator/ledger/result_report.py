"""The report of an ended attempt: in the mission's file, in the session log, in a memo.

Everything that goes into the ledger passes here, and nothing leaves without redaction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from handoff.answers.destructive import with_guarded_fields
from handoff.entry import Entry, render_entry
from handoff.memo import Memo, memo_from_result, memo_path, render_memo
from handoff.mined.confirmation import has_passed
from handoff.secrets.redact import redact, redact_values
from handoff.tiers import Tier, path_of
from handoff.warnings.heard_warnings import HEARD_SECTION, HeardWarning, WarningVerdict, heard_list
from missions.approval import MAX_PATH_CHARS, ChangeFacts
from missions.archive_path import day_of
from missions.frontmatter import Scalar
from missions.lease import OBJECT_NAME, Claim, ClaimState
from missions.mission import Mission
from missions.result_section import opens_with
from orchestrator.core.ports.agent import DiffStat, Outcome
from orchestrator.core.time_text import format_duration, format_utc
from orchestrator.ledger.diff_budget import fit_diff
from orchestrator.ledger.evidence_report import evidence_lines, redact_evidence
from orchestrator.ledger.result_record import MAX_PROPOSALS, ResultRecord, artifact_path

MAX_OUTPUT_LINES = 40
MAX_ARTIFACT_CHARS = 1024 * 1024
"""Characters of a diff or an output that the ledger keeps; the project's branch has the whole diff."""


MAX_REASON_CHARS = 500
"""Characters of a reason in a mission's front matter."""
MAX_NAMED_ITEMS = 10
"""Most paths or refusals of one kind that a section names."""
MAX_NAMED_FILES = 200
"""Most changed files that a journal entry or a memo names."""
MAX_FACT_PATHS = 5000
"""Paths of one kind that a record lists; of more it says nothing, and a person looks at them."""


@dataclass(frozen=True, kw_only=True)
class EndedAttempt:
    """One ended attempt, with all that is told of it."""

    mission: Mission
    claim: Claim
    outcome: Outcome
    state: ClaimState
    started: datetime
    finished: datetime
    final: bool
    """Whether the mission ends with this attempt."""
    words: str = ""
    """The summary for the memo in a model's words; empty: the plain one."""
    remarks: tuple[str, ...] = ()
    """What a colleague should know besides: who was taken over, that the file changed meanwhile."""

    answered_by: str = ""
    """The division that did it, by its name."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished - self.started).total_seconds()


def build_record(attempt: EndedAttempt) -> ResultRecord:
    """The attempt as the record that goes on the node's log."""
    mission, claim, outcome = attempt.mission, attempt.claim, attempt.outcome
    tells = attempt.state not in {
        ClaimState.RELEASED,
        ClaimState.PARKED,
    }  # put back or parked: its section is its history
    memo = _memo(attempt) if attempt.final and tells else None
    texts = {"diff": outcome.diff, "submodules.diff": outcome.submodules, "output.txt": outcome.output}
    record = ResultRecord(
        mission=mission.name,
        epoch=claim.epoch,
        fields=_fields(attempt),
        finished=format_utc(attempt.finished),
        section=_section(attempt, memo_path(memo) if memo else None),
        entry=render_entry(_entry(attempt)) if tells else "",
        log_path=path_of(Tier.LOG, mission.project or ""),
        memo=render_memo(memo) if memo else "",
        memo_path=memo_path(memo) if memo else "",
        artifacts={ending: _fit_artifact(text) for ending, text in texts.items() if text.strip()},
        facts=change_facts(outcome),
        evidence=outcome.evidence,
        proposals={_file_name(one.name): with_guarded_fields(one.text) for one in outcome.proposals[:MAX_PROPOSALS]},
    )
    return redact_record(record)


def redact_record(record: ResultRecord) -> ResultRecord:
    """Everything that a record tells, without secrets.

    What says where it belongs stays, and so do the facts that are compared with the branch: paths, counts, commits.
    """
    return replace(
        record,
        fields=redact_values(record.fields),
        section=_redacted(record.section),
        entry=_redacted(record.entry),
        memo=_redacted(record.memo),
        artifacts={ending: _redacted(text) for ending, text in record.artifacts.items()},
        facts=replace(record.facts, denials=_redacted_each(record.facts.denials)),
        proposals={_redacted(name): _redacted(text) for name, text in record.proposals.items()},
        evidence=redact_evidence(record.evidence),
    )


def change_facts(outcome: Outcome) -> ChangeFacts:
    """What policy is asked about. What the outcome does not say is not known; what used no model cost nothing."""
    changes, usage = outcome.changes, outcome.usage
    free = not usage.model and not usage.tokens_in and not usage.tokens_out
    return ChangeFacts(
        files=recordable_paths(outcome.files),
        added=changes.added if changes else None,
        removed=changes.removed if changes else None,
        binaries=recordable_paths(changes.binaries) if changes else None,
        modes=recordable_paths(changes.modes) if changes else None,
        executables=recordable_paths(changes.executables) if changes else None,
        links=recordable_paths(changes.links) if changes else None,
        cost_usd=0.0 if free and usage.cost_usd is None else usage.cost_usd,
        tested=outcome.tested,
        denials=outcome.denials[:MAX_FACT_PATHS],
        commit=_object_name(outcome.commit),
        base=_object_name(outcome.base) if outcome.commit else None,
    )


def recordable_paths(paths: tuple[str, ...]) -> tuple[str, ...] | None:
    """Paths as a record lists them; None where they are too many or too long for it."""
    short = all(len(path) <= MAX_PATH_CHARS for path in paths)
    return paths if short and len(paths) <= MAX_FACT_PATHS else None


def _object_name(oid: str | None) -> str | None:
    return oid if oid and OBJECT_NAME.fullmatch(oid) else None


def _file_name(name: str) -> str:
    """A proposal's name as a file's: what it is called in the end is the fold's to say."""
    return "".join(char if char.isalnum() or char in "-_ ." else "-" for char in name)[:100].strip(". ") or "proposal"


def redact_artifact(text: str) -> str:
    """A diff or an output as the ledger keeps it."""
    return _redacted(_fit_artifact(text))


def _fit_artifact(text: str) -> str:
    """As much of it as the ledger keeps, for whoever redacts it next: what is cut is redacted before as well."""
    return fit_diff(_redacted(text), MAX_ARTIFACT_CHARS) if len(text) > MAX_ARTIFACT_CHARS else text


def _redacted_each(texts: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if texts is None else tuple(map(_redacted, texts))


def _redacted(text: str) -> str:
    return redact(text).text


def _fields(attempt: EndedAttempt) -> dict[str, Scalar]:
    outcome = attempt.outcome
    fields: dict[str, Scalar] = {
        "started": format_utc(attempt.started),
        "finished": format_utc(attempt.finished),
        "branch": outcome.branch,
        "cost_usd": outcome.usage.cost_usd,
    }
    mission = attempt.mission
    chosen = {
        "matched_project": mission.matched_project,
        "chosen_agent": mission.chosen_agent,
        "answered_by": attempt.answered_by,
    }
    fields |= {key: value for key, value in chosen.items() if value}
    fields |= {"spared": spared} if (spared := _spared_attempts(attempt)) else {}
    return fields | ({"reason": parked_reason(attempt)} if parked_reason(attempt) else {})


def _spared_attempts(attempt: EndedAttempt) -> int:
    """How many attempts ended so far by no doing of whoever worked: this one, and those that another node took over."""
    mission, claim = attempt.mission, attempt.claim
    lost = max(0, claim.attempt - mission.attempt - 1)
    return mission.spared + lost + (attempt.state is ClaimState.FAILED and attempt.outcome.spared)


def parked_reason(attempt: EndedAttempt) -> str:
    """Why an attempt waits for a person, in one line; empty for one that does not, and for one that a person paused."""
    why = attempt.outcome.parked if attempt.state is ClaimState.PARKED and not attempt.outcome.cancelled else ""
    return " ".join(_redacted(why).split())[:MAX_REASON_CHARS]


def _section(attempt: EndedAttempt, memo: str | None) -> str:
    outcome, claim = attempt.outcome, attempt.claim
    head = f"### Attempt {claim.attempt} · {attempt.state} · {claim.node} · {format_duration(attempt.seconds)}"
    facts = [f"- {fact}" for fact in _fact_lines(attempt, memo)]
    parts = [head, *_summary_and(outcome, "\n".join(facts)), _last_lines(outcome.output)]
    return "\n\n".join(part for part in parts if part)


def _summary_and(outcome: Outcome, facts: str = "") -> list[str]:
    """What was done, said once: an answer that begins with its summary needs none."""
    answer = outcome.answer.strip()
    return [answer, facts] if opens_with(answer, outcome.summary) else [outcome.summary, facts, answer]


def _fact_lines(attempt: EndedAttempt, memo: str | None) -> list[str]:
    outcome = attempt.outcome
    facts = [f"by {attempt.answered_by}"] if attempt.answered_by else []
    facts += [*attempt.remarks, *outcome.notes]
    if outcome.parked:
        facts.append(f"waits for a person: {outcome.parked}")
    if outcome.error:
        facts.append(f"error: {outcome.error}")
    elif outcome.exit_code is not None:
        facts.append(f"exit code {outcome.exit_code}")
    if outcome.files:
        path = artifact_path(attempt.claim, day_of(format_utc(attempt.finished)), "diff")
        where = f"{len(outcome.files)} file{'s' * (len(outcome.files) != 1)} changed: `{path}`"
        facts.append(where if outcome.diff.strip() else ", ".join(f"`{path}`" for path in outcome.files[:20]))
    if outcome.submodules:
        kept = artifact_path(attempt.claim, day_of(format_utc(attempt.finished)), "submodules.diff")
        facts.append(f"written below submodules: `{kept}`")
    facts += [*_work_lines(outcome), *evidence_lines(outcome.evidence)]
    if outcome.branch:
        facts.append(f"branch `{outcome.branch}` from `{(outcome.base or '')[:10]}`")
    if outcome.program or outcome.sandbox:
        words = ((outcome.program, "done by"), (outcome.sandbox, "sandbox:"))
        facts.append(" · ".join(f"{how} {what}" for what, how in words if what))
    if outcome.usage.model:
        facts.append(usage_line(outcome))
    if memo:
        facts.append(f"memo: {memo}")
    return facts


def _work_lines(outcome: Outcome) -> list[str]:
    """What was counted of the work, how it was checked, and what its agent was refused."""
    more = len(outcome.denials) - MAX_NAMED_ITEMS
    told = [changes_line(outcome.changes) if outcome.changes else "", _tests_line(outcome), _rounds_line(outcome)]
    refused = [f"refused: {each}" for each in outcome.denials[:MAX_NAMED_ITEMS]]
    heard = [f"the journal warned, and that {_printed(one)}" for one in outcome.heard[:MAX_NAMED_ITEMS]]
    return [*filter(None, told), *refused, *([f"refused: {more} more"] if more > 0 else []), *heard]


def _printed(heard: HeardWarning) -> str:
    said = "led to nothing that could be told" if heard.verdict is WarningVerdict.UNCLEAR else heard.verdict.value
    return f"{said}: {heard.text} [{heard.entry_id}]"


def _rounds_line(outcome: Outcome) -> str:
    times = f"{outcome.rounds} time{'s' * (outcome.rounds != 1)}"
    return f"went back to its agent {times} because it was not right yet" if outcome.rounds else ""


def _tests_line(outcome: Outcome) -> str:
    how = {True: "passed", False: "did not pass", None: ""}[outcome.tested]
    return f"the project's tests {how}" if how else ""


def changes_line(changes: DiffStat) -> str:
    """What a diff does, in one line: what is no line of text by name."""
    named = (
        ("binary", changes.binaries),
        ("other mode", changes.modes),
        ("new executable", changes.executables),
        ("link", changes.links),
    )
    parts = [f"+{changes.added} −{changes.removed} lines"]
    if changes.renames:
        parts.append(f"{changes.renames} renamed")
    for what, paths in named:
        if paths:
            rest = f" and {len(paths) - MAX_NAMED_ITEMS} more" if len(paths) > MAX_NAMED_ITEMS else ""
            parts.append(f"{what}: " + ", ".join(f"`{path}`" for path in paths[:MAX_NAMED_ITEMS]) + rest)
    return " · ".join(parts)


def usage_line(outcome: Outcome) -> str:
    """Who answered, what it took, and what that cost."""
    usage = outcome.usage
    cost = f" · ${usage.cost_usd:.4f}" if usage.cost_usd is not None else ""
    first = f" · first word after {format_duration(usage.first_token_seconds)}" if usage.first_token_seconds else ""
    tokens = f"{usage.tokens_in} tokens in ({usage.tokens_cached} cached), {usage.tokens_out} out"
    return f"{usage.model}{f' on {usage.backend}' if usage.backend else ''}: {tokens}{cost}{first}"


def _last_lines(output: str) -> str:
    lines = output.rstrip().splitlines()
    if not lines:
        return ""
    shown = lines[-MAX_OUTPUT_LINES:]
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", "\n".join(shown))), default=0))
    head = "Output:" if len(shown) == len(lines) else f"Output, the last {len(shown)} of {len(lines)} lines:"
    return "\n".join([head, "", f"{fence}text", *shown, fence])


def _entry(attempt: EndedAttempt) -> Entry:
    mission, claim, outcome = attempt.mission, attempt.claim, attempt.outcome
    changes = "\n".join(f"- {path}" for path in _named_files(outcome))
    if outcome.changes:
        changes = f"{changes_line(outcome.changes)}\n\n{changes}"
    ended = mission.run is not None and outcome.exit_code is not None
    tests = [f"`{mission.run}` ended with exit code {outcome.exit_code}."] if ended else []
    tests += [f"{said.capitalize()}." for said in (_tests_line(outcome), _rounds_line(outcome)) if said]
    waits = {
        ClaimState.DONE: "",
        ClaimState.FAILED: "Read the error before the next attempt.",
        ClaimState.CANCELLED: "",
    }
    sections = {
        "Starting Context": "\n".join([f"{mission.title} (attempt {claim.attempt})", *attempt.remarks]),
        "Work Accomplished": "\n\n".join(part for part in _summary_and(outcome) if part),
        "Code Changes": changes,
        "Blockers": outcome.error,
        "For Next Instance": waits.get(attempt.state, ""),
        "Test Status": "\n".join(tests),
        HEARD_SECTION: heard_list(outcome.heard),
    }
    return Entry(
        entry_id=f"{mission.name}-{claim.epoch}",
        when=format_utc(attempt.finished),
        node=claim.node,
        agent=mission.agent,
        model=outcome.usage.model,
        mission=mission.name,
        sections=tuple((name, text) for name, text in sections.items() if text.strip()),
    )


def _named_files(outcome: Outcome) -> list[str]:
    """The files that were changed, the first ones by name: an entry and a memo are read by people and by models."""
    more = len(outcome.files) - MAX_NAMED_FILES
    return [*outcome.files[:MAX_NAMED_FILES], *([f"… and {more:,} more"] if more > 0 else [])]


def _memo(attempt: EndedAttempt) -> Memo:
    mission, claim, outcome = attempt.mission, attempt.claim, attempt.outcome
    return memo_from_result(
        memo_id=f"{mission.name}-{claim.epoch}",
        node=claim.node,
        mission=mission.name,
        title=mission.title,
        task=mission.task,
        outcome=attempt.state.value,
        answer=outcome.answer or attempt.words or outcome.summary,
        created=format_utc(attempt.finished),
        artifacts=_named_files(outcome),
        warnings_heard=[one.line for one in outcome.heard],
        by_model=_entry(attempt).by_model,
        passed=has_passed(_entry(attempt)),
    )
