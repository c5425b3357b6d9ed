"""What do the tests of journal, reviews and lessons share?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from handoff.entry import Entry, render_entry
from handoff.log import PREAMBLE
from handoff.memo import Memo, render_memo
from orchestrator.core.roles import Role
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.maintenance import Maintenance
from orchestrator.node.precedence import Precedence
from orchestrator.workflow.journal.log import Logbook
from orchestrator.workflow.journal.memos import Memos
from orchestrator.workflow.journal.review import Reviews
from orchestrator.workflow.journal.review_schedule import ReviewSchedule
from orchestrator.workflow.journal.search_index import SearchIndex
from orchestrator.workflow.journal.tamper_check import TamperCheck
from orchestrator.workflow.recurring.filing import TemplateSchedule
from tests.ledgers import Peer

SHOP_LOG = "projects/shop/SESSION_LOG.md"
BRIEFING_PATH = "projects/shop/SESSION_BRIEFING.md"
RULES = "## Standing rules\n\n- Never deploy on Friday.\n"
BRIEFING = f"# Briefing: shop\n\nThe shop sells books.\n\n{RULES}\n## Facts\n\n- Port: 8080\n"


def entry(name: str, when: str = "2026-11-20T08:00:00Z", **sections: str) -> Entry:
    """An entry; sections by a short name."""
    names = {"did": "Work Accomplished", "decided": "Decisions", "blocked": "Blockers", "next_": "For Next Instance"}
    said = tuple((names[key], text) for key, text in (sections or {"did": f"Worked on {name}."}).items())
    return Entry(entry_id=name, when=when, node="desk", agent="builtin", mission=name, sections=said)


def log(*entries: Entry) -> str:
    """A log that holds them."""
    return PREAMBLE + "\n".join(render_entry(one) for one in entries)


def memo(number: int, *lessons: str, mission: str = "", month: str = "2026-11", marked: bool = False) -> dict[str, str]:
    """A memo's file."""
    made = Memo(
        memo_id=f"m{number}-1",
        node="desk",
        mission=mission or f"m{number}",
        task="general_task",
        summary="Done.",
        lessons_learned=lessons,
        promotion_candidate=marked,
        created=f"{month}-{number % 28 + 1:02}T08:00:00Z",
    )
    return {f"memos/{month}/m{number}-1.md": render_memo(made)}


def logbook(peer: Peer, folder: Path) -> Logbook:
    """The journal as this peer reaches it."""
    index = SearchIndex(path=folder / "recall.db", of="town")
    return Logbook(bus=peer.bus, reader=peer.reader, ledger=peer.ledger, recollection=index)


def reviews(peer: Peer) -> Reviews:
    """Reviews, signed by this peer."""
    return Reviews(bus=peer.bus, reader=peer.reader)


def memos(peer: Peer, key: str = "") -> Memos:
    """Memos, as this peer reads them; `key` is the public key that it signs with."""
    return Memos(bus=replace(peer.bus, key=key), reader=peer.reader, trust=peer.trust, ledger=peer.ledger)


def upkeep(peer: Peer, folder: Path, told: list[tuple[str, str]], *, role: Role = Role.HEADQUARTERS) -> Maintenance:
    """A node's upkeep, whose clock is the town's."""

    def tell(event: str, words: str, *, once: bool = False, **_facts: object) -> None:
        if not once or (event, words) not in told:
            told.append((event, words))

    return Maintenance(
        bus=peer.bus,
        reader=peer.reader,
        trust=peer.trust,
        tell=tell,
        precedence=Precedence(me=peer.name, role=role, liveness=Liveness()),
        clock=lambda: peer.bus.now().timestamp(),
        custody=TamperCheck(path=folder / f"{peer.name}-journal.json", of="town"),
        schedule=ReviewSchedule(wake=lambda: None, now=peer.bus.now),
        templates=TemplateSchedule(peer.bus.store),
    )


def review_missions(ledger: LedgerSnapshot) -> list[str]:
    """The names of open reviews."""
    return sorted(name for name, filed in ledger.open.items() if filed.mission.task == "review")
