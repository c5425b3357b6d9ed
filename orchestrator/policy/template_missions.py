"""When may a mission run that a node filed because a template was due?

If it is, byte for byte in what it asks for, what the template asks for at that time, as it stood before, on the word of
a person who may file missions; and if the time is one of those which its line of cron names, since that person signed
it, and not too long past. So a node can file nothing that nobody asked for, and nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from missions import document
from missions.recurring.template import CatchUp, Template, parse_mission_name
from orchestrator.core import cron
from orchestrator.ledger.archive import mission_bytes
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile
from orchestrator.ledger.templates import followed_template, local_time
from orchestrator.policy.due_missions import (
    NOT_COME,
    YEARS,
    FindAuthor,
    Signer,
    backdated_reason,
    bytes_at,
    is_past,
    is_still_to_come,
    misplaced_reason,
)
from orchestrator.policy.provenance import Provenance
from sync.objects import load_commit
from sync.remote import ObjectStore, Oid
from sync.signatures import Principal

_MINUTE = timedelta(minutes=1)
ON_TIME = timedelta(minutes=15)
"""So late a mission is still filed on time."""
MAX_CATCH_UP = 24
"""Times that passed while no node ran which are made up for, at most: the last ones."""


def is_template_mission(name: str) -> bool:
    """Whether a name is one of those that nodes give."""
    return parse_mission_name(name) is not None


def due_back(template: Template, since: datetime, now: datetime) -> Iterator[datetime]:
    """The times at which it was due up to `now` and not before `since`, the newest first."""
    due = cron.last_due(template.every, template.timezone, now)
    while due is not None and due >= since:
        yield due
        due = cron.last_due(template.every, template.timezone, due - _MINUTE)


def signed_since(store: ObjectStore, tip: Oid, path: str) -> datetime:
    """When the person's word came that a template counts on: it is due at no time before."""
    deciding = Provenance(store, tip, path).deciding()
    return datetime.fromtimestamp(max((load_commit(store, each).committed for each in deciding), default=0), UTC)


def template_permission(
    ledger: LedgerSnapshot, filed: MissionFile, commit: Oid, by: Principal, said: FindAuthor, signer: Signer
) -> tuple[str, str]:
    """On whose word a mission may run that the node `by` filed in `commit`: a person's name and why; else why not."""
    named, read = parse_mission_name(filed.mission.name), load_commit(ledger.store, commit)
    if named is None or len(read.parents) != 1:
        return "", f"{by.name} filed it, and it is no mission of a template"
    (name, slot), before = named, read.parents[0]
    path = Template(name=name, text="").path
    template = followed_template(path, bytes_at(ledger, before, path) or b"")
    if not isinstance(template, Template) or not template.every:
        return "", f"{by.name} filed it, and {path} asked for nothing at any time then"
    who = said(before, path)
    if not who:
        return "", f"{by.name} filed it for {path}, which nobody who may file missions has signed"
    since = signed_since(ledger.store, before, path)
    why = (
        unfit_reason(ledger, before, template, slot, read.committed, since, signer)
        or _wrong_text(ledger, filed, template, slot)
        or misplaced_reason(ledger, filed, commit, (path,), signer)
    )
    return ("", why) if why else (who, f"{path} asks for it, which {who} signed; {by.name} filed it when it was due")


def unfit_reason(
    ledger: LedgerSnapshot,
    before: Oid,
    template: Template,
    slot: datetime,
    committed: int,
    since: datetime,
    signer: Signer,
) -> str:
    """Why a commit of that time on top of `before` cannot file a mission for `slot`; empty if it can. Who files asks
    it, too: what nobody would run is not filed."""
    return _wrong_time(template, slot, committed, since) or backdated_reason(ledger, before, committed, signer)


def _wrong_time(template: Template, slot: datetime, committed: int, since: datetime) -> str:
    """What is wrong with the time for which a mission was filed; empty if nothing is."""
    if slot.year not in YEARS or cron.last_due(template.every, template.timezone, slot) != slot:
        return f"{template.path} was not due at the time in its name"
    if is_still_to_come(slot, committed):
        return NOT_COME
    if slot < since:
        return f"the time in its name was before {template.path} was signed"
    reach = MAX_CATCH_UP if template.catch_up is CatchUp.ALL else 1
    last = next(islice(_due_after(template, slot), reach - 1, None), None)
    if template.catch_up is CatchUp.NONE and is_past(slot + ON_TIME, committed):
        return f"the time in its name was long past when it was filed, and {template.path} has none made up for"
    if is_past(last, committed):
        return f"the time in its name was long past when it was filed: {template.path} was due again since"
    return ""


def _due_after(template: Template, slot: datetime) -> Iterator[datetime]:
    due = cron.next_due(template.every, template.timezone, slot)
    while due is not None:
        yield due
        due = cron.next_due(template.every, template.timezone, due)


def _wrong_text(ledger: LedgerSnapshot, filed: MissionFile, template: Template, slot: datetime) -> str:
    data = mission_bytes(ledger.store, filed.blob) or b""
    wanted = template.scheduled_text(local_time(template, slot))
    same = document.requested_content(wanted.encode()) == document.requested_content(data)
    return "" if same else f"it asks for something else than {template.path}"
