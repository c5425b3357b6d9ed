"""Which words of a text say what it is about?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from handoff.markdown import fences

_WORD = re.compile(r"[^\W_]+")
_SENTENCE_START = re.compile(r"(?:\A|[.!?:\n][\s\"'*_#>`-]*|[-*]\s+)\Z")
_OVERLONG_TOKEN = re.compile(r"\S{400,}")
MAX_TEXT_CHARS = 20_000
"""Characters of a request that are looked at: a page that was pasted below must not outvote what was asked."""


def word_set(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


WORK_WORDS = word_set(
    """
    api apis assertion backend bug bugs build builds ci cli codebase commit compile compiler config coverage crash
    crashes css dependency dependencies deploy deployment deprecated docstring dockerfile endpoint endpoints exception
    exceptions fails failing fix fixes flaky frontend function functions html http implement import imports
    integration javascript json lint linter makefile merge middleware migrate migration migrations module mypy parser
    patch pytest python query refactor regression release repo repository rest route routes ruff rust schema script
    sdk segfault sql stacktrace test tests timeout traceback typescript typo unittest upgrade validate validation
    webhook yaml
    """
)
"""Words that requests for work on code are full of, whatever the project: they say that it is work, not on what."""

COMMON_WORDS = word_set(
    """
    academy account accounts action actions admin agent agents alpha app apps archive art assistant atlas auth bank
    base basic beta billing blog board book books bot bridge budget builder business calendar camp canvas car card
    cards cart catalog center central chat city class client clients clock cloud club code coffee common community
    company compass contact content contracts control core course crew dash dashboard data database date demo design
    desk dev diary docs document documents dog door drive editor email engine event events example exchange explorer
    family farm file files finance fitness flow food forge forms forum forward foundation front game games garden gate
    gateway general gift guide harbor health help hub home hotel house idea ideas image images inbox index info infra
    insight internal inventory invoice invoices item items job jobs journal key keys kitchen lab labs learn ledger
    library light line link links list local log login logs magic mail main manager map maps mark market media member
    members memory menu message messages metrics mobile money monitor music news note notes notify office online open
    order orders page pages panel paper park parser path pay payment payments people phone photo photos planner plan
    plans platform play player poll pool port portal portfolio post posts print process product products profile
    project projects proxy public pulse quest question questions radar radio reader recipe recipes record records
    relay report reports research review reviews road room root router rules runner safe sales sample scanner
    scheduler school search secret server service services settings shared shelf shift ship shop signal site sites
    social source space spark sport staff stage star start station stats stock storage store stories story studio
    style survey sync system table talk target task tasks team teams template test text ticket tickets time timer todo
    tool tools tower track tracker trade trail train training travel tree trip tube update user users utils vault
    video view vision vote wallet watch water weather web wiki window work worker workers world write
    """
)
"""Words that people give their projects as names and use in other senses, too."""

_STOP_WORDS = word_set(
    """
    a about above across add added adding adds after again all almost along already also although always am among an
    and another any anybody anyone anything are around as ask asks at away back be became because been before begin
    being below best better between big both bring but by call called calls came can cannot case cases change changed
    changes check checks clear come comes could current day days delete deleted did different do does doing done down
    draft during each easy either else end ends enough error errors even ever every everything example exist exists
    explain far feature features few field fields find first follow for found four from full get gets getting give
    given gives go goes going good got great had hand happen happens hard has have having he help her here high him
    his hold how however i idea if in inside instead into is issue it its just keep kept kind know known large last
    late later least left less let like line little long look looks lost lot made main make makes making many may me
    mean means might mine more most much must my name named names near need needs never new next no nobody none not
    nothing now number of off often old on once one only open or other others our out outside over own part parts
    people place please point possible problem put quick quickly quite rather read really reason remove removed rename
    replace request result results right run running runs said same save say says second see seems set several shall
    she short should show shows side simple since six size slow small so some somebody something soon still stop such
    sure take takes tell ten than that the their them then there these they thing things think this those though three
    through thus time times to today together told tomorrow too try turn two type under until up update us use used
    user users uses using value very want wants was way ways we week well were what when where whether which while who
    whole whose why will with within without word words work works would write wrong year years yes yet you your
    """
)


@dataclass(frozen=True, kw_only=True)
class WordSpan:
    """A word where it stands: what is before and after it, and whether a sentence begins with it."""

    text: str
    start: int
    end: int
    first: bool

    @property
    def plain(self) -> str:
        """Without capitals."""
        return self.text.casefold()


def own_words(text: str) -> str:
    """What a person says in their own words: without fenced blocks and quotations."""
    text = unquoted(text)
    for start, end in reversed(fences(text)):
        text = text[:start] + " " + text[end:]
    return text


def unquoted(text: str) -> str:
    """Its beginning, without quotations, and without what is too long to be a word, a path or an address."""
    lines = (line for line in text[:MAX_TEXT_CHARS].splitlines() if not line.lstrip().startswith(">"))
    return _OVERLONG_TOKEN.sub(" ", "\n".join(lines))


def word_spans(text: str) -> list[WordSpan]:
    """Every word in order."""
    return [
        WordSpan(
            text=m[0],
            start=m.start(),
            end=m.end(),
            first=bool(_SENTENCE_START.search(text[max(0, m.start() - 8) : m.start()])),
        )
        for m in _WORD.finditer(text)
    ]


def content_words(text: str) -> Iterator[str]:
    """The stems that can tell one subject from another, in order, with repetitions."""
    for match in _WORD.finditer(text):
        word = match[0].casefold()
        if len(word) > 2 and word not in _STOP_WORDS and word not in WORK_WORDS and not word.isdigit():
            yield stem(word)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The word without what English puts at its end, so that `refunds`, `refunded` and `refunding` are one."""
    for ending, least in (("ies", 3), ("ing", 4), ("ed", 4), ("es", 4), ("s", 3)):
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= least:
            cut = word[: -len(ending)]
            cut += "y" if ending == "ies" else ""
            return cut[:-1] if len(cut) > 4 and (cut[-1] == "e" or (cut[-1] == cut[-2] and ending != "s")) else cut
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def asks_for_work(text: str) -> bool:
    """Whether it asks for something to be done to code."""
    return any(match[0].casefold() in WORK_WORDS for match in _WORD.finditer(text))
