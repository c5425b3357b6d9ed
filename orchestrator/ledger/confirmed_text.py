"""What does a document say where a person's confirmation counts only if that very person has signed it?

Where `fleet.toml` trusts whoever may push (`trust.missions = "remote"`), a name in a mark counts as the rest of the
document does, and is only shown as unsigned.
"""

from __future__ import annotations

import re

from handoff.errors import HandoffError
from handoff.knowledge import FOLDER, LessonState, parse_knowledge
from handoff.marks.model_mark import person_name
from handoff.marks.person_marks import Confirmation, person_marks, with_unsigned
from handoff.tiers import Tier, path_of
from orchestrator.ledger.snapshot import LedgerSnapshot

_LESSON_FILE = re.compile(rf"(?P<lesson>.*) \((?P<path>{FOLDER}/[\w-]+\.md)\)")


def demands_signatures(ledger: LedgerSnapshot) -> bool:
    """Whether a person's word counts only where they signed it."""
    return bool(ledger.charter.trust.missions != "remote")


def as_counted(ledger: LedgerSnapshot, path: str, text: str) -> str:
    """The text of a file as it counts: what nobody has signed in whose name it stands awaits confirmation."""
    return with_unsigned(text, unsigned_lines(ledger, path, text)) if demands_signatures(ledger) else text


def confirmed_text(ledger: LedgerSnapshot, path: str) -> str:
    """A document as it counts."""
    return as_counted(ledger, path, ledger.text(path))


def shown_text(ledger: LedgerSnapshot, path: str) -> str:
    """A document as it is shown to people: unsigned is what is unsigned, whether that counts or not."""
    text = ledger.text(path)
    return with_unsigned(text, unsigned_lines(ledger, path, text))


def unsigned_lines(ledger: LedgerSnapshot, path: str, text: str) -> frozenset[Confirmation]:
    """What a document's text says that persons confirmed, and they have not signed. A node writes the portfolio's
    lessons anew: their own files tell who decided."""
    if not person_marks(text):
        return frozenset()
    found = ledger.confirmations.unsigned(ledger.tip, path, text, ledger.signers)
    if path != path_of(Tier.PORTFOLIO):
        return found
    return frozenset(one for one in found if not _is_of_signed_lesson(ledger, one))


def is_unsigned_lesson(ledger: LedgerSnapshot, path: str, text: str) -> bool:
    """Whether a lesson's own file names who decided, and they have not signed that."""
    return bool(ledger.confirmations.unsigned(ledger.tip, path, text, ledger.signers))


def _is_of_signed_lesson(ledger: LedgerSnapshot, one: Confirmation) -> bool:
    words, name, _ = one
    found = _LESSON_FILE.fullmatch(words)
    text = ledger.text(found["path"]) if found else ""
    if found is None or not text:
        return False
    try:
        lesson = parse_knowledge("lesson", text)
    except HandoffError:
        return False
    same = " ".join(lesson.lesson.split()) == found["lesson"] and person_name(lesson.by) == name and bool(lesson.by)
    return same and lesson.state is LessonState.KNOWN and not is_unsigned_lesson(ledger, found["path"], text)
