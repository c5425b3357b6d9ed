"""What does a memo of one finished mission hold, in a file that a person can read and mend?

Each fact stands in one place only: names, flags and lists of names in the front matter, sentences in the body. Values
in the front matter are written as JSON, which is also valid YAML: any tool reads them, and this module needs none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from handoff.entry import IDENTIFIER, TIME
from handoff.errors import BadId, BadTime, MemoUnreadable
from handoff.markdown import fences, headings, quoted, tidy, unquoted
from handoff.marks.model_mark import PROPOSED, with_mark
from missions.archive_path import dated_path, day_of
from missions.one_line import shorten
from missions.plain_data import read_json

MAX_SUMMARY_CHARS = 400  # characters; three plain sentences fit

_TEXT_FIELDS = ("memo_id", "node", "mission", "task", "created")
_SUCCESS_OUTCOMES = ("done", "success")
_LIST_FIELDS = ("artifacts", "promotion_tags")
_FIELD = re.compile(r"([a-z_]+):[ \t]*(.*)")
_CREATED, _MEMO_ID = (
    re.compile(rf'^[ \t]*{name}:[ \t]*"([^"\\\n]*)"[ \t]*$', re.MULTILINE) for name in ("created", "memo_id")
)
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")  # YAML reads these only as escapes
_SENTENCE_END = re.compile(r"[.!?…][\"')\]]*(?=\s|\Z)")
_BULLET = re.compile(r"(?:[-*+]|\d+[.)])[ \t]+(.*)")


@dataclass(frozen=True, kw_only=True)
class Memo:
    """An executive memo; `created` is UTC text. Findings and lessons are one line each."""

    memo_id: str
    node: str
    mission: str
    task: str
    summary: str
    key_findings: tuple[str, ...] = ()
    lessons_learned: tuple[str, ...] = ()
    """A lesson that a model proposed ends in the mark of that (`marks.model_mark`)."""
    warnings_heard: tuple[str, ...] = ()
    """What the journal warned of at its actions, and what followed, a line each."""
    passed: bool = False
    """Whether the node records that the mission ended well, and that its tests or its command passed."""
    artifacts: tuple[str, ...] = ()
    promotion_candidate: bool = False
    promotion_tags: tuple[str, ...] = ()
    created: str


def memo_path(memo: Memo) -> str:
    """Where the ledger keeps it, by its day; raises BadId and BadTime."""
    _validate(memo)
    return dated_path("memos", day_of(memo.created), memo.memo_id)


def render_memo(memo: Memo) -> str:
    """The memo as a file; white space in findings and lessons is folded. Raises BadId and BadTime."""
    _validate(memo)
    front = {name: getattr(memo, name) for name in (*_TEXT_FIELDS, *_LIST_FIELDS, "promotion_candidate")}
    front |= {"passed": True} if memo.passed else {}
    lines = ["---", *(f"{name}: {_json(value)}" for name, value in front.items()), "---", "", "## Summary", ""]
    lines += [quoted(tidy(memo.summary)), ""]
    listed = (
        ("Key findings", memo.key_findings),
        ("Lessons learned", memo.lessons_learned),
        ("Warnings heard", memo.warnings_heard),
    )
    for title, items in listed:
        folded = [f"- {' '.join(item.split())}" for item in items if item.strip()]
        lines += [f"## {title}", "", *folded, ""] if folded else []
    return "\n".join(lines).rstrip("\n") + "\n"


def told_creation(text: str) -> tuple[str, str] | None:
    """When a memo was made and its id, by its lines as `render_memo` writes them, so that a busy day's memos are put in
    their order without reading each; None where only reading tells."""
    front = text[: text.find("\n---", 1) + 1]
    if not front.startswith("---\n") or front.splitlines() != front.split("\n")[:-1]:
        return None
    created, names = _CREATED.findall(front), _MEMO_ID.findall(front)
    return (created[0], names[0]) if len(created) == len(names) == 1 else None


def parse_memo(text: str) -> Memo:
    """The memo in a file, also one that a person has edited; raises MemoUnreadable with the line."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---":
        raise MemoUnreadable(line=1, reason="it does not begin with ---")
    end = next((number for number, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0)
    if not end:
        raise MemoUnreadable(line=len(lines), reason="the front matter does not end with ---")
    front = dict(_parse_field(number, line) for number, line in enumerate(lines[1:end], 2) if line.strip())
    texts = {name: _text_field(front, name) for name in _TEXT_FIELDS}
    body = _sections("\n".join(lines[end + 1 :]))
    memo = Memo(
        **texts,
        summary=unquoted(tidy(body.get("summary", ""))),
        key_findings=_bullets(body.get("key findings", "")),
        lessons_learned=_bullets(body.get("lessons learned", "")),
        warnings_heard=_bullets(body.get("warnings heard", "")),
        artifacts=_name_list(front.get("artifacts", [])),
        passed=front.get("passed") is True,
        promotion_candidate=front.get("promotion_candidate") in (True, "yes", "True"),
        promotion_tags=_name_list(front.get("promotion_tags", [])),
    )
    try:
        return _validate(memo)
    except (BadId, BadTime) as error:
        raise MemoUnreadable(line=1, reason=str(error)) from error


def memo_from_result(
    *,
    memo_id: str,
    node: str,
    mission: str,
    title: str,
    task: str,
    outcome: str,
    answer: str,
    created: str,
    artifacts: Sequence[str] = (),
    warnings_heard: Sequence[str] = (),
    promotion_tags: Sequence[str] = (),
    by_model: bool = False,
    passed: bool = False,
) -> Memo:
    """The memo of a mission that ended as `outcome`: the answer's first sentences, and the findings it lists.

    Findings and lessons are the bullet points under headings that say so; nothing is made up. What did not succeed
    says so first, because an agent's own words often claim more than was reached. `by_model`: the lessons are marked.
    """
    said = _sections(answer)
    sentences = _first_sentences(_prose(answer)) or f"{title.strip() or mission}: {outcome}."
    taught = _bullets(said.get("lessons learned", "") or said.get("lessons", ""))
    if outcome.casefold() not in _SUCCESS_OUTCOMES:
        sentences = f"{outcome.strip().capitalize()}: {sentences}"
    return Memo(
        memo_id=memo_id,
        node=node,
        mission=mission,
        task=task,
        summary=sentences,
        key_findings=_bullets(said.get("key findings", "") or said.get("findings", "")),
        lessons_learned=tuple(with_mark(lesson, PROPOSED) for lesson in taught) if by_model else taught,
        passed=passed,
        warnings_heard=tuple(warnings_heard),
        artifacts=tuple(artifacts),
        promotion_tags=tuple(promotion_tags),
        created=created,
    )


def _validate(memo: Memo) -> Memo:
    if not IDENTIFIER.fullmatch(memo.memo_id):
        raise BadId(given=memo.memo_id)
    if not TIME.fullmatch(memo.created):
        raise BadTime(when=memo.created)
    return memo


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _parse_field(number: int, line: str) -> tuple[str, object]:
    found = _FIELD.fullmatch(line.rstrip())
    if not found:
        raise MemoUnreadable(line=number, reason="it is not `name: value`")
    try:
        return found[1], read_json(found[2])
    except ValueError:
        return found[1], found[2].strip("'")  # a plain YAML word that a person wrote


def _text_field(front: Mapping[str, object], name: str) -> str:
    value = front.get(name, "")
    return value if isinstance(value, str) else json.dumps(value)


def _name_list(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    return tuple(name for part in str(value).strip("[]").split(",") if (name := part.strip(" '\"")))


def _sections(text: str) -> dict[str, str]:
    """The text under each heading, by the heading in lower case; what stands before the first is under ""."""
    heads = headings(text)
    stops = [head.start for head in heads] + [len(text)]
    found = {"": text[: stops[0]]}
    for head, stop in zip(heads, stops[1:], strict=True):
        found.setdefault(head.title.rstrip(" #:").casefold(), text[head.end : stop])
    return found


def _bullets(text: str) -> tuple[str, ...]:
    """One string for each bullet point; lines without a bullet continue the one before."""
    items: list[str] = []
    for line in filter(None, map(str.strip, tidy(text).split("\n"))):
        bullet = _BULLET.match(line)
        if bullet:
            items.append(bullet[1].strip())
        elif items:
            items[-1] += f" {line}"
        else:
            items.append(line)
    return tuple(filter(None, items))


def _prose(answer: str) -> str:
    """The answer's paragraphs on one line, without headings, fenced blocks and bullet marks."""
    for start, end in reversed(fences(answer)):
        answer = answer[:start] + answer[end:]
    lines = (line.strip() for line in answer.splitlines())
    kept = (line for line in lines if not line.startswith(("#", "```", "~~~")))
    return _on_one_line(bullet[1] if (bullet := _BULLET.match(line)) else line for line in kept)


def _on_one_line(lines: Iterable[str]) -> str:
    return " ".join(" ".join(lines).split())


def _first_sentences(prose: str) -> str:
    """The first three sentences, or as many of them as fit; one that is too long is shortened."""
    ends = [found.end() for found in _SENTENCE_END.finditer(prose)][:3] or [len(prose)]
    fitting = [end for end in ends if end <= MAX_SUMMARY_CHARS]
    return prose[: fitting[-1]] if fitting else shorten(prose[: ends[0]], MAX_SUMMARY_CHARS, words=True)
