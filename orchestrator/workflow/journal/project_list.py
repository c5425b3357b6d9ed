"""Which projects does the portfolio's page list for a fresh instance: those of `fleet.toml`, whatever stands there?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from orchestrator.ledger.config.fleet_toml import ProjectPart

_SECTION = re.compile(r"^(#{1,6})[ \t]+Projects[ \t]*$", re.MULTILINE)
_NONE_YET = re.compile(r"^None yet\b.*(?:\n(?![ \t]*$|#).*)*\n?", re.MULTILINE)
"""What a new page says, and older ledgers go on saying after projects were added."""
HEADING = "## Projects"


def with_project_list(portfolio: str, projects: Mapping[str, ProjectPart]) -> str:
    """The page with each project that it does not speak of yet, at the end of its section on projects.

    A page without such a section gets one at its end; a fleet without projects keeps its page as it is.
    """
    if not projects:
        return portfolio
    start, end = _section(portfolio)
    said = _NONE_YET.sub("", portfolio[start:end])
    missing = [line for name, line in _lines(projects) if not _mentions(said, name)]
    if not missing:
        return portfolio
    heading = "" if start < len(portfolio) else HEADING
    parts = (portfolio[:start].rstrip("\n"), heading, said.strip("\n"), "\n".join(missing), portfolio[end:].strip("\n"))
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def _section(text: str) -> tuple[int, int]:
    """Where the section on projects begins and ends, without its heading; twice the end where there is none."""
    head = _SECTION.search(text)
    if head is None:
        return len(text), len(text)
    following = re.compile(rf"^#{{1,{len(head[1])}}}[ \t]", re.MULTILINE).search(text, head.end())
    return head.end(), following.start() if following else len(text)


def _lines(projects: Mapping[str, ProjectPart]) -> Iterator[tuple[str, str]]:
    for name, part in sorted(projects.items()):
        facts = [f"branch {part.branch}", f"tests `{part.test}`" if part.test else ""]
        facts.append(f"also called {', '.join(part.aliases)}" if part.aliases else "")
        yield name, f"- **{name}**: {'; '.join(fact for fact in facts if fact)}"


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE) is not None
