"""Where does a request name a project, and could the name be an ordinary word there?

Names are compared as whole words, whatever their case. Quotations and fenced blocks are somebody else's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from handoff.markdown import fences
from orchestrator.workflow.assignment.project_profile import PATH, NameForm, ProjectProfile, bare_address, name_tokens

MAX_TEXT_CHARS = 20_000
"""Characters of a request that are looked at."""
_OVERLONG_TOKEN = re.compile(r"\S{400,}")
_URL = re.compile(r"(?<![\w.+-])(?:[a-z+]{1,20}://|[\w.-]{1,64}@[\w.-]{1,255}:)[^\s<>()\"'`]+", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]{2,}")
_SENTENCE_START = re.compile(r"(?:\A|[.!?:\n][\s\"'*_#>`-]*|[-*]\s+)\Z")
_QUOTES = "[\"'`“‘]?"
_AFTER_PROJECT = re.compile(
    rf"(?:\b(?P<article>a|an|the|our|my|this|no)\s)?\b(?:project|repo|repository):?\s{_QUOTES}\Z", re.IGNORECASE
)
_DEFINITE = re.compile(rf"(?:\A|\b(?:the|our|my|this)\s){_QUOTES}\Z", re.IGNORECASE)
_BEFORE_PROJECT = re.compile(r"[\"'`”’]?\s(?:project|repo|repository)\b", re.IGNORECASE)
_KINDS = {"name": "it names", "alias": "it says", "repository": "it names the repository"}


@dataclass(frozen=True, kw_only=True)
class ProjectMention:
    """A project's name, address or path in a request. `because` is a clause: it names “shop”."""

    project: str
    because: str
    certain: bool
    """Whether it can be nothing but the project."""


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A name where it stands."""

    text: str
    start: int
    end: int

    @property
    def name(self) -> str:
        return self.text[self.start : self.end]

    @property
    def before(self) -> str:
        return self.text[max(0, self.start - 40) : self.start]

    @property
    def after(self) -> str:
        return self.text[self.end : self.end + 20]


def find_mentions(text: str, profiles: Sequence[ProjectProfile], scope: Iterable[str] = ()) -> Iterator[ProjectMention]:
    """Every mention of a project, by address, by path and by name. `scope` are paths that a mission may touch."""
    text = own_words(text)
    for url in (found.rstrip(".,;:!?") for found in _URL.findall(text)):
        owners = (each for each in profiles if bare_address(each.url) == bare_address(url))
        yield from (_certain(each, f"it names the repository “{url[:60]}”") for each in owners)
    text = _blanked(_URL, text)
    forms = _forms_by_tokens(profiles)
    for path in (*PATH.findall(text), *scope):
        yield from (_certain(each, f"`{path}` is in its documents") for each in profiles if each.knows(path))
    for path in PATH.findall(text):
        root = path.partition("/")[0]
        yield from (_certain(each, f"{_KINDS[form.kind]} “{root}/”") for each, form in forms.get(name_tokens(root), ()))
    yield from _named(_blanked(PATH, text), forms)


def own_words(text: str) -> str:
    """What a person says in their own words: without fenced blocks, quotations and what is too long to be a word."""
    lines = (line for line in text[:MAX_TEXT_CHARS].splitlines() if not line.lstrip().startswith(">"))
    text = _OVERLONG_TOKEN.sub(" ", "\n".join(lines))
    for start, end in reversed(fences(text)):
        text = text[:start] + " " + text[end:]
    return text


Forms = Mapping[tuple[str, ...], Sequence[tuple[ProjectProfile, NameForm]]]


def _forms_by_tokens(profiles: Iterable[ProjectProfile]) -> Forms:
    found: dict[tuple[str, ...], list[tuple[ProjectProfile, NameForm]]] = {}
    for each in profiles:
        for form in each.forms:
            found.setdefault(form.tokens, []).append((each, form))
    return found


def _named(text: str, forms: Forms) -> Iterator[ProjectMention]:
    """Names as whole words; a longer one hides a shorter one inside it."""
    if not forms:
        return
    names = "|".join(r"[-_.\s]".join(map(re.escape, tokens)) for tokens in sorted(forms, key=len, reverse=True))
    capitals = _capitalised(text)
    for match in re.finditer(rf"(?<![\w@.-])(?:{names})(?![\w@]|[-.]\w)", text, re.IGNORECASE):
        place = _Place(text=text, start=match.start(), end=match.end())
        for profile, form in forms.get(name_tokens(place.name), ()):
            because = f"{_KINDS[form.kind]} “{' '.join(place.name.split())}”"
            certain = _is_certain(place, form, capitals)
            yield ProjectMention(project=profile.name, because=because, certain=certain)


def _is_certain(place: _Place, form: NameForm, capitals: frozenset[str]) -> bool:
    """Whether a name can be no ordinary word: it is a compound (`shop-api`), or stands as a name does."""
    compound = len(form.tokens) > 1 and not re.search(r"\s", place.name)
    return compound or _is_label(place, form) or _beside_project(place) or _is_capitalised(place, capitals)


def _is_label(place: _Place, form: NameForm) -> bool:
    """`shop: …` or `[shop] …` at the beginning, written as in fleet.toml."""
    around = place.text[: place.start].strip(" \n#*"), place.after[:1]
    return place.name == form.text and around in (("", ":"), ("[", "]"))


def _beside_project(place: _Place) -> bool:
    """`project shop`, `project: shop`, `the shop project`; so with repo and repository."""
    found = _AFTER_PROJECT.search(place.before)
    if found:
        return not found["article"]
    return bool(_BEFORE_PROJECT.match(place.after) and _DEFINITE.search(place.before))


def _is_capitalised(place: _Place, capitals: frozenset[str]) -> bool:
    """Within a sentence, in a text that writes no other word so (as German does, and titles do)."""
    inside = not _starts_sentence(place.text, place.start)
    return inside and place.name.istitle() and set(name_tokens(place.name)) == capitals


def _capitalised(text: str) -> frozenset[str]:
    """The words that begin with a capital and go on in small letters, though no sentence begins there."""
    found = (
        match for match in _WORD.finditer(text) if match[0].istitle() and not _starts_sentence(text, match.start())
    )
    return frozenset(match[0].casefold() for match in found)


def _starts_sentence(text: str, start: int) -> bool:
    return bool(_SENTENCE_START.search(text[max(0, start - 8) : start]))


def _certain(profile: ProjectProfile, because: str) -> ProjectMention:
    return ProjectMention(project=profile.name, because=because, certain=True)


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: " " * len(found[0]), text)
