"""Extraction: which lines of the handoff answer a question, word for word?

No model has a part in it. A line answers only if it has all that the question is about, so that "the handoff does not
say" is said too often rather than too seldom.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from handoff.answers.citable import SENTENCE, CitableLine
from handoff.evidence_check import coverage, has_negation, stems

SILENT = "The handoff does not say."
MIN_COVERAGE = 0.8
"""Of what a question is about, by how rare the words are, a line and its headings must have so much."""
ABOUT_WEIGHT = 0.7
"""What a word counts that stands only in the headings above a line."""
DENSITY_WEIGHT = 0.25
"""What it counts that a line speaks of nothing else."""
NEAR_BEST = 0.97
"""Lines that fit so nearly as well as the best are shown with it."""
WHY_CLAUSE, SHORT_CLAUSE = 0.6, 0.3
"""So much of the statement must be what is asked: of one whose reason is asked for, and where little is asked."""
MAX_ANSWER_LINES = 3
MAX_LISTED_LINES = 12
MIN_LINE_STEMS, MIN_QUESTION_STEMS = 2, 2
_NAME = re.compile(r"`([^`\n]+)`|(?<=\w )([A-Z][\w-]+)|\b(\w+(?:[-_./]\w+)+)\b|\b(\d[\d.,:]*)\b")
_FORM = (
    "no not where why how whose whom say tell explain describe give list name please know mean many much long often "
    "kind sort sentence two one short briefly word handoff document according answer question exactly call happen "
    "something anything"
)
"""Words that ask, and that no answer has."""
_BY = r"(?:\s+\w+){0,1}\s+(?:by|with|through|via|using)\b"
_COUNTS = r"(?:\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_NUMBER_WORDS = "one|two|three|four|five|six|seven|eight|nine|ten|twelve|twice|once|no|each|every|all"
_WHEN = "after|before|once|until|when|as soon as|if|while|every|each|first|last|never|always|at"
_REASON = "why|because|since|so that|so|would|could|else|otherwise|must|for"
_WANTS = (
    (r"\bhow (?:much|long|often|old|big|large|fast)\b", rf"\d|\b(?:{_NUMBER_WORDS})\b"),
    (r"^\W*(?:when|since when|on which day|what day|what date)\b", rf"\d{{4}}|\d\d:\d\d|\b(?:{_WHEN})\b"),
    (r"^\W*why\b", rf"\b(?:{_REASON})\b|[:;]"),
    (r"\bshould\b", r"\b(?:should|shall|must)\b"),
    (r"^\W*(?:what |which \w+ |who )?can\b", r"\b(?:can|may|able)\b"),
    (r"^\W*(?:what |which \w+ |who )?must\b", r"\b(?:must|needs?|has to|have to|only|never)\b"),
    (r"\b(?:which|what) (?:port|number|version|date|size|limit)\b", r"\d"),
)
"""What an answer to such a question must have in it."""
_MANY = re.compile(r"\bhow many (?P<things>[\w-]+)", re.IGNORECASE)
_WHY = re.compile(r"^\W*why\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[.;:!?]\s|,? because\b|,? so that\b")
_HOW = re.compile(r"^\W*how (?:do|does|did|is|are|can|should|to)\b", re.IGNORECASE)
_DEFINES = re.compile(
    r"^\W*(?:what|who)(?P<does> does| do)?(?(does)|(?:'s| is| are| was| were))\s+(?:an?\s+|the\s+)?"
    r"(?P<thing>[\w` -]{2,40}?)(?(does)\s+(?:mean|do)|(?:\s+(?:about|for|called|named))?)\s*\??\s*$",
    re.IGNORECASE,
)
_THIS = re.compile(
    r"\bwhat\b[^.?!]*\b(?:this|the|our|your) project(?:\s+(?:is|does|about|for|do))*\s*(?:[,.?]|$)", re.IGNORECASE
)
_WHERE = re.compile(r"^\W*where(?:'s| is| are)\s+(?:the\s+)?(?P<thing>[\w` -]{2,40}?)\s*\??\s*$", re.IGNORECASE)
_STANDS = (
    r"\s+(?:is|are|was|lies|stands)\s+(?:\w+\s+)?(?:in|on|at|under|beside|behind|below|above|near|outside|inside)\b"
)
_IS = r"(?:\s+\([^)]*\))?[`*]*(?:\s*[:·–]\s|\s+(?:is|are|was|were|means?)\b)"
_ACTS = r"(?:\s+\([^)]*\))?[`*]*\s+(?:runs|holds|keeps|gives|has|lets|does|makes|answers|tells|takes|reads|writes)\b"


@dataclass(frozen=True, kw_only=True)
class _Rated:
    line: CitableLine
    score: float


def answer_lines(
    question: str, lines: Sequence[CitableLine], lead: CitableLine | None = None
) -> tuple[CitableLine, ...]:
    """The lines that answer, the best first; none where none has all that is asked for.

    `lead` is the line that says what the project is which the question may call "this project".
    """
    question = asked_sentence(question)
    if lead is not None and _THIS.search(question):
        return (lead,)
    asked = stems(question) - stems(_FORM)
    if asked and (sought := _WHERE.match(question)):
        return _best(question, asked, [*_defining(sought["thing"], _STANDS, lines)])
    defined = _DEFINES.match(question)
    if defined and asked:
        thing = defined["thing"]
        if said := [*_defining(thing, _IS, lines)] or [*_defining(thing, _ACTS, lines)]:
            return _best(question, asked, said)
        return _below(thing, lines)
    if len(asked) < MIN_QUESTION_STEMS:
        return ()
    return _best(question, asked, [line for line in lines if _is_about(question, line)])


def asked_sentence(text: str) -> str:
    """The question in a text, where it has just one: what stands around it is said, and not asked."""
    questions = [said.strip() for said in SENTENCE.split(" ".join(text.split())) if said.rstrip().endswith("?")]
    return questions[0] if len(questions) == 1 else text.strip()


def shown_lines(lines: Iterable[CitableLine]) -> str:
    """Lines as an answer: each with the place where it stands."""
    return "\n".join(f"- {line.shown()}" for line in lines)


def _defining(thing: str, verb: str, lines: Iterable[CitableLine]) -> Iterator[CitableLine]:
    """The sentences that begin with a thing and say what it is."""
    words = r"[\s`*_-]+".join(map(re.escape, thing.strip(" `*").split()))
    begins = re.compile(rf"\W*(?:(?:an?|the)\s+)?{words}{verb}", re.IGNORECASE)
    for line in lines:
        yield from (replace(line, text=said) for said in SENTENCE.split(line.text) if begins.match(said))


def _below(heading: str, lines: Iterable[CitableLine]) -> tuple[CitableLine, ...]:
    """All that stands below a heading of just these words, where that is a short list."""
    words = re.compile(rf"(?:^|\s){re.escape(heading.strip(' `*'))}$", re.IGNORECASE)
    found = tuple(line for line in lines if words.search(line.about))
    return found if len({line.path for line in found}) == 1 and len(found) <= MAX_LISTED_LINES else ()


def _best(question: str, asked: frozenset[str], lines: Sequence[CitableLine]) -> tuple[CitableLine, ...]:
    parts = [(line, stems(line.text), stems(line.about)) for line in lines]
    seen = Counter(stem for _, own, about in parts for stem in own | about)
    weight = {stem: math.log(1 + (len(parts) + 1) / (1 + seen[stem])) for stem in asked}
    whole = sum(weight.values())
    rated = []
    for line, own, about in parts:
        told = sum(weight[stem] * (1.0 if stem in own else ABOUT_WEIGHT) for stem in asked & (own | about))
        if told >= MIN_COVERAGE * whole and len(own) >= MIN_LINE_STEMS and asked & own and _fits(question, line):
            rated.append(_Rated(line=line, score=told / whole + DENSITY_WEIGHT * len(asked & own) / len(own)))
    rated.sort(key=lambda one: -one.score)
    near = [one.line for one in rated if one.score >= NEAR_BEST * rated[0].score]
    return tuple({line.text: line for line in near}.values())[:MAX_ANSWER_LINES]


def _fits(question: str, line: CitableLine) -> bool:
    """Whether a line has what is named, and the form of an answer to such a question."""
    said = f"{line.about} {line.text} {line.cite}".casefold()
    named = (next(filter(None, found.groups())).casefold() for found in _NAME.finditer(question))
    formed = all(_has(answer, line.text) for asks, answer in _WANTS if _has(asks, question))
    turned = has_negation(question) and not has_negation(line.text)
    if not formed or turned or not all(name.rstrip(".,:") in said for name in named):
        return False
    return _says_how(question, line) and _says_how_many(question, line)


def _is_about(question: str, line: CitableLine) -> bool:
    """Whether one clause of a line is about what is asked, where the reason of it is asked or where little is asked."""
    asked, why = stems(question) - stems(_FORM), _WHY.search(question) is not None
    if _HOW.search(question) or not (why or len(asked) <= MIN_QUESTION_STEMS):
        return True
    clauses = _CLAUSE.split(line.text)
    shares = (coverage(stems(each), asked) for each in (clauses[:1] if why else clauses) if asked & stems(each))
    return max(shares, default=0.0) >= (WHY_CLAUSE if why else SHORT_CLAUSE)


def _says_how_many(question: str, line: CitableLine) -> bool:
    """Whether a line counts the very things that are asked for."""
    found = _MANY.search(question)
    things = "|".join(map(re.escape, stems(found["things"]))) if found else ""
    counted = rf"\b{_COUNTS}\s+(?:[\w-]+\s+){{0,2}}(?:{things})|\b(?:{things})\w*\W+(?:is |are |was |were )?{_COUNTS}\b"
    return not things or re.search(counted, line.text, re.IGNORECASE) is not None


def _says_how(question: str, line: CitableLine) -> bool:
    """Whether a line says by what means, where that is asked."""
    if not _HOW.search(question):
        return True
    words = [stem for word in question.split() for stem in stems(word)]
    acts = "|".join(map(re.escape, words[1:] or words))  # the first one is who acts
    return re.search(rf"\b(?:{acts})\w*{_BY}", line.text, re.IGNORECASE) is not None


def _has(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None
