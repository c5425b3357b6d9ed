"""Where does a request name a project, and how sure is it that the name means the project?

A name that is an ordinary word is in most requests just that word: what stands around it tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from orchestrator.workflow.assignment.project_profile import NameForm, ProjectProfile, bare_address
from orchestrator.workflow.assignment.words import COMMON_WORDS, WordSpan, word_set, word_spans

_INDEFINITE = word_set("a an any some every each another one two three no many several different other")
_DEFINITE = word_set("the our my this that your their its his her")
_PLACE_PREPOSITIONS = word_set("in on for of from into within inside")
_COMPARISON_WORDS = word_set("like unlike as than not except without versus vs instead similar same neither nor")
_REPOSITORY = word_set("repo repository codebase repos")
_CODE_NOUNS = word_set(
    """
    argument attribute button class column endpoint enum field flag folder form function header key label list menu
    method object option page parameter property route row section tab table tag type value variable view
    """
)
"""What code is made of: “the notes column” is a column."""
_URL = re.compile(r"(?<![\w.+-])(?:[a-z+]{1,20}://|[\w.-]{1,64}@[\w.-]{1,255}:)[^\s<>()\"'`]+", re.IGNORECASE)

SURE_WEIGHT, PROPER_WEIGHT, LIKELY_WEIGHT, PLACED_WEIGHT, MAYBE_WEIGHT, HARDLY_WEIGHT = (
    0.92,
    0.80,
    0.65,
    0.55,
    0.40,
    0.15,
)
"""How much a mention counts: a name that can be nothing else … a word that seems to mean something else."""


@dataclass(frozen=True, kw_only=True)
class ProjectMention:
    """A name in a request."""

    form: NameForm
    text: str
    weight: float


def find_mentions(text: str, profile: ProjectProfile, others: Sequence[ProjectProfile]) -> Iterator[ProjectMention]:
    """Every place where the text names the project. A longer name of another project hides a shorter one inside it."""
    address = bare_address(profile.url)
    for url in _URL.findall(text):
        if bare_address(url) == address:
            yield ProjectMention(form=profile.forms[0], text=url[:60], weight=SURE_WEIGHT)
    bare = _URL.sub(lambda found: " " * len(found[0]), text)
    found = word_spans(bare)
    longer = [f.tokens for other in others for f in other.forms if other.name != profile.name]
    for form in profile.forms:
        for at in _occurrences(found, form.tokens):
            span = found[at : at + len(form.tokens)]
            joined = _is_joined(bare, span)
            if not _is_part_of_other(bare, found, at, form.tokens, longer):
                weight = _mention_weight(bare, found, at, form, joined=joined)
                yield ProjectMention(form=form, text=bare[span[0].start : span[-1].end], weight=weight)


def _occurrences(found: Sequence[WordSpan], tokens: tuple[str, ...]) -> Iterator[int]:
    for at in range(len(found) - len(tokens) + 1):
        if all(found[at + n].plain == token for n, token in enumerate(tokens)):
            yield at


def _is_joined(text: str, span: Sequence[WordSpan]) -> bool:
    """Whether the words of a name are written as one, with a hyphen, an underscore or a dot between them."""
    return all(text[a.end : b.start] in ("-", "_", ".", "/") for a, b in pairwise(span))


def _is_part_of_other(
    text: str, found: Sequence[WordSpan], at: int, tokens: tuple[str, ...], others: Sequence[tuple[str, ...]]
) -> bool:
    """Whether the word is only a part of something else: of a compound, an address, another project's longer name."""
    start, end = found[at].start, found[at + len(tokens) - 1].end
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    if before == "@" or (before in "-_" and before) or (after in "-_" and after and text[end + 1 : end + 2].isalnum()):
        return True
    for other in others:
        for shift in range(len(other) - len(tokens) + 1) if len(other) > len(tokens) else ():
            first = at - shift
            span = found[max(0, first) : first + len(other)]
            same = first >= 0 and tuple(word.plain for word in span) == other
            if same and other[shift : shift + len(tokens)] == tokens and _is_joined(text, span):
                return True
    return False


def _mention_weight(text: str, found: Sequence[WordSpan], at: int, form: NameForm, *, joined: bool) -> float:
    word = form.tokens[-1]
    common = len(form.tokens) == 1 and (word in COMMON_WORDS or len(word) < 4)
    weight = _context_weight(text, found, at, form, common=common, joined=joined)
    near = {each.plain for each in found[max(0, at - 3) : at]}
    return min(weight, HARDLY_WEIGHT * 2) if near & _COMPARISON_WORDS else weight


def _context_weight(
    text: str, found: Sequence[WordSpan], at: int, form: NameForm, *, common: bool, joined: bool
) -> float:
    start, end = found[at].start, found[at + len(form.tokens) - 1].end
    before = found[at - 1].plain if at else ""
    last = at + len(form.tokens)
    after = found[last].plain if last < len(found) else ""
    marked = _name_marker(text, start, end, before, after, first=at == 0)
    if marked in ("path", "repository"):
        return SURE_WEIGHT
    if len(form.tokens) > 1 and joined:
        return SURE_WEIGHT
    if before in _INDEFINITE or (common and after in _CODE_NOUNS):
        return HARDLY_WEIGHT
    if marked:
        return PROPER_WEIGHT if common else SURE_WEIGHT
    if len(form.tokens) > 1:
        return LIKELY_WEIGHT if form.kind == "name" else PROPER_WEIGHT
    if any(char.isdigit() for char in form.text):
        return SURE_WEIGHT
    if common:
        return _common_word_weight(found, at, before)
    return LIKELY_WEIGHT if before in _DEFINITE else PROPER_WEIGHT


def _name_marker(text: str, start: int, end: int, before: str, after: str, *, first: bool) -> str:
    """What makes it a name whatever the word is: backticks, a path, a label, the word project or repository."""
    left, right = text[max(0, start - 1) : start], text[end : end + 1]
    if right == "/" and left != "." and not left.isalnum():
        return "path"
    if left == right == "`":
        return "code"
    if before in _REPOSITORY or after in _REPOSITORY:
        return "repository"
    if first and (right == ":" or (left, right) == ("[", "]")):
        return "label"
    return "label" if before == "project" or after == "project" else ""


def _common_word_weight(found: Sequence[WordSpan], at: int, before: str) -> float:
    """An ordinary word: a capital amid small letters, or a place without an article, makes it look like a name."""
    word = found[at]
    capitals = sum(each.text[0].isupper() for each in found if not each.first)
    if word.text[0].isupper() and not word.first and capitals <= 0.3 * len(found):
        return PROPER_WEIGHT
    if before in _PLACE_PREPOSITIONS:
        return PLACED_WEIGHT
    return MAYBE_WEIGHT if before in _DEFINITE else HARDLY_WEIGHT * 2
