"""Which probe does a phrase of the checklist mean? The words for each, and what they ask of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from missions.spelling import instead_of

ASK = "ask"
PLUGIN = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
"""How a probe of a plug-in, and a command that a machine's owner allowed, may be called."""
_UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_SIZES = {"m": 1024**2, "g": 1024**3, "t": 1024**4}
_LONG = r"(?P<number>\d{1,4}(?:\.\d)?)\s*(?P<unit>m(?:in(?:ute)?s?)?|h(?:ours?)?|d(?:ays?)?|w(?:eeks?)?)"
_THAN = rf"(?: (?:for )?(?:(?:older|longer|more) than|for|since)? ?{_LONG})?"
_SIZE = r"(?P<size>\d{1,5}(?:\.\d)?)\s*(?P<of>[mgt]i?b|%)"
_FLUFF = re.compile(r"^(?:please|check|watch|look (?:at|for)|are there|is there|any|the)\s+")
_COUNT = r"(?: by)?(?: (?:more than )?(?P<count>\d{1,4}))?(?: commits?)?"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a line wants looked at: a probe, numbers for it (seconds, bytes, percent, a count), and words.

    `shared`: where the line does not say who looks, one node does for all.
    """

    probe: str
    shared: bool = True
    numbers: Mapping[str, float] = field(default_factory=dict)
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class _Phrase:
    probe: str
    pattern: re.Pattern[str]
    numbers: Callable[[re.Match[str]], Mapping[str, float]]
    example: str
    shared: bool = True


def _seconds(default: float) -> Callable[[re.Match[str]], Mapping[str, float]]:
    def read(found: re.Match[str]) -> Mapping[str, float]:
        if found["number"] is None:
            return {"seconds": default}
        return {"seconds": float(found["number"]) * _UNITS[found["unit"][0]]}

    return read


def _size(found: re.Match[str]) -> Mapping[str, float]:
    if found["size"] is None:
        return {"bytes": 5.0 * _SIZES["g"]}
    if found["of"] == "%":
        return {"percent": float(found["size"])}
    return {"bytes": float(found["size"]) * _SIZES[found["of"][0]]}


def _count(found: re.Match[str]) -> Mapping[str, float]:
    return {"count": float(found["count"] or 0)}


def _nothing(_found: re.Match[str]) -> Mapping[str, float]:
    return {}


PHRASES = (
    _Phrase(
        probe="disk",
        pattern=re.compile(rf"(?:free )?disk(?: space)?(?: free)?(?: (?:is )?(?:below|under|less than) {_SIZE})?"),
        numbers=_size,
        example="disk below 5 GB",
        shared=False,
    ),
    _Phrase(
        probe="queue",
        pattern=re.compile(rf"(?:the )?(?:queue|queued missions|missions (?:waiting|queued)){_THAN}"),
        numbers=_seconds(3600.0),
        example="queue older than 2 hours",
    ),
    _Phrase(
        probe="nodes",
        pattern=re.compile(rf"(?:stale|silent|lost|offline) nodes?{_THAN}"),
        numbers=_seconds(900.0),
        example="silent nodes",
    ),
    _Phrase(
        probe="results",
        pattern=re.compile(rf"results? (?:waiting|to (?:review|approve)){_THAN}"),
        numbers=_seconds(86_400.0),
        example="results waiting longer than 1 day",
    ),
    _Phrase(
        probe="reviews",
        pattern=re.compile(r"(?:log )?reviews? (?:due|late|overdue)"),
        numbers=_nothing,
        example="reviews due",
    ),
    _Phrase(
        probe="broken",
        pattern=re.compile(r"(?:broken|unreadable|quarantined) missions?"),
        numbers=_nothing,
        example="broken missions",
    ),
    _Phrase(
        probe="repositories",
        pattern=re.compile(rf"(?:repositories|repository|repos?|clones?) behind{_COUNT}"),
        numbers=_count,
        example="repositories behind",
        shared=False,
    ),
)
EXAMPLES = (*(each.example for each in PHRASES), "command NAME", "probe NAME", "ask: a question")
_FIRST_WORDS = ("disk", "queue", "silent", "stale", "results", "reviews", "broken", "repositories", "command", "ask")


def read_request(text: str) -> Request:
    """What a phrase asks for. Raises ValueError, with what was probably meant: nothing is guessed."""
    plain = " ".join(text.split()).strip(" .?!")
    word, _, rest = plain.partition(" ")
    if word.lower().rstrip(":") == ASK:
        if not rest.strip():
            raise ValueError("write the question behind `ask:`")
        return Request(probe=ASK, words=" ".join(text.split()).partition(" ")[2].strip())
    if word.lower() in {"command", "probe"}:
        return _named(word.lower(), rest.replace("`", ""))
    asked = plain.lower()
    while (short := _FLUFF.sub("", asked)) != asked:
        asked = short
    for phrase in PHRASES:
        found = phrase.pattern.fullmatch(asked)
        if found:
            return Request(probe=phrase.probe, shared=phrase.shared, numbers=phrase.numbers(found))
    first = asked.partition(" ")[0]
    near = next((one for one in EXAMPLES if first and one.startswith(first)), "")
    meant = f"write it as “{near}”" if near else instead_of(first, _FIRST_WORDS)
    raise ValueError(f"nothing here looks at this: {meant}")


def _named(kind: str, rest: str) -> Request:
    name, _, words = rest.strip().partition(" ")
    if not PLUGIN.fullmatch(name):
        raise ValueError(f"write {kind} and a name of small letters, digits and hyphens, such as {kind} backup-age")
    if kind == "command":
        if words:
            raise ValueError(f"a command takes no words from here: its owner's machine says what {name} is")
        return Request(probe="command", shared=False, words=name)
    return Request(probe=f"probe {name}", words=words)
