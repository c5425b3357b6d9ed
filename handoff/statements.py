"""What does an entry state, in a form that can be compared with other entries?

Five kinds are read without a model, each from the shapes in which people and our own nodes write them:

- fact: `Port: 9090`, `**Version:** 0.4.1`, "The port is now 9090"; the name before is what it is a fact about.
- withdrawal: `Port: withdrawn`, "Withdrawn: port", "The port no longer applies".
- decision: a point under Decisions ("Decision: use SQLite instead of PostgreSQL").
- blocker: a point under Blockers, unless it says that there are none.
- step: a numbered point, or one that begins with a verb, under For Next Instance.

Block quotes and fenced blocks are left out altogether: they are evidence that the session read somewhere, and what a
web page says about a port, or demands as a rule, is not what the session states. What a model wrote is `proposed`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from handoff.entry import SECTIONS, Entry
from handoff.evidence_check import stem
from handoff.markdown import fences, open_fence
from handoff.marks.model_mark import split_mark

FACT, WITHDRAWAL, DECISION, BLOCKER, STEP, DONE = "fact", "withdrawal", "decision", "blocker", "step", "done"

_FACT = re.compile(r"(?P<key>[A-Z][\w /.+()-]{1,48}?)\s*:\s+(?P<value>\S.*)")
_SENTENCE_FACT = re.compile(
    r"(?:The )?(?P<key>[A-Za-z][\w /.+-]{1,48}?)\s+(?:is now|are now|was changed to|changed to|was set to|is set to"
    r"|was moved to|moved to)\s+(?P<value>\S.*)",
    re.IGNORECASE,
)
_WITHDRAWN_VALUE = re.compile(r"(?i)(?:withdrawn|no longer (?:applies|true|valid|used|needed)|retracted)\b")
_WITHDRAWN_FIRST = re.compile(r"(?i)(?:withdrawn|retracted)\s*:\s*(?:the )?(?P<key>[^:.;]{2,48})")
_WITHDRAWN_SENTENCE = re.compile(
    r"(?i)(?:the )?(?P<key>[a-z][\w /.+-]{1,48}?)\s+(?:(?:is|was|are|were) (?:withdrawn|retracted)"
    r"|no longer (?:applies|apply|holds|exists)|(?:is|are) no longer (?:true|valid|used|needed|set))\b"
)
_POINT = re.compile(r"^(?P<indent>[ \t]*)(?P<mark>[-*+]|\d{1,3}[.)])[ \t]+(?P<text>\S.*)$")
_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})", re.MULTILINE)
_BOLD = re.compile(r"\*\*|__")
_DECISION = re.compile(r"(?i)decision\s*\d*\s*:\s*")
_NONE = re.compile(r"(?i)(?:none|nothing|no (?:major |new |real )?blockers?|n/?a)\b")
_RESULT = re.compile(r"(?i)(?:resolved|fixed|unblocked|solved|closed)\s*:\s*")
SETTLING_STEMS = frozenset({"fix", "resolv", "unblock", "solv", "clos", "clear", "repair", "overcom"})
"""Stems of the words by which work says that it did away with something."""
_VERBS_WORDS = (
    "add ask build call check clean close compare compile complete configure confirm consider continue convert "
    "create cut decide define delete deploy design document draft enable evaluate explore extend extract file find "
    "finish fix handle implement improve install integrate investigate keep land make mark measure merge migrate "
    "monitor move open optimize package port prepare profile promote prove publish push raise read refactor release "
    "remove rename replace report reproduce rerun research resolve restore retry review rewrite rotate run schedule "
    "send set ship split start store switch test try tune update upgrade use validate verify wire write"
)
_VERBS = frozenset(_VERBS_WORDS.split())
_LABELS_WORDS = (
    "why what how proof reason reasoning rationale benefit impact workaround next options option trade off tradeoff "
    "alternative alternatives note notes example resolution result attempted reference significance angle created "
    "audience remember decision decisions update question answer before after effect cause context fix todo rule "
    "rules constraint constraints instruction instructions important warning system user assistant"
)
_LABELS = frozenset(_LABELS_WORDS.split())


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of an entry; `key` is what a fact or withdrawal is about, in comparable form, `name` as written.

    `proposed`: a model proposed it, and nobody who wrote it down has confirmed that.
    """

    kind: str
    text: str
    entry_id: str
    key: str = ""
    name: str = ""
    value: str = ""
    proposed: bool = False


def statements(entry: Entry) -> Iterator[Statement]:
    """What the entry states, in its order; an outsider's states nothing."""
    if entry.from_outside:
        return
    for heading, body in entry.sections:
        told = heading not in SECTIONS
        by_model = entry.by_model and not (heading == "Blockers" and entry.is_attempt)
        for marked, is_point, numbered, nested in _lines(own_words(body)):
            line, mark = split_mark(marked)
            proposed = by_model or (mark is not None and not mark.confirmed)
            step = heading == "For Next Instance" and is_point and _begins_with_verb(line)
            known = None if step or _RESULT.match(line) else _parse_fact(line, entry.entry_id)
            if known:
                if not told:
                    yield replace(known, proposed=proposed)
            elif not nested and (kind := _kind(heading, line, is_point=is_point, numbered=numbered)):
                words = _DECISION.sub("", line)
                yield Statement(kind=kind, text=words, entry_id=entry.entry_id, proposed=proposed)


def own_words(body: str) -> str:
    """The body without block quotes and fenced blocks, also those whose end is missing or whose mark is left out."""
    kept, at = [], 0
    for start, end in fences(body):
        kept.append(body[at:start])
        at = end
    rest = _FENCE.split(body[at:], maxsplit=1)[0] if open_fence(body) else body[at:]
    lines, in_quote = [], False
    for line in "".join([*kept, rest]).split("\n"):
        quote = line.lstrip(" -*+\t").startswith(">")
        in_quote = quote or (in_quote and bool(line.strip()) and not _POINT.match(line))
        if not in_quote:
            lines.append(line)
    return "\n".join(lines)


def points(body: str) -> Iterator[str]:
    """Each line's words, without its marks."""
    return (words for words, _, _, _ in _lines(body))


def is_result(line: str) -> bool:
    """Whether the line says that something is over ("Resolved: …")."""
    return _RESULT.match(line) is not None


def is_nothing(line: str) -> bool:
    """Whether the line says no more than that there is nothing."""
    return _NONE.fullmatch(line.strip().rstrip(".!")) is not None


def withdrawal_of(line: str) -> bool:
    """Whether the line takes something back."""
    return (_WITHDRAWN_FIRST.match(line) or _WITHDRAWN_SENTENCE.match(line)) is not None


def key_of(name: str) -> str:
    """`Current API port (HTTP)` and `the api ports` are one thing: words without case, order of writing kept."""
    words = re.findall(r"[a-z0-9.+]+", re.sub(r"\([^()\n]*\)", "", name).casefold())
    return " ".join(stem(word) for word in words if word not in {"the", "current", "our", "a", "an", "project"})


def fact_of(line: str) -> tuple[str, str] | None:
    """Name and value if the line has the form of a fact."""
    plain = _BOLD.sub("", line).strip()
    found = _FACT.fullmatch(plain) or _SENTENCE_FACT.fullmatch(plain)
    if not found or len(found["key"].split()) > 5 or re.split(r"[\s-]", found["key"].casefold())[0] in _LABELS:
        return None
    return found["key"].strip(), found["value"].strip().rstrip(".")


def _parse_fact(line: str, entry_id: str) -> Statement | None:
    gone = _WITHDRAWN_FIRST.match(line) or _WITHDRAWN_SENTENCE.match(line)
    stated = None if gone else fact_of(line)
    if stated and _WITHDRAWN_VALUE.match(stated[1]):
        gone, name = _WITHDRAWN_VALUE.match(stated[1]), stated[0]
    elif gone:
        name = gone["key"].strip()
    if gone:
        return Statement(kind=WITHDRAWAL, text=line, entry_id=entry_id, key=key_of(name), name=name)
    if not stated:
        return None
    name, value = stated
    return Statement(kind=FACT, text=line, entry_id=entry_id, key=key_of(name), name=name, value=value)


def _lines(body: str) -> Iterator[tuple[str, bool, bool, bool]]:
    """Each line without its marks: the words, is it a point, is it numbered, is it nested."""
    for line in body.splitlines():
        point = _POINT.match(line)
        words = _BOLD.sub("", point["text"] if point else line).strip()
        if not words or words.startswith(("#", "|", "<!--")):
            continue
        mark, indent = (point["mark"], point["indent"]) if point else ("", "")
        yield words, bool(mark), mark[:1].isdigit(), bool(indent)


def _kind(heading: str, line: str, *, is_point: bool, numbered: bool) -> str:
    """What a line under this heading is, "" if it is only told."""
    if heading == "Decisions" and is_point:
        return DECISION
    if heading == "Blockers" and is_point:
        return DONE if _RESULT.match(line) else "" if _NONE.match(line) else BLOCKER
    if heading == "For Next Instance" and is_point:
        return STEP if numbered or _begins_with_verb(line) else ""
    if heading == "Work Accomplished":
        return DONE
    return ""


def _begins_with_verb(line: str) -> bool:
    return line.split()[0].strip(":,").casefold() in _VERBS
