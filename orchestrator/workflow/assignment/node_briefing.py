"""What is an agent told of the place where it works: as whom it speaks, what is there, what other nodes have?"""

from __future__ import annotations

import re

from missions.divisions import division_for
from missions.mission import Mission
from missions.one_line import shorten
from orchestrator.ledger.node_pages import Presence, announced_nodes
from orchestrator.ledger.snapshot import LedgerSnapshot

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+:-]{0,39}")
MAX_NODES, MAX_WORDS_CHARS = 20, 200
"""Most other nodes that are named, and characters of what one of them has: pages are others' words."""
ELSEWHERE = (
    "What only another node has (a local service, a file, a key ring) you ask for by a proposal with "
    "`capabilities: [WORD]` in its front matter. Go on with what does not need it; what does goes into a second "
    "proposal with `depends_on: [NAME-OF-THE-FIRST]`, which waits for it, also while that node is away."
)


def node_briefing(ledger: LedgerSnapshot, mission: Mission, node: str) -> str:
    """The paragraph for the prompt of an attempt at this mission on this node."""
    division = division_for(mission, node, ledger.charter.divisions(node))
    pages = announced_nodes(ledger)
    here = _words(pages[node].capabilities) if node in pages else ""
    parts = [
        f"You are {division.signature(node)}.",
        f"How you speak: {division.voice}." if division.voice else "",
        f"This node has: {here}." if here else "",
        _elsewhere(ledger, pages, node),
    ]
    return " ".join(filter(None, parts))


def _elsewhere(ledger: LedgerSnapshot, pages: dict[str, Presence], node: str) -> str:
    others = [page for name, page in sorted(pages.items()) if name != node and _words(page.capabilities)]
    told = [
        f"{page.name} has {_words(page.capabilities)}{'' if page.name in ledger.beats else ' (it is away now)'}"
        for page in others[:MAX_NODES]
    ]
    return f"Elsewhere: {'; '.join(told)}. {ELSEWHERE}" if told else ""


def _words(capabilities: tuple[str, ...]) -> str:
    """Capabilities in words; what looks like a sentence is left out, as it would be read as one."""
    return shorten(", ".join(f"`{word}`" for word in capabilities if WORD.fullmatch(word)), MAX_WORDS_CHARS)
