"""How does a lesson stand in a knowledge file, with where it comes from, and on the portfolio's page?

The front matter says what the lesson is and how it stands, each value as JSON; the evidence stands between two marks
and is written anew each time; all else in the file is a person's and stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from handoff.errors import KnowledgeUnreadable
from handoff.marks.model_mark import MIN_OUTCOMES, PROPOSED, ModelMark, person_name, with_mark
from handoff.tiers import split
from missions.archive_path import dated_path, day_of
from missions.plain_data import read_json
from missions.side_by_side.split import independent_of

FOLDER = "knowledge"
_EVIDENCE = ("<!-- shiftbook: evidence -->", "<!-- /shiftbook: evidence -->")
_LESSONS = ("<!-- shiftbook: lessons, written from knowledge/ -->", "<!-- /shiftbook: lessons -->")
_HEADING = "## Lessons of the fleet"
_FIELD = re.compile(r"([a-z_]+):[ \t]*(.*)")
_MENTION = ("text", "memo_id", "mission", "project", "when", "marked")
_STANDING = ("proposed", "passed")


class LessonState(StrEnum):
    """How a lesson stands, as its file says it."""

    KNOWN = "known"
    CONTESTED = "contested"
    REJECTED = "rejected"


@dataclass(frozen=True, kw_only=True)
class LessonMention:
    """One memo's words for a lesson. `when` is the memo's time, `marked` that a person marked it for promotion,
    `proposed` that a model proposed it, `passed` that the node records of the mission that its checks held."""

    text: str
    memo_id: str
    mission: str
    project: str = ""
    when: str = ""
    marked: bool = False
    proposed: bool = False
    passed: bool = False


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """A lesson on file. `by` is the person who decided, "" where the fleet's rule did; `against` are the words that
    contradict it, `over` those that the person overruled; `prose` is what a person wrote into the file. `unsigned`: it
    counts for nothing that the file names who decided."""

    slug: str
    lesson: str
    state: LessonState
    since: str
    by: str = ""
    why: str = ""
    mentions: tuple[LessonMention, ...] = ()
    against: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    prose: str = ""
    unsigned: bool = False

    @property
    def path(self) -> str:
        """Where the ledger keeps it."""
        return f"{FOLDER}/{self.slug}.md"

    @property
    def mark(self) -> ModelMark | None:
        """The mark of a lesson that only models proposed: confirmed by who decided, or by two outcomes that agree."""
        if not self.mentions or not all(one.proposed for one in self.mentions):
            return None
        if self.by:
            return ModelMark(confirmed_by=person_name(self.by), unsigned=self.unsigned)
        passed = {independent_of(one.mission): one.memo_id for one in reversed(self.mentions) if one.passed}
        return ModelMark(confirmed_in=tuple(passed.values())) if len(passed) >= MIN_OUTCOMES else PROPOSED


def slug_of(text: str, taken: Collection[str]) -> str:
    """A file name for a lesson: its first words, numbered if another lesson has them."""
    words = re.findall(r"[a-z0-9]+", text.casefold())[:8]
    plain = "-".join(words)[:60].strip("-") or "lesson"
    names = (plain if number == 1 else f"{plain}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def render_knowledge(one: Knowledge) -> str:
    """The file."""
    front: dict[str, object] = {
        "lesson": one.lesson,
        "state": one.state.value,
        "since": one.since,
        "by": one.by,
        "why": one.why,
        "missions": _unique_names(mention.mission for mention in one.mentions),
        "projects": _unique_names(mention.project for mention in one.mentions),
        "entries": _unique_names(mention.memo_id for mention in one.mentions),
        "memos": [{key: vars(mention)[key] for key in _MENTION} for mention in one.mentions],
        "against": list(one.against),
        "over": list(one.over),
    }
    front |= {key: named for key in _STANDING if (named := _memos_of(one, key))}
    lines = ["---", *(f"{key}: {_json(value)}" for key, value in front.items()), "---", ""]
    prose = one.prose or f"# {_one_line(one.lesson)}"
    return "\n".join([*lines, prose.strip("\n"), "", _EVIDENCE[0], "", *_evidence(one), "", _EVIDENCE[1], ""])


def parse_knowledge(slug: str, text: str) -> Knowledge:
    """A lesson from its file, also one that a person has edited; raises KnowledgeUnreadable with the line."""
    lines = text.replace("\r\n", "\n").split("\n")
    end = next((at for at, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0)
    if lines[0].strip() != "---" or not end:
        raise KnowledgeUnreadable(line=1, reason="the file does not begin with front matter between --- and ---")
    front: dict[str, object] = {}
    for number, line in enumerate(lines[1:end], 2):
        found = _FIELD.fullmatch(line.rstrip())
        if found:
            front[found[1]] = _parse_value(found[2])
        elif line.strip():
            raise KnowledgeUnreadable(line=number, reason="it is not `name: value`")
    try:
        memos = front.get("memos", [])
        standing = {key: frozenset(_string_tuple(front.get(key))) for key in _STANDING}
        return Knowledge(
            slug=slug,
            lesson=str(front["lesson"]),
            state=LessonState(str(front.get("state", "known"))),
            since=str(front.get("since", "")),
            by=str(front.get("by", "")),
            why=str(front.get("why", "")),
            mentions=tuple(_mention(memo, standing) for memo in memos) if isinstance(memos, list) else (),
            against=_string_tuple(front.get("against")),
            over=_string_tuple(front.get("over")),
            prose=_text_outside("\n".join(lines[end + 1 :]), _EVIDENCE),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise KnowledgeUnreadable(line=1, reason=f"the front matter lacks or mistakes something: {error}") from error


def with_lessons(portfolio: str, known: Iterable[Knowledge]) -> str:
    """The portfolio's page with one line for each known lesson, between marks; without a lesson there is no section.

    Lessons come from agents, so they never stand among the rules: marks that do are taken out, and a page that ends in
    rules gets a heading that ends them.
    """
    lines = [
        with_mark(f"- {_one_line(one.lesson)} ({one.path})", one.mark)
        for one in known
        if one.state is LessonState.KNOWN
    ]
    block = "\n".join([_LESSONS[0], *lines, _LESSONS[1]])
    start, end = portfolio.find(_LESSONS[0]), portfolio.find(_LESSONS[1])
    if 0 <= start < end:
        before, after = portfolio[:start], portfolio[end + len(_LESSONS[1]) :]
        if not _among_rules(before + block + after):
            return before + block + after
        portfolio = before.rstrip().removesuffix(_HEADING).rstrip() + "\n" + after
    if not lines:
        return portfolio
    page = (portfolio.rstrip("\n") or "# Portfolio context") + f"\n\n{_HEADING}\n\n{block}\n"
    return page.replace(f"\n{_HEADING}\n", f"\n{_HEADING[1:]}\n") if _among_rules(page) else page


def without_lessons(portfolio: str) -> str:
    """The same page without that section: what people wrote."""
    before, start, rest = portfolio.partition(_LESSONS[0])
    after = rest.partition(_LESSONS[1])[2] if start else ""
    return before.rstrip().removesuffix(_HEADING).removesuffix(_HEADING[1:]).rstrip() + after if start else portfolio


def _among_rules(page: str) -> bool:
    """Whether the lessons would be read as standing rules."""
    return any(item.standing and _LESSONS[0] in item.text for item in split(page))


def _evidence(one: Knowledge) -> Sequence[str]:
    decided = f"{one.by} decided so" if one.by else "the fleet's rule for lessons that are seen often"
    lines = [
        f"{one.state.value.capitalize()} since {one.since}: {decided}.{f' {_one_line(one.why)}' if one.why else ''}",
        "",
    ]
    for mention in one.mentions:
        memo = f"[{mention.memo_id}](../{dated_path('memos', day_of(mention.when), mention.memo_id)})"
        where = f" in {mention.project}" if mention.project else ""
        said = f"- {memo}, mission {mention.mission}{where}: {_one_line(mention.text)}"
        lines.append(with_mark(said, PROPOSED) if mention.proposed else said)
    if one.against:
        lines += ["", "Contradicted by:", "", *(f"- {_one_line(words)}" for words in one.against)]
    return lines


def _text_outside(text: str, marks: tuple[str, str]) -> str:
    start, end = text.find(marks[0]), text.find(marks[1])
    return (text[:start] + text[end + len(marks[1]) :] if 0 <= start < end else text).strip("\n")


def _memos_of(one: Knowledge, key: str) -> list[str]:
    return _unique_names(mention.memo_id for mention in one.mentions if vars(mention)[key])


def _mention(memo: dict[str, object], standing: Mapping[str, frozenset[str]]) -> LessonMention:
    """A mention as it stands in the file. What programs before did not know stands in lists beside, so that they read
    the rest."""
    found = LessonMention(**memo)  # type: ignore[arg-type]
    return replace(found, proposed=found.memo_id in standing["proposed"], passed=found.memo_id in standing["passed"])


def _unique_names(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]


def _string_tuple(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def _parse_value(text: str) -> object:
    try:
        return read_json(text)
    except ValueError:
        return text.strip("'")  # a plain YAML word that a person wrote


def _json(value: object) -> str:
    """JSON that is YAML, too: what YAML would take for a line end, or refuses, is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() and ord(c) < 0xFFFF else json.dumps(c)[1:-1] for c in text)


def _one_line(words: str) -> str:
    """The words on one line, without anything that could end or open a comment."""
    return " ".join(words.split()).replace("<!--", "&lt;!--").replace("-->", "--&gt;")
