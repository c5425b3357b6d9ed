"""Which project does a request mean that names none? Says what pointed where, and only decides when it is sure.

Each thing that points at a project has a weight from 0 to 1; of several, each takes its part of the doubt that the
others left. A word counts once, however often it stands there. Words of documents alone decide only where there are
several, for a request that asks for work, and nothing points elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from handoff.symbols import named_symbols
from orchestrator.workflow.assignment import project_mentions
from orchestrator.workflow.assignment.project_mentions import find_mentions
from orchestrator.workflow.assignment.project_profile import ProjectProfile, paths_in
from orchestrator.workflow.assignment.words import asks_for_work, content_words, own_words, stem, unquoted

MIN_SURE_CONFIDENCE = 0.75
"""From this confidence on it is not asked."""
MIN_ASK_CONFIDENCE = 0.35
"""From this confidence on a project is worth a question."""
MIN_LEAD = 0.30
"""How far the best must be ahead of the next."""
MIN_RIVAL_WEIGHT = 0.25
"""A mention of another project that weighs so much makes a name alone too little."""
NO_WORK_FACTOR, NO_WORK_NAME_FACTOR = 0.6, 0.85
"""What a weight counts of itself in a request that asks for no work on code; and that of a name that is one."""
NO_WORK_WORDS_FACTOR = 0.55
"""What words of documents count there: together never enough to decide."""
ONLY_PROJECT_WEIGHT = 0.6
"""What it weighs that a fleet has one project, for a request that needs one."""

PATH_WEIGHT, FOLDER_WEIGHT, SYMBOL_WEIGHT, WORD_WEIGHT, STRONG_WORD_WEIGHT, WORD_PAIR_WEIGHT, SHARED_WORD_WEIGHT = (
    0.80,
    0.45,
    0.70,
    0.29,
    0.37,
    0.32,
    0.08,
)
COMMON_FILES = re.compile(
    r"(?:.*/)?(?:readme|changelog|license|contributing|agents|claude|makefile|dockerfile|todo|main|index|app|setup|"
    r"__init__|conftest|package|pyproject|tsconfig|requirements|config)\.?\w*\Z",
    re.IGNORECASE,
)
"""Files that every project has."""
_CODE_WORD = re.compile(r"\b(?:[a-z][a-z0-9]*(?:_[a-z0-9]+)+|(?:[A-Z][a-z0-9]+){2,})\b")
MAX_SHOWN_WORDS = 5


@dataclass(frozen=True, kw_only=True)
class MatchEvidence:
    """Something in a request that points at a project. `says` is a clause: `checkout` is in its PROJECT_CONTEXT."""

    says: str
    weight: float
    kind: str


@dataclass(frozen=True, kw_only=True)
class ProjectCandidate:
    """A project that a request may mean, with what points at it, the strongest first."""

    project: str
    confidence: float
    pointers: tuple[MatchEvidence, ...]

    @property
    def named(self) -> float:
        """How much the best mention of its name weighs."""
        return max((pointer.weight for pointer in self.pointers if pointer.kind == "name"), default=0.0)

    @property
    def by_name_alone(self) -> bool:
        """Whether only its name points at it, in a way that leaves a doubt."""
        return self.named < project_mentions.SURE_WEIGHT and all(pointer.kind == "name" for pointer in self.pointers)

    @property
    def because(self) -> str:
        """Why, in a few words."""
        named = [pointer.says for pointer in self.pointers if pointer.kind != "word"]
        found = [pointer.says for pointer in self.pointers if pointer.kind == "word"][:MAX_SHOWN_WORDS]
        lines = [f"its documents speak of {', '.join(found)}"] if found else []
        return "; ".join([*named[:3], *lines])


@dataclass(frozen=True, kw_only=True)
class ProjectMatch:
    """What came of it. `project` is set only where it is sure; `candidates` are worth a question, best first."""

    project: str = ""
    confidence: float = 0.0
    candidates: tuple[ProjectCandidate, ...] = ()

    @property
    def because(self) -> str:
        """Why the best one."""
        return self.candidates[0].because if self.candidates else ""

    @property
    def looks(self) -> str:
        """The verdict as a clause: `shop (because …)`."""
        return f"{self.project} (because {self.because})"

    @property
    def could_be(self) -> str:
        """What it may be, for a question."""
        names = " or ".join(candidate.project for candidate in self.candidates)
        whys = "; ".join(f"{candidate.project}: {candidate.because}" for candidate in self.candidates)
        return f"it could be {names} ({whys})" if names else ""


@lru_cache(maxsize=2048)
def match_text(
    text: str, profiles: tuple[ProjectProfile, ...], *, needs: bool = False, scope: tuple[str, ...] = ()
) -> ProjectMatch:
    """Which of the projects a request means. `needs`: it cannot be done without one; `scope` are its path patterns."""
    spoken = own_words(text)
    work = needs or asks_for_work(spoken)
    found = [
        _candidate(unquoted(text), spoken, each, profiles, work=work, needs=needs, scope=scope) for each in profiles
    ]
    found.sort(key=lambda each: (-each.confidence, each.project))
    if not found or found[0].confidence < MIN_ASK_CONFIDENCE:
        return ProjectMatch()
    best, others = found[0], found[1:]
    rivals = [each for each in others if each.confidence >= MIN_ASK_CONFIDENCE or each.named >= MIN_RIVAL_WEIGHT]
    ahead = best.confidence - max((each.confidence for each in others), default=0.0) >= MIN_LEAD
    sure = (
        best.confidence >= MIN_SURE_CONFIDENCE
        and ahead
        and not (best.by_name_alone and any(r.named >= MIN_RIVAL_WEIGHT for r in rivals))
    )
    shown = (best,) if sure else (best, *rivals[:2])
    return ProjectMatch(project=best.project if sure else "", confidence=best.confidence, candidates=shown)


def _candidate(
    text: str,
    spoken: str,
    of: ProjectProfile,
    profiles: Sequence[ProjectProfile],
    *,
    work: bool,
    needs: bool,
    scope: Iterable[str],
) -> ProjectCandidate:
    others = [each for each in profiles if each.name != of.name]
    known = [*_name_evidence(spoken, of, others), *_code_evidence(text, of, others, scope)]
    found = list(_word_evidence(spoken, of, profiles))
    if needs and not others:
        known.append(MatchEvidence(says="it is the only project", weight=ONLY_PROJECT_WEIGHT, kind="only"))
    if not work:
        known = [replace(pointer, weight=_discounted(pointer.weight)) for pointer in known]
    content = _combined_weight(found)
    confidence = 1 - (1 - _combined_weight(known)) * (1 - content * (1 if work else NO_WORK_WORDS_FACTOR))
    pointers = sorted([*known, *found], key=lambda each: (-each.weight, each.says))
    return ProjectCandidate(project=of.name, confidence=round(confidence, 3), pointers=tuple(pointers))


def _discounted(weight: float) -> float:
    """What a name or a path counts in a request that may well be about something else."""
    return (
        weight
        if weight >= project_mentions.SURE_WEIGHT
        else weight * (NO_WORK_NAME_FACTOR if weight >= project_mentions.PROPER_WEIGHT else NO_WORK_FACTOR)
    )


def _combined_weight(pointers: Iterable[MatchEvidence]) -> float:
    doubt = 1.0
    for pointer in pointers:
        doubt *= 1 - pointer.weight
    return 1 - doubt


def _name_evidence(spoken: str, of: ProjectProfile, others: Sequence[ProjectProfile]) -> Iterator[MatchEvidence]:
    """The best mention of a name: the same name twice is no more than once."""
    best = max(find_mentions(spoken, of, others), key=lambda each: each.weight, default=None)
    if best is not None:
        kind = {"name": "it names", "alias": "it says", "repository": "it names the repository"}[best.form.kind]
        yield MatchEvidence(says=f"{kind} “{best.text}”", weight=best.weight, kind="name")


def _code_evidence(
    text: str, of: ProjectProfile, others: Sequence[ProjectProfile], scope: Iterable[str]
) -> Iterator[MatchEvidence]:
    """Paths and names in code that only this project's documents and log speak of. One of each kind counts."""
    wanted = [*paths_in(text), *filter(None, map(_root_of, scope))]
    paths = [path for path in wanted if not COMMON_FILES.match(path)]
    path = next(
        (path for path in paths if _has_path(of, path) and not any(_has_path(other, path) for other in others)), None
    )
    folder = next(
        (one for one in paths if _has_folder(of, one) and not any(_has_folder(other, one) for other in others)), None
    )
    if path:
        yield MatchEvidence(says=f"`{path}` is in its documents", weight=PATH_WEIGHT, kind="path")
    elif folder:
        yield MatchEvidence(says=f"`{folder}` lies where its files do", weight=FOLDER_WEIGHT, kind="path")
    names = dict.fromkeys([*named_symbols(text), *_CODE_WORD.findall(text)])
    mine = (name for name in names if name in of.symbols and not any(name in other.symbols for other in others))
    symbol = next(mine, None)
    if symbol:
        yield MatchEvidence(says=f"`{symbol}` is in its code", weight=SYMBOL_WEIGHT, kind="symbol")


def _has_path(of: ProjectProfile, path: str) -> bool:
    return any(known == path or known.endswith(f"/{path}") or path.endswith(f"/{known}") for known in of.paths)


def _has_folder(of: ProjectProfile, path: str) -> bool:
    """Whether it lies in a folder of the project that has a name of its own (two folders deep, so not just src/)."""
    parts = path.split("/")
    folders = {"/".join(parts[:n]) for n in range(2, len(parts) + 1)}
    return any(known.rpartition("/")[0] in folders for known in of.paths)


def _root_of(glob: str) -> str:
    """A pattern's part before its first wildcard."""
    return re.split(r"[*?\[]", glob, maxsplit=1)[0].strip("/")


def _word_evidence(spoken: str, of: ProjectProfile, profiles: Sequence[ProjectProfile]) -> Iterator[MatchEvidence]:
    """The words of the request that stand in the project's documents, each once; more for what no other has."""
    names = {stem(token) for each in profiles for form in each.forms for token in form.tokens}
    said = list(content_words(spoken))
    for word in dict.fromkeys(said):
        if word in of.stems and word not in names:
            having = sum(word in each.stems for each in profiles)
            strong = word in of.marked or of.stems[word] > 1
            weight = (
                (STRONG_WORD_WEIGHT if strong else WORD_WEIGHT)
                if having == 1
                else SHARED_WORD_WEIGHT
                if having * 3 <= len(profiles)
                else 0.0
            )
            if weight:
                yield MatchEvidence(says=f"“{_as_written(word, spoken)}”", weight=weight, kind="word")
    pairs = [pair for pair in dict.fromkeys(pairwise(said)) if pair in of.pairs and not set(pair) & names]
    if pairs and not any(pairs[0] in each.pairs for each in profiles if each.name != of.name):
        first, second = (_as_written(word, spoken) for word in pairs[0])
        yield MatchEvidence(says=f"“{first} {second}”", weight=WORD_PAIR_WEIGHT, kind="word")


def _as_written(root: str, spoken: str) -> str:
    """The word as the person wrote it."""
    found = re.search(rf"\b{re.escape(root.removesuffix('y'))}\w*", spoken, re.IGNORECASE)
    return found[0].lower() if found else root
