"""The summary of what a chat asks for, on a page that somebody else can start from.

The last request stands first, as it was said; what came before it, what was decided and which files were touched
follow. No model has a part in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handoff.secrets.excerpts import redacted_end, redacted_excerpt, redacted_line
from handoff.secrets.redact import redact
from missions import frontmatter
from missions.document import RESULT_MARK, body_of
from missions.frontmatter import Malformed
from orchestrator.core.model_competence import GoodFor
from orchestrator.core.ports.conversations import Conversation, ConversationTurn
from orchestrator.workflow.mission_detail import MissionDetail

MAX_MISSION_TEXT_CHARACTERS, MAX_RESULT_CHARACTERS = 3000, 2500
"""Characters of the mission's text, and of what came of it, the last ones."""


def opening_turns(detail: MissionDetail, *, begins: str) -> tuple[ConversationTurn, ConversationTurn]:
    """The first two: the mission with its result and comments, and what is ready. They are marked as nobody's words."""
    view = detail.view
    trace: Mapping[str, Any] = {"mission": view.name, "epoch": view.epoch}
    asked = ConversationTurn(role="user", content=_describe_mission(detail), trace=trace)
    ready = f"Mission {view.name} is taken over ({view.status}). {begins} What shall be done?"
    return asked, ConversationTurn(role="assistant", content=ready, trace=trace)


def _describe_mission(detail: MissionDetail) -> str:
    view, (fields, asked, result) = detail.view, _split_document(detail.text)
    facts = {"title": view.title, "status": view.status, "agent": view.agent, "branch": view.branch}
    facts |= {"reason": view.reason, "comment": fields.get("comment"), "decided by": fields.get("decided_by")}
    head = "\n".join(f"{key}: {value}" for key, value in facts.items() if value)
    parts = [
        f"I take over the mission {view.name}.\n\n{head}",
        f"What it asks for:\n\n{_truncate(asked, MAX_MISSION_TEXT_CHARACTERS)}" if asked else "",
        f"What came of it:\n\n{_truncate(result, MAX_RESULT_CHARACTERS, end=True)}" if result else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _split_document(text: str) -> tuple[Mapping[str, Any], str, str]:
    try:
        block = frontmatter.split(text)
        fields, body = block.fields, block.body
    except Malformed:
        fields, body = {}, text
    return fields, body_of(body), body.partition(RESULT_MARK)[2].strip()


def _truncate(text: str, most: int, *, end: bool = False) -> str:
    if len(text) <= most:
        return redact(text).text
    return f"[…]\n{redacted_end(text, most)}" if end else f"{redacted_excerpt(text, most)}\n[…]"


MAX_REQUESTS, MAX_DECISIONS, MAX_FILES = 8, 10, 40
"""Lines of each kind, the newest."""
MAX_LINE_CHARACTERS = 240
"""Characters of a line."""
MAX_LAST_REQUEST_CHARACTERS = 20_000
"""Characters of the last request."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_DECIDED = re.compile(
    r"\b(?:decided|agreed|let's|let us|we(?:'ll| will| should)|i will use|instead of|rather than|must(?: not)?|"
    r"never|always|don't|do not|keep it|no longer)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class ChatSummary:
    """A chat as a mission's text."""

    title: str
    body: str


def summarise_chat(
    of: Conversation, turns: Sequence[ConversationTurn], files: Sequence[str], *, node: str
) -> ChatSummary:
    """The page. `files` are those that the chat's workspace has changed."""
    asked = [turn for turn in turns if turn.role == "user"]
    last = asked[-1].content.strip() if asked else of.title
    parts = [
        redacted_excerpt(last, MAX_LAST_REQUEST_CHARACTERS),
        f"## From a chat\n\nConversation `{of.id}` at the node {node}, {len(turns)} turns, begun {of.created:%Y-%m-%d}."
        f" It is kept there: `shiftbook chat --conversation {of.id}` on that machine goes on with it.",
        _section("Asked before", [_one_line(turn.content) for turn in asked[:-1]][-MAX_REQUESTS:]),
        _section("Decided", list(dict.fromkeys(_decisions(turns)))[-MAX_DECISIONS:]),
        _section("Files touched", [f"`{path}`" for path in _files_touched(turns, files)]),
    ]
    body = "\n\n".join(part for part in parts if part)
    return ChatSummary(
        title=_one_line(last, 80) or of.title, body=body.replace(RESULT_MARK, RESULT_MARK.replace("<", "&lt;"))
    )


def _section(heading: str, lines: Sequence[str]) -> str:
    shown = [f"- {line}" for line in lines if line]
    return f"### {heading}\n\n" + "\n".join(shown) if shown else ""


def _decisions(turns: Sequence[ConversationTurn]) -> Iterator[str]:
    """Sentences in which something was settled, by whom: what a model only weighs is no decision of a person's."""
    for turn in turns:
        if turn.trace.get("answer", {}).get("good_for") == GoodFor.TOY:
            continue  # what a toy says decides nothing
        for sentence in _SENTENCE.split(turn.content[:MAX_LAST_REQUEST_CHARACTERS]):
            if _DECIDED.search(sentence) and not sentence.rstrip().endswith("?"):
                yield f"{'the person' if turn.role == 'user' else 'the answer'}: {_one_line(sentence)}"


def _files_touched(turns: Sequence[ConversationTurn], files: Sequence[str]) -> list[str]:
    calls: list[dict[str, Any]] = [call for turn in turns for call in turn.trace.get("answer", {}).get("tools", ())]
    written = [str(call["arguments"].get("path", "")) for call in calls if call.get("changed")]
    every = list(dict.fromkeys([*files, *filter(None, written)]))
    return every[:MAX_FILES]


def _one_line(text: str, most: int = MAX_LINE_CHARACTERS) -> str:
    return redacted_line(text.lstrip("#> \n\t"), most)
