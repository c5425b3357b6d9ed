"""Which words does a mission's pull request have: a title, what was done, the evidence, the cost, and where it is kept?

What an agent said stands in a block of plain text, which it cannot end: there no name is rung, no issue closed and no
picture fetched. Everything is redacted here, where it leaves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from handoff.secrets.excerpts import redacted_excerpt, redacted_line
from handoff.secrets.redact import redact
from missions.approval import ChangeFacts
from missions.mission import Mission

MAX_TITLE_CHARS, MAX_SUMMARY_CHARS, MAX_LINE_CHARS = 200, 6000, 1000
MAX_NAMED_FILES = 8
KEPT_CONTROLS = "\n\t"
_MARKUP = re.compile(r"([\\`*_<>\[\]#@!|~&])")


@dataclass(frozen=True, kw_only=True)
class PullEvidence:
    """What is known of the result. `section` is the last attempt's, as the mission's file has it; `told` is the
    commit of the ledger that says all this."""

    facts: ChangeFacts
    section: str = ""
    told: str = ""
    verdict: str = ""
    """The path of the verdict's file."""
    by: str = ""
    """Who approved it."""
    files: tuple[str, ...] = ()
    """What the tests left, by name: the files are in the ledger, whose place is nobody's business on a forge."""


def pull_title(mission: Mission) -> str:
    """One line. Forges read code marks in a title and nothing else; a name with @ in front rings in none of them."""
    words = redacted_line(mission.title, MAX_TITLE_CHARS)
    return words.replace("@", "@\u200b").replace("`", "'") or mission.name


def pull_body(mission: Mission, evidence: PullEvidence) -> str:
    """The whole text, marker included."""
    summary = redacted_excerpt(evidence.section.strip(), MAX_SUMMARY_CHARS)
    who = f"{plain(mission.worker)} on {plain(mission.node or '')}"
    parts = [
        f"Mission `{mission.name}`, attempt {mission.attempt}, by {who}.",
        fenced(summary) if summary else "",
        "\n".join(_evidence(mission, evidence)),
        f"{pull_marker(mission.name)}",
    ]
    return redact("\n\n".join(part for part in parts if part)).text + "\n"


def pull_line(mission: Mission, evidence: PullEvidence) -> str:
    """The same in one line, as an option of a push can say it; the summary is in the commit's message."""
    who = f"{plain(mission.worker)} on {plain(mission.node or '')}"
    told = [f"Mission `{mission.name}`, attempt {mission.attempt}, by {who}", *_evidence(mission, evidence)]
    return redacted_line(" · ".join(each.removeprefix("- ") for each in told), MAX_LINE_CHARS)


def _evidence(mission: Mission, evidence: PullEvidence) -> list[str]:
    """One line for each thing that is known."""
    facts = evidence.facts
    tested = {True: "passed", False: "failed"}.get(facts.tested, "not run")  # type: ignore[arg-type]  # None is neither
    lines = [f"- tests: {tested}"]
    if facts.files is not None:
        lines.append(f"- change: {len(facts.files)} files, +{facts.added or 0} −{facts.removed or 0} lines")
    if evidence.files:
        more = f" and {len(evidence.files) - MAX_NAMED_FILES} more" if len(evidence.files) > MAX_NAMED_FILES else ""
        named = ", ".join(map(_as_code, evidence.files[:MAX_NAMED_FILES]))
        lines.append(f"- the tests left, kept in the ledger: {named}{more}")
    if mission.cost_usd is not None:
        lines.append(f"- cost: ${mission.cost_usd:.2f} over all attempts")
    if evidence.by:
        lines.append(f"- approved by {plain(evidence.by)}, commit {(mission.commit or '')[:10]}")
    if mission.feedback_rounds:
        lines.append(f"- rounds of feedback taken in: {mission.feedback_rounds}")
    kept = [f"`{evidence.verdict}`"] if evidence.verdict else []
    lines.append(
        f"- handoff: {', '.join([f'entry `{mission.name}-{mission.epoch}` of the session log', *kept])}"
        f"{f' at ledger commit {evidence.told[:10]}' if evidence.told else ''}"
    )
    return lines


def pull_marker(mission: str) -> str:
    """What tells a pull request of this program's; a mission's name is a slug."""
    return f"<!-- shiftbook:{mission} -->"


def plain(words: str) -> str:
    """Somebody else's words in a line of Markdown, where they stand for themselves."""
    return _MARKUP.sub(r"\\\1", redacted_line(words, 100)).replace("@", "@\u200b")


def _as_code(name: str) -> str:
    """Somebody else's name as code, in which no forge makes a link of an address."""
    words = redacted_line(name, 100).replace("`", "'")
    return f"`{words}`"


def fenced(text: str) -> str:
    """A text as a block of plain text, with a fence that is in none of its lines."""
    longest = max((len(found) for found in re.findall(r"~+", text)), default=0)
    fence = "~" * max(3, longest + 1)
    shown = "".join(char if char.isprintable() or char in KEPT_CONTROLS else " " for char in text)
    return f"{fence}text\n{shown}\n{fence}"
