"""Which project does a request mean: the one that it names, or a person's answer?

Exactly one named is that one. Nothing is guessed: where none or several are named, or a name may be an ordinary word,
somebody is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from handoff.tiers import Tier, path_of
from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.assignment.project_mentions import ProjectMention, find_mentions
from orchestrator.workflow.assignment.project_profile import ProjectProfile, build_profile

MAX_VERSIONS = 4
"""Versions of the branch whose profiles are at hand: documents never change, so neither does what they name."""
_profiles_by_version: dict[tuple[object, ...], tuple[ProjectProfile, ...]] = {}


@dataclass(frozen=True, kw_only=True)
class ProjectMatch:
    """What came of it. `project` is set only where it is certain; `candidates` are worth a question, best first."""

    project: str = ""
    candidates: tuple[ProjectMention, ...] = ()

    @property
    def looks(self) -> str:
        """The verdict as a clause: `shop (because …)`; empty where it is not certain."""
        return f"{self.project} (because {self.candidates[0].because})" if self.project else ""

    @property
    def could_be(self) -> str:
        """What it may be, for a question."""
        names = " or ".join(candidate.project for candidate in self.candidates)
        whys = "; ".join(f"{candidate.project}: {candidate.because}" for candidate in self.candidates)
        return f"it could be {names} ({whys})" if names else ""


def find_project(ledger: LedgerSnapshot, text: str, *, needs: bool = False, scope: Iterable[str] = ()) -> ProjectMatch:
    """Which project of the fleet a request means; see `match_text`."""
    return match_text(text, project_profiles(ledger), needs=needs, scope=tuple(scope))


@lru_cache(maxsize=256)
def match_text(
    text: str, profiles: tuple[ProjectProfile, ...], *, needs: bool = False, scope: tuple[str, ...] = ()
) -> ProjectMatch:
    """Which of the projects a request means. `needs`: it cannot be done without one; `scope` are its path patterns.

    It is certain where one project is mentioned and no other, and once at least as nothing else could be. Where no
    project is needed, words that could be ordinary ones are not worth a question.
    """
    best: dict[str, ProjectMention] = {}
    for mention in sorted(find_mentions(text, profiles, scope), key=lambda each: not each.certain):
        best.setdefault(mention.project, mention)
    found = tuple(sorted(best.values(), key=lambda each: (not each.certain, each.project)))
    if len(found) == 1 and found[0].certain:
        return ProjectMatch(project=found[0].project, candidates=found)
    return ProjectMatch(candidates=found if needs or any(each.certain for each in found) else ())


def project_profiles(ledger: LedgerSnapshot) -> tuple[ProjectProfile, ...]:
    """Every project of the fleet: names from fleet.toml, paths from tiers 2 and 3 and the newest log entries."""
    projects = sorted(ledger.charter.projects.items())
    key = (ledger.tree, *((name, part.url, tuple(part.aliases)) for name, part in projects))
    made = _profiles_by_version.get(key)
    if made is None:
        made = _profiles_by_version[key] = tuple(_read_profile(ledger, name) for name, _ in projects)
        for old in list(_profiles_by_version)[:-MAX_VERSIONS]:
            _profiles_by_version.pop(old, None)  # several threads may look things up at once
    return made


def _read_profile(ledger: LedgerSnapshot, name: str) -> ProjectProfile:
    part = ledger.charter.projects[name]
    documents = [ledger.text(path_of(tier, name)) for tier in (Tier.PROJECT, Tier.BRIEFING)]
    documents += [entry.raw for entry in session_logs.recent(ledger, name).entries]
    return build_profile(name, part.url, part.aliases, documents=documents)
