"""How does a person confirm what a model proposed in a briefing, or take that back? By a commit that they sign.

It lands only while the item says what they were shown: somebody else may write into the briefing meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from handoff.briefing import BriefingItem, Update, apply, parse
from handoff.marks.model_mark import ModelMark, person_name
from handoff.mined.proposed_values import replaced_lines, with_replacements
from handoff.secrets.excerpts import redacted_line
from handoff.tiers import Tier, path_of
from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.ledger.confirmed_text import demands_signatures, shown_text
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from orchestrator.workflow.journal.known_project import known_projects, require_project
from sync.remote import Oid

DIGEST_CHARS = 32
"""Hexadecimal digits, 128 bits: nobody finds other words that have the same."""


@dataclass(frozen=True, kw_only=True)
class ProposedItem:
    """An item of a briefing that a model proposed. `state` is "awaits", "confirmed" or "withdrawn"; `replaces` is the
    line in force whose place it takes once it is confirmed, "" for none."""

    item_id: str
    project: str
    section: str
    text: str
    cites: tuple[str, ...]
    mark: str
    state: str
    replaces: str

    @property
    def digest(self) -> str:
        """Of all that a person decides on: what is said, of what, instead of what, and whether somebody decided it."""
        said = (self.project, self.item_id, self.section, self.text, self.replaces, self.state)
        return sha256(json.dumps(said).encode()).hexdigest()[:DIGEST_CHARS]


@dataclass(frozen=True, kw_only=True)
class ModelProposals:
    """What models proposed in the briefings of one ledger. `ledger` gives the newest state."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    ledger: Callable[[], LedgerSnapshot]

    def every(self, project: str = "") -> list[ProposedItem]:
        """All of them, or a project's, in the order of the briefings."""
        return [one for one in _every(self.ledger(), project) if one.mark]

    def find(self, ident: str, project: str = "", *, digest: str = "") -> ProposedItem:
        """One of them, by its id or the beginning of it. Raises NotFound, WrongSetting, and Refused where it has
        another digest than the given one."""
        return _unchanged(_named(self.ledger(), ident, project), digest)

    def decide(self, shown: ProposedItem, *, keep: bool) -> tuple[ProposedItem, Oid | None]:
        """A person's word on an item as it was shown to them: confirmed, or withdrawn, whoever confirmed it. The commit
        is None where that stands there already. Raises NotFound, and Refused also where the item says something else
        by now."""
        made: list[ProposedItem] = []

        def draft(ledger: LedgerSnapshot) -> LedgerChange | None:
            person = self.trust.person(ledger, self.bus.key, self.bus.name)
            if not person:
                raise Refused(
                    "only who may file missions confirms what a model proposed (role=author in allowed_signers)"
                )
            name, path = shown.project, path_of(Tier.BRIEFING, shown.project)
            item = _unchanged(_named(ledger, shown.item_id, name), shown.digest)
            who = person_name(person)
            mark = ModelMark(confirmed_by=who) if keep else ModelMark(withdrawn_by=who)
            text = ledger.text(path)
            wanted = Update(item_id=item.item_id, was=item.text, text=item.text, cites=item.cites, mark=str(mark))
            before = parse(text)
            after = apply(text, with_replacements([wanted], before))
            line = replaced_lines(before).get(item.item_id) if keep else None
            made[:] = [one for one in _items(name, after) if one.item_id == (line or item).item_id]
            if [one.mark for one in made] != [str(mark)]:
                raise Refused(f"{path}: {item.item_id} stands where nothing is changed: give its line the mark {mark}")
            if after == text and item.state == "awaits":
                hint = "take it back first (--withdraw), then confirm it"
                raise Refused(f"{path} says so already, and {who} has not signed it: {hint}")
            verb = "Confirm" if keep else "Withdraw"
            subject = f"{verb} what a model proposed: {redacted_line(item.text, 50)}"
            body = f"{name}, item {item.item_id}, by {person}"
            return None if after == text else LedgerChange(files={path: after.encode()}, message=f"{subject}\n\n{body}")

        commit = commit_change(self.bus, self.reader, draft)
        return made[0], commit


def _every(ledger: LedgerSnapshot, project: str) -> list[ProposedItem]:
    """Items of the briefings; those that no model proposed have no `mark`."""
    require_project(ledger, project)
    names = [project] if project else known_projects(ledger)
    counts = not demands_signatures(ledger)
    shown = {name: shown_text(ledger, path_of(Tier.BRIEFING, name)) for name in names}
    return [one for name, text in shown.items() for one in _items(name, text, unsigned_counts=counts)]


def _named(ledger: LedgerSnapshot, ident: str, project: str) -> ProposedItem:
    begun = [one for one in _every(ledger, project) if ident and one.item_id.startswith(ident)]
    marked = [one for one in begun if one.mark]
    found = [one for one in marked if one.item_id == ident] or marked
    if len(found) > 1:
        raise WrongSetting("ID", f"{len(found)} items begin with {ident!r}: type more of it, or say --project")
    if found:
        return found[0]
    if begun:
        raise NotFound(f"{begun[0].item_id} was not proposed by a model: there is nothing to confirm")
    lesson = "for a lesson, `shiftbook memo promote`"
    raise NotFound(f"no item {ident!r} in a briefing: `shiftbook log confirm` alone lists what waits; {lesson}")


def _unchanged(item: ProposedItem, digest: str) -> ProposedItem:
    if digest and item.digest != digest:
        raise Refused(f"{item.item_id} was changed since you read it: read it again with `shiftbook log confirm`")
    return item


def _items(project: str, briefing: str, *, unsigned_counts: bool = False) -> list[ProposedItem]:
    items = parse(briefing)
    lines = {ident: line.text for ident, line in replaced_lines(items).items()}
    return [
        _proposed(project, item, lines.get(item.item_id, ""), unsigned_counts=unsigned_counts)
        for item in items
        if item.item_id
    ]


def _proposed(project: str, item: BriefingItem, replaces: str, *, unsigned_counts: bool) -> ProposedItem:
    mark = item.mark
    awaits = item.awaits and not (unsigned_counts and mark and mark.unsigned)
    state = "withdrawn" if mark and mark.withdrawn_by else "awaits" if awaits else "confirmed"
    return ProposedItem(
        item_id=item.item_id,
        project=project,
        section=item.section,
        text=item.text,
        cites=item.cites,
        mark=str(mark or ""),
        state=state,
        replaces=replaces,
    )
