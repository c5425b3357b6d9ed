"""What do the tests of a month's measures share? A ledger with finished missions and what their attempts left."""

from __future__ import annotations

from handoff.entry import Entry
from missions.document import RESULT_MARK
from tests.journals import SHOP_LOG, log
from tests.ledgers import Files, Town

MONTH = "2026-10"
HANG = "`pytest -x` hangs: TimeoutError: no terminal in the sandbox"


def attempt(mission: str, epoch: int, day: str, *, blocked: str = "", heard: str = "", lesson: str = "") -> Entry:
    """What stands in the journal of one attempt, which ended on that day of October."""
    said = {
        "Starting Context": f"Mend it (attempt {epoch})",
        "Work Accomplished": f"Looked at {mission}.",
        "Blockers": blocked,
        "Lessons": lesson,
        "Warnings Heard": heard,
    }
    return Entry(
        entry_id=f"{mission}-{epoch}",
        when=f"{MONTH}-{day}T08:00:00Z",
        node="desk",
        agent="builtin",
        model="m1",
        mission=mission,
        sections=tuple((name, text) for name, text in said.items() if text),
    )


def ended(name: str, *, status: str = "done", day: str = "09", front: str = "", asked: str = "") -> dict[str, str]:
    """A finished mission's file; `asked` is what its agent asked a person."""
    told = f"\n{RESULT_MARK}\n\n### Attempt 1 · parked · desk · 2 s\n\n- it asked a person: {asked}\n" if asked else ""
    times = f"started: {MONTH}-{day}T07:00:00Z\nfinished: {MONTH}-{day}T08:00:00Z\n"
    head = f"status: {status}\nproject: shop\nepoch: 1\nattempt: 1\n{times}{front}"
    place = f"missions/archive/{MONTH}/{name}.md" if status in {"done", "cancelled"} else f"missions/{name}.md"
    return {place: f"---\n{head}---\nMend the door\n{told}"}


def town(*entries: Entry, files: Files | None = None, **missions: dict[str, str]) -> Town:
    """A ledger with them."""
    filed = {path: text for each in missions.values() for path, text in each.items()}
    return Town({SHOP_LOG: log(*entries), **filed, **(files or {})})
