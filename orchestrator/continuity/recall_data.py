"""Which conversations, questions and evidence does a public data set for memory have? LoCoMo and LongMemEval, read as
entries of a journal.

LoCoMo (`locomo10.json`): conversations of many sessions; evidence is a turn. LongMemEval (`longmemeval_s.json`): each
question has a pile of sessions of its own; evidence is a session. Neither comes with Shiftbook.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handoff.entry import Entry
from missions.plain_data import read_json
from orchestrator.core.errors import WrongSetting
from orchestrator.core.time_text import format_utc

ADVERSARIAL = 5
"""The category of LoCoMo's questions that have no answer."""
_ABSTENTION = "_abs"
"""How the ids of LongMemEval's questions end that have no answer."""
_TIMES = ("%I:%M %p on %d %B, %Y", "%Y/%m/%d (%a) %H:%M")
"""How LoCoMo and LongMemEval write a time; both name no zone."""
_SESSION = re.compile(r"session_(\d+)")
_TURN = re.compile(r"D\d+:\d+")


@dataclass(frozen=True, kw_only=True)
class EvidenceQuestion:
    """One question, and the ids of the entries that answer it."""

    kind: str
    asked: str
    evidence: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class RecallConversation:
    """What was said, as entries, and what is asked of it."""

    name: str
    entries: tuple[Entry, ...]
    questions: tuple[EvidenceQuestion, ...]


def read_conversations(path: Path) -> list[RecallConversation]:
    """The conversations of a file of either form. Raises WrongSetting for one that cannot be read, or is none."""
    try:
        read = read_json(path.read_bytes())
    except (ValueError, OSError) as error:
        raise WrongSetting("FILE", f"{path} cannot be read: {error}") from error
    if not isinstance(read, list) or not read:
        raise WrongSetting("FILE", f"{path} is no list of conversations")
    try:
        return [_conversation(one) for one in read]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WrongSetting("FILE", f"{path} is neither LoCoMo nor LongMemEval: {error!r}") from error


def _conversation(one: dict[str, Any]) -> RecallConversation:
    if "haystack_sessions" in one:
        return _long_mem_eval(one)
    asked = [_locomo_question(each) for each in one["qa"] if each.get("category") != ADVERSARIAL]
    return RecallConversation(
        name=str(one["sample_id"]),
        entries=tuple(_locomo_entries(one["conversation"])),
        questions=tuple(each for each in asked if each.evidence),
    )


def _locomo_question(one: dict[str, Any]) -> EvidenceQuestion:
    """Some list several turns in one string, and a few name none."""
    evidence = frozenset(_TURN.findall(" ".join(map(str, one.get("evidence") or ()))))
    return EvidenceQuestion(kind=f"category {one['category']}", asked=str(one["question"]), evidence=evidence)


def _locomo_entries(conversation: dict[str, Any]) -> Iterator[Entry]:
    numbers = sorted(int(found[1]) for name in conversation if (found := _SESSION.fullmatch(name)))
    for number in numbers:
        when = _time(conversation[f"session_{number}_date_time"])
        for turn in conversation[f"session_{number}"]:
            picture = f" [{turn['blip_caption']}]" if turn.get("blip_caption") else ""
            said = f"{turn['speaker']}: {turn['text']}{picture}"
            yield Entry(entry_id=str(turn["dia_id"]), when=when, sections=(("", said),))


def _long_mem_eval(one: dict[str, Any]) -> RecallConversation:
    sessions = zip(one["haystack_session_ids"], one["haystack_dates"], one["haystack_sessions"], strict=True)
    entries = [
        Entry(
            entry_id=str(name),
            when=_time(date),
            sections=(("", "\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)),),
        )
        for name, date, turns in sessions
    ]
    answerable = not str(one["question_id"]).endswith(_ABSTENTION)
    asked = EvidenceQuestion(
        kind=str(one["question_type"]),
        asked=str(one["question"]),
        evidence=frozenset(map(str, one["answer_session_ids"])),
    )
    return RecallConversation(
        name=str(one["question_id"]),
        entries=tuple(sorted(entries, key=lambda entry: entry.when)),
        questions=(asked,) if answerable and asked.evidence else (),
    )


def _time(said: str) -> str:
    for form in _TIMES:
        try:
            return format_utc(datetime.strptime(said.strip(), form).replace(tzinfo=UTC))
        except ValueError:
            continue
    raise ValueError(f"{said!r} is no time")
