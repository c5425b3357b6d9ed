"""Which questions are about the ledger itself: missions, nodes, money, what happened?

Only a short question with one meaning is recognised; anything else is left to the handoff and the model.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from missions.mission import Status

MAX_QUESTION_WORDS = 24
"""Words of a question; a longer text asks for more than a list."""


class Topic(StrEnum):
    """What a question asks the ledger for."""

    MISSIONS = "missions"
    MISSION = "mission"
    NODES = "nodes"
    SPENDING = "spending"
    HAPPENED = "happened"
    PROJECTS = "projects"


@dataclass(frozen=True, kw_only=True)
class LedgerQuestion:
    """A question as it was understood. `days` are UTC's, first and last."""

    topic: Topic
    statuses: tuple[Status, ...] = ()
    names: tuple[str, ...] = ()
    """Missions, nodes or projects that it names."""
    days: tuple[date, date] | None = None
    when: str = ""
    """The days in the question's words."""


@dataclass(frozen=True, kw_only=True)
class KnownNames:
    """What is there to be named."""

    missions: Collection[str] = ()
    nodes: Collection[str] = ()
    projects: Collection[str] = ()


WAITING = (Status.REVIEW, Status.PARKED, Status.DEAD, Status.QUARANTINED, Status.UNTRUSTED)
"""States in which a mission waits for a person."""
_STATES: tuple[tuple[str, tuple[Status, ...]], ...] = (
    (
        r"wait\w*(?: \w+){0,2} (?:review|approv\w+)|(?:in|for) review|to (?:be )?(?:review|approv)\w*",
        (Status.REVIEW,),
    ),
    (r"wait\w*(?: (?:for|on))? (?:me|us|a person|you|somebody|someone|anybody)|needs? (?:me|us|a person)", WAITING),
    (r"queued?|not (?:yet )?started|in line", (Status.QUEUED, Status.FAILED)),
    (r"running|in progress|being worked on|under way|at work", (Status.RUNNING,)),
    (r"parked|paused", (Status.PARKED,)),
    (r"failed|failing|dead|gave up", (Status.FAILED, Status.DEAD)),
    (r"quarantined|broken|unreadable", (Status.QUARANTINED,)),
    (r"untrusted|unsigned", (Status.UNTRUSTED,)),
    (r"cancell?ed|called off", (Status.CANCELLED,)),
    (r"done|finished|completed", (Status.DONE,)),
    (r"ended|ran", (Status.DONE, Status.REVIEW, Status.FAILED, Status.DEAD, Status.CANCELLED, Status.RUNNING)),
    (r"wait\w*|pending", (*WAITING, Status.QUEUED, Status.FAILED)),
    (r"open|left", (*WAITING, Status.QUEUED, Status.FAILED, Status.RUNNING)),
)
_ASKS = re.compile(
    r"^(?:and |so |please |now )*(?:what|which|who|how many|how much|is|are|was|were|did|does|do|has|have|any|list|"
    r"show|tell me|give me|why|where|when|status|anything)\b"
)
_GENERAL = re.compile(
    r"^(?:how (?:do|does|is|are|can|should|to|would)|what (?:does|do) (?:an?|the|it|that)\b|what (?:is|are) an?\b|"
    r"what happens|what (?:is|are) (?:missions?|nodes?)\b\??$|can |should |could |would )"
)
"""How something works is in the documents."""
_MISSIONS = r"(?:missions?|results?|tasks?|jobs?|anything|something|work|what|branch(?:es)?)"
_STANDING = re.compile(
    r"\b(?:status|state|done|finished|wait(?:s|ing)?|running|runs|ran|failed|where|who|when|costs?|how is|how far|"
    r"happened|why|ready|approved|rejected|merged|queued|parked|dead|review|going|start(?:s|ed)?|mission)\b"
)
"""What is asked about one mission; what it is about in itself is in the handoff."""
_NODES = re.compile(r"\b(?:nodes?|machines?|computers?|workers?|fleet|who)\b")
_UP = re.compile(
    r"\b(?:up|online|alive|live|reachable|down|offline|stopped|silent|there|busy|idle|doing|work(?:s|ing)? on)\b"
)
_MONEY = re.compile(r"\b(?:spen[dt]|spending|costs?|paid|bill|money|dollars?|usd|tokens (?:did|were|have|has))\b|\$")
_HAPPENED = re.compile(
    r"\bwhat (?:happened|went on|was done|was worked on|has happened|has been done|is new|did \w+ do)\b"
)
_PROJECTS = re.compile(
    r"^(?:and |please )*(?:which|what|list|show(?: me)?|how many) (?:are )?(?:the |all )?(?:my |our )?projects\b"
)
_NOUNS = re.compile(r"\b(?:missions?|results?|tasks?|jobs?|branch(?:es)?)\b")
_FILLER_WORDS = (
    "and so please now what which who how many is are was were did does do has have had any list show tell "
    "give me us my our the a an all every there anything something work in at on of for to by be been still "
    "currently right moment just this that these those here with from it them they i we you open waiting "
    "status state names today yesterday week month last past night days as yet already ones one"
)
_FILLER = frozenset(_FILLER_WORDS.split())
"""Words that a question for a list of missions may have besides a state, a day and a project."""
MAX_OTHER_WORDS = 2
"""Others that it may have, if it says missions."""
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]


def understand(text: str, names: KnownNames, now: datetime) -> LedgerQuestion | None:
    """The question about the ledger that a text is; None where it is none, or not surely one."""
    asked = " ".join(re.sub(r"[?!.,;:“”\"'’]+(?=\s|$)|(?<=\s)[“”\"'‘]|`", "", text.lower()).split())
    if not asked or len(asked.split()) > MAX_QUESTION_WORDS or not _ASKS.match(asked) or "\n\n" in text.strip():
        return None
    named = {kind: _named(asked, getattr(names, kind)) for kind in ("missions", "nodes", "projects")}
    days, when = _days(asked, now)
    if named["missions"] and _STANDING.search(asked):
        return LedgerQuestion(topic=Topic.MISSION, names=named["missions"])
    if _GENERAL.match(asked):
        return None
    if _MONEY.search(asked) and re.search(r"how much|what|which|list|show|cost", asked):
        return LedgerQuestion(topic=Topic.SPENDING, names=named["projects"], days=days, when=when)
    if _HAPPENED.search(asked) and (days or named["projects"] or re.search(r"happened|new", asked)):
        days = days or (now.astimezone(UTC).date() - timedelta(days=1), now.astimezone(UTC).date())
        return LedgerQuestion(topic=Topic.HAPPENED, names=named["projects"], days=days, when=when or "since yesterday")
    if _PROJECTS.match(asked):
        return LedgerQuestion(topic=Topic.PROJECTS)
    if (_NODES.search(asked) or named["nodes"]) and _UP.search(asked) and not re.search(r"\bmissions?\b", asked):
        return LedgerQuestion(topic=Topic.NODES, names=named["nodes"])
    return _about_missions(asked, named["projects"], days, when)


def _about_missions(
    asked: str, projects: tuple[str, ...], days: tuple[date, date] | None, when: str
) -> LedgerQuestion | None:
    """A list of missions, where the question has a state and something that can be in it."""
    if not re.search(rf"\b{_MISSIONS}\b", asked):
        return None
    states = next((found for words, found in _STATES if re.search(rf"\b(?:{words})\b", asked)), ())
    plain = re.search(
        r"\bmissions (?:are there|exist|do (?:i|we) have)\b|"
        r"^(?:list|show)(?: me)?(?: all)?(?: my| our| the)* missions$",
        asked,
    )
    if not states and not plain:
        return None
    rest = re.sub(rf"\b(?:{'|'.join(words for words, _ in _STATES)})\b|[\d-]+", " ", _NOUNS.sub(" ", asked))
    others = [word for word in rest.split() if word not in _FILLER and word not in projects and word not in _MONTHS]
    if len(others) > (MAX_OTHER_WORDS if _NOUNS.search(asked) else 0):
        return None
    return LedgerQuestion(topic=Topic.MISSIONS, statuses=states, names=projects, days=days, when=when)


def _named(asked: str, names: Collection[str]) -> tuple[str, ...]:
    """Which of the names stand in the question as words of their own."""
    words = f" {asked} "
    return tuple(name for name in names if re.search(rf"(?<![\w-]){re.escape(name.lower())}(?![\w-])", words))


def _days(asked: str, now: datetime) -> tuple[tuple[date, date] | None, str]:
    today = now.astimezone(UTC).date()
    spans = {
        r"today|this morning|so far today": (today, today),
        r"yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        r"last night|tonight|overnight": (today - timedelta(days=1), today),
        r"this week": (today - timedelta(days=today.weekday()), today),
        r"(?:the )?(?:last|past) (?:week|7 days|seven days)": (today - timedelta(days=6), today),
        r"this month": (today.replace(day=1), today),
    }
    for words, span in spans.items():
        if found := re.search(rf"\b(?:{words})\b", asked):
            return span, found[0]
    if found := re.search(r"\b(\d{4})-(\d\d)-(\d\d)\b", asked):
        return _day(*map(int, found.groups())), f"on {found[0]}"
    if found := re.search(
        rf"\b(?:(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({'|'.join(_MONTHS)})|({'|'.join(_MONTHS)}) (\d{{1,2}}))\b", asked
    ):
        day, month = found[1] or found[4], found[2] or found[3]
        return _day(today.year, _MONTHS.index(month) + 1, int(day)), f"on {found[0]}"
    return None, ""


def _day(year: int, month: int, day: int) -> tuple[date, date] | None:
    try:
        return date(year, month, day), date(year, month, day)
    except ValueError:
        return None
