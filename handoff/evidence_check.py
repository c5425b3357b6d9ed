"""Is there evidence in the source for what an item says?

A review, and a model that words it, may only say what the cited entries say. Four things must agree, because these are
what summaries get wrong while they still sound right: numbers, names, negations, and words that have an opposite. The
rest of the words must mostly be there too. The test is strict on purpose: a dropped item costs a line in the report, a
false one is read by every instance that follows.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

_NUMBER = re.compile(r"(?<![A-Za-z0-9])\d+(?:[.,:/-]\d+)*")
_CODE = re.compile(r"`([^`\n]+)`")
_NAME = re.compile(r"[A-Za-z_][\w.-]*(?:/[\w.-]+)+|\w*[a-z]\w*[A-Z]\w*|\w+_\w+|\b[A-Z]{2,}\w*\b|\b[\w-]+\.[a-z]{1,4}\b")
_CAPITAL = re.compile(r"(?<=[a-z0-9,;:)] )[A-Z][a-z]+\b")
_WORD = re.compile(r"[A-Za-z]{2,}|\d+(?:\.\d+)*")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_NEGATION = re.compile(
    r"(?i)\b(?:not|no|never|none|nothing|nobody|neither|nor|without|cannot|no longer|isnt|dont)\b|n['’]t\b"
)
_OPPOSITES = (
    *(
        ("enable", "disable"),
        ("pass", "fail"),
        ("fix", "break"),
        ("open", "close"),
        ("start", "stop"),
        ("add", "remove"),
    ),
    *(("allow", "forbid"), ("accept", "reject"), ("before", "after"), ("increase", "decrease"), ("always", "never")),
    *(("work", "break"), ("success", "failure"), ("true", "false"), ("on", "off"), ("yes", "no"), ("keep", "drop")),
    *(("require", "optional"), ("done", "pending"), ("block", "unblock"), ("up", "down"), ("stable", "unstable")),
)
_IRREGULAR = {
    **dict.fromkeys(("broke", "broken", "breaking"), "break"),
    **dict.fromkeys(("failure", "failures", "failing"), "fail"),
    **dict.fromkeys(("built", "building"), "build"),
    **dict.fromkeys(("wrote", "written", "writing"), "write"),
    **dict.fromkeys(("chose", "chosen"), "choose"),
    **dict.fromkeys(("made", "making"), "make"),
    **dict.fromkeys(("ran", "running"), "run"),
}
_COMMON_WORDS = (
    "a about after all also an and any are as at be because been being but by can could did do does for from get "
    "got had has have how if in into is it its just may more must my now of on or our out own per shall should so "
    "some than that the their them then there these they this those to us use used using was we were what when "
    "which while who will with would you your"
)
_COMMON = frozenset(_COMMON_WORDS.split())


def disagreement(text: str, sources: Iterable[str]) -> str:
    """Why the sources don't support the text, or "" if they do."""
    source = "\n".join(sources)
    for what, missing in (
        ("number", _missing_words(_numbers(text), _numbers(source))),
        ("name", _missing_words(_names(text), _all_words(source))),
        ("opposite", _opposites(text, source)),
    ):
        if missing:
            return f"{what} not in the entries cited: {missing}"
    nearest = nearest_sentence(text, source)
    words, theirs = stems(text), stems(source)
    if len(words & theirs) < 0.6 * len(words):
        return "most of its words are not in the entries cited"
    if is_negated(text) != is_negated(nearest):
        return f"negation differs from: {nearest.strip()[:80]}"
    return ""


def nearest_sentence(text: str, source: str) -> str:
    """The sentence of the source that shares most words with the text."""
    words = stems(text)
    return max(_SENTENCE.split(source), key=lambda sentence: overlap(words, stems(sentence)), default="")


def is_negated(text: str) -> bool:
    """Whether the text denies something; two negations cancel."""
    return len(_NEGATION.findall(text)) % 2 == 1


def has_negation(text: str) -> bool:
    """Whether the text denies anything at all."""
    return _NEGATION.search(text) is not None


def stems(text: str) -> frozenset[str]:
    """The words that carry meaning, in lower case and without their commonest endings; `fooBar_baz` is three words."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return frozenset(stem(word) for word in _WORD.findall(spaced) if word.lower() not in _COMMON)


@lru_cache(maxsize=20_000)  # a text uses few words, and says them again
def stem(word: str) -> str:
    """`features`, `featured` and `feature` become one; light on purpose, so that distinct words stay distinct."""
    word = word.lower()
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for ending in ("ations", "ation", "ings", "ing", "ied", "ies", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not (ending == "s" and word.endswith("ss")):
            word = word[: -len(ending)] + ("y" if ending in {"ied", "ies"} else "")
            break
    return word[:-1] if len(word) > 4 and word[-1] == word[-2] else word


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared words as a share of all words (Jaccard), 0 to 1."""
    return len(one & other) / len(one | other) if one or other else 0.0


def coverage(part: frozenset[str], whole: frozenset[str]) -> float:
    """Which share of the first one's words the second one has, 0 to 1."""
    return len(part & whole) / len(part) if part else 0.0


def _numbers(text: str) -> set[str]:
    return {number.replace(",", "") for number in _NUMBER.findall(text)}


def _names(text: str) -> set[str]:
    names = {*_NAME.findall(text), *_CAPITAL.findall(text), *_CODE.findall(text)}
    return {name.strip(".").casefold() for name in names}


def _all_words(text: str) -> set[str]:
    words = {word.strip(".,;:!?()[]\"'`*").casefold() for word in text.split()}
    return (
        words | _names(text) | {word.casefold() for word in _WORD.findall(text)} | {_PATH_END.sub("", w) for w in words}
    )


_PATH_END = re.compile(r"[^\w/]+$")


def _missing_words(wanted: set[str], given: set[str]) -> str:
    return ", ".join(sorted(wanted - given))


def _opposites(text: str, source: str) -> str:
    """Words of the text whose opposite is in the source while they themselves are not."""
    ours = {stem(word) for word in _WORD.findall(text)}
    theirs = {stem(word) for word in _WORD.findall(source)}
    pairs = [(stem(one), stem(other)) for one, other in _OPPOSITES]
    turned = [(a, b) for one, other in pairs for a, b in ((one, other), (other, one))]
    return ", ".join(sorted({word for word, against in turned if word in ours - theirs and against in theirs}))
