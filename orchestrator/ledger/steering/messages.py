"""How do messages to missions stand in the ledger? Each on a ref of its own, and its answer in a child of its commit.

`refs/shiftbook/say/<mission>.<id>` points to a commit that the author signed, and then to its child, which the node
signed that answers. What stands there was written by others: it is read within bounds, and whose word counts is asked
of the signatures (`policy.message_rules`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from missions.errors import BadMessage
from missions.message import (
    MAX_MESSAGE_BYTES,
    MessageAnswer,
    MissionMessage,
    read_answer,
    read_message,
)
from orchestrator.ledger.transport import SAY, Transport
from sync.errors import SyncError
from sync.objects import find, load_commit
from sync.remote import ObjectStore, Oid, Refs

MESSAGE_FILE, ANSWER_FILE = "message.json", "answer.json"
MAX_READ_MESSAGES = 200
"""Refs of one mission that are looked at; a ref that holds no message counts, too."""


@dataclass(frozen=True, kw_only=True)
class FiledMessage:
    """A message as the ledger has it: `commit` is its author's, `oid` where its ref stands."""

    ref: str
    oid: Oid
    commit: Oid
    message: MissionMessage
    answer: MessageAnswer | None = None


def message_ref(mission: str, message_id: str) -> str:
    """The ref of one message."""
    return f"{SAY}{mission}.{message_id}"


def message_commit(bus: Transport, message: MissionMessage) -> Oid:
    """A message as a signed commit, made and not yet pushed."""
    return bus.commit({MESSAGE_FILE: message.print()}, f"{message.mission}: a message", onto=None, tree=None)


def answer_commit(bus: Transport, filed: FiledMessage, answer: MessageAnswer) -> Oid:
    """The answer to a message as a signed child of its commit, made and not yet pushed."""
    files: dict[str, bytes | None] = {MESSAGE_FILE: filed.message.print(), ANSWER_FILE: answer.print()}
    words = f"{filed.message.mission}: the message is {answer.state}"
    return bus.commit(files, words, onto=filed.commit, tree=None)


def addressed_missions(refs: Refs) -> frozenset[str]:
    """The missions to which messages stand in the ledger."""
    return frozenset(ref.removeprefix(SAY).partition(".")[0] for ref in refs if ref.startswith(SAY))


@dataclass
class MessageReader:
    """Reads messages, keeping what it has parsed: commits never change."""

    store: ObjectStore
    _known: dict[tuple[str, Oid], FiledMessage | None] = field(default_factory=dict)

    def read(self, refs: Refs, missions: Collection[str]) -> dict[str, list[FiledMessage]]:
        """The messages to these missions, in an order that is everywhere the same. What is none is passed over."""
        named: dict[str, list[str]] = defaultdict(list)
        for ref in sorted(ref for ref in refs if ref.startswith(SAY)):
            mission = ref.removeprefix(SAY).partition(".")[0]
            if mission in missions and len(named[mission]) < MAX_READ_MESSAGES:
                named[mission].append(ref)
        looked = {(ref, refs[ref]) for every in named.values() for ref in every}
        kept = {key: one for key, one in self._known.items() if refs.get(key[0]) == key[1]}  # of other missions, too
        self._known = kept | {key: self._read(*key) for key in looked - kept.keys()}
        found = {
            mission: [one for ref in every if (one := self._known[ref, refs[ref]]) is not None]
            for mission, every in named.items()
        }
        return {mission: sorted(every, key=self._order) for mission, every in found.items()}

    def _order(self, filed: FiledMessage) -> tuple[int, str]:
        """By the time that the author's machine had, which orders one person's messages."""
        return load_commit(self.store, filed.commit).committed, filed.message.message_id

    def _read(self, ref: str, oid: Oid) -> FiledMessage | None:
        try:
            return read_filed_message(self.store, ref, oid)
        except (BadMessage, SyncError, LookupError, ValueError):
            return None


def read_filed_message(store: ObjectStore, ref: str, oid: Oid) -> FiledMessage:
    """The message behind a ref. Raises BadMessage, SyncError, LookupError, ValueError for what is none."""
    here = load_commit(store, oid)
    found = find(store, here.tree, ANSWER_FILE)
    answer = read_answer(store.get(found.oid, MAX_MESSAGE_BYTES)) if found else None
    commit = here.parents[0] if answer is not None else oid  # the author's own words, whatever the answer repeats
    entry = find(store, load_commit(store, commit).tree, MESSAGE_FILE)
    if entry is None:
        raise BadMessage(f"there is no {MESSAGE_FILE}")
    message = read_message(store.get(entry.oid, MAX_MESSAGE_BYTES))
    if message_ref(message.mission, message.message_id) != ref:
        raise BadMessage(f"it is the message {message.message_id} to {message.mission}")
    return FiledMessage(ref=ref, oid=oid, commit=commit, message=message, answer=answer)
