"""Who may write what into the ledger? The write rules as a function of who it is and what would change.

The served repository's hook asks before it takes a push in (`git_server`). People may change every document; the two
files that say whose word counts are judged by `ledger/trust`, and never here. A node may change what nodes write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from handoff.encoding import readable_text
from handoff.entry import parse_log
from handoff.knowledge import without_lessons
from missions import document
from missions.archive_path import INDEX_FOLDER, LEFT_FILES, PLACE, archive_path, index_entry, index_path, is_day
from missions.lease import Claim
from orchestrator.ledger.log_paths import is_log_path, parse_log_path
from orchestrator.ledger.transport import BEAT, CLAIM, LATE, LIVE, LOG, QUEUE, RESULTS, SAY, TURN, WATCH
from orchestrator.policy.decision_guard import forged_decision, in_review
from sync.remote import Oid

ReadBlob = Callable[[Oid], bytes]
"""A blob's content."""
IsTaken = Callable[[str], bool]

PERSON_ROLES = frozenset({"admin", "author"})
RESULT_BRANCHES = "refs/heads/shiftbook/"
"""Branches with the results of attempts, where the ledger is a project's own repository."""
SHIFTBOOK_REFS = "refs/shiftbook/"
MAX_SPOKEN_BYTES = 512 * 1024
"""Bytes of a message, a request or a live view that a push may bring."""
KNOWN_REF_PREFIXES = ("refs/heads/", "refs/tags/", SHIFTBOOK_REFS)
"""Where refs of a ledger stand. Others mean something to git: refs/replace/ puts one object in another's place."""

_ARCHIVED = re.compile(rf"missions/archive/{PLACE}/(?P<name>[^/]+)\.md")
_ARTIFACT = re.compile(rf"missions/archive/{PLACE}/(?P<name>[^/.]+)[^/]*\.(?:{LEFT_FILES})")
_MISSION = re.compile(r"missions/(?!(?i:readme)\.)(?P<name>[^/]+)\.(?i:md)")
_INDEXED = re.compile(rf"{INDEX_FOLDER}/.+/(?P<name>[^/.]+)\.?(?P<ending>[^/]*)")
_MEMO = re.compile(rf"memos/{PLACE}/[^/]+\.md")
_REVIEWED = re.compile(r"projects/[^/]+/(?:SESSION_BRIEFING|REVIEW_PROPOSAL)\.md|knowledge/[^/]+\.md")
_ADDED_ONCE = re.compile(r"conflicts/.+|continuity/[0-9]{4}-[0-9]{2}\.md")
_LATE_TWIN = re.compile(r"-[0-9a-f]{10}\Z")


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who wants a change: a name (empty: nobody known, someone with the repository on their disk) and its roles."""

    name: str = ""
    roles: frozenset[str] = frozenset()

    @property
    def person(self) -> bool:
        """Listed, and allowed more than a node."""
        return bool(self.roles & PERSON_ROLES)

    @property
    def node(self) -> bool:
        """Listed as a node and nothing else."""
        return "node" in self.roles and not self.person

    @property
    def stranger(self) -> bool:
        """Somebody with a name that `allowed_signers` does not have."""
        return bool(self.name) and not self.roles


UNKNOWN_ACTOR = Actor()


@dataclass(frozen=True, kw_only=True)
class PushedRef:
    """A ref that a push wants to move. `forward`: what it has now is in the history of what it shall have."""

    ref: str
    old: Oid | None
    new: Oid | None
    forward: bool = True
    signer: Actor = UNKNOWN_ACTOR
    """Who signed the commit that it shall point to."""
    before: Claim | None = None
    after: Claim | None = None
    """What a claim ref says before and after; None where that cannot be read."""
    ended_by: Actor = UNKNOWN_ACTOR
    """Who signed the commit to which a closed claim points now."""
    folded: int = 0
    """The last epoch of the claim's mission whose end the branch tells, with this push taken in."""
    former: Actor = UNKNOWN_ACTOR
    """Who signed the commit to which a message, a request or a live view points now."""
    holder: str = ""
    """The node that holds the mission which a live view shows."""
    payload: int | None = None
    """Bytes of all that a message, a request or a live view holds; None where it holds anything else."""


@dataclass(frozen=True, kw_only=True)
class PathChange:
    """One path that a commit changes; None stands for no file. `plain`: what is written is an ordinary file."""

    path: str
    old: Oid | None
    new: Oid | None
    plain: bool = True


def check_ref_update(who: Actor, move: PushedRef, branch: str) -> str:
    """Why `who` may not move this ref, in words; empty if they may. `branch` is the ledger's, in full."""
    if move.ref == branch:
        ahead = move.new is not None and move.forward
        return "" if ahead else "the ledger's branch only goes forward: fetch, rebase, push again"
    for prefix, rule in _REF_CHECKS.items():
        if move.ref.startswith(prefix):
            return rule(who, move, move.ref.removeprefix(prefix))
    if who.node or who.stranger:
        return f"{_describe_actor(who)} may not write here"
    if move.new is not None and not move.ref.startswith(KNOWN_REF_PREFIXES):
        return f"a ledger has {', '.join(f'{prefix}*' for prefix in KNOWN_REF_PREFIXES)} and no other refs"
    return ""


def check_path_changes(
    who: Actor, changes: Sequence[PathChange], read: ReadBlob, taken: IsTaken = lambda name: False
) -> str:
    """Why `who` may not make these changes on the ledger's branch in one commit, in words; empty if they may.

    `taken` tells whether a mission has a name already: open, broken, claimed or archived.
    """
    if who.stranger:
        return next((why for c in changes if (why := _check_stranger_change(who, c, taken))), "")
    if not who.node:
        return ""
    odd = next((change.path for change in changes if change.new and not change.plain), "")
    if odd:
        return f"{odd}: a node writes plain files only"
    return next((why for c in changes if (why := _check_node_change(who, c, changes, read))), "") or _check_journal(
        changes, read
    )


def _describe_actor(who: Actor) -> str:
    return f"{who.name} (a node)" if who.node else f"{who.name} (not in allowed_signers)"


def _check_stranger_change(who: Actor, change: PathChange, taken: IsTaken) -> str:
    mission = _MISSION.fullmatch(change.path)
    if not mission:
        return f"{_describe_actor(who)} may only file missions, not write {change.path}"
    if change.old is not None or not change.plain:
        return f"{_describe_actor(who)} may only file new missions, not change {change.path}"
    name = mission_name(mission["name"])
    return f"a mission is called {name} already: give {change.path} another name" if taken(name) else ""


def _check_beat(who: Actor, move: PushedRef, node: str) -> str:
    kind, mine = move.ref.split("/")[2], not who.name or who.person or who.name == node
    return "" if mine else f"{_describe_actor(who)} may not move the {kind} of {node}"


def _check_log(who: Actor, move: PushedRef, node: str) -> str:
    if move.new is None:
        return "" if "admin" in who.roles else "a node's log is not deleted"
    if who.stranger or (who.node and who.name != node):
        return f"{_describe_actor(who)} may not write the log of {node}"
    return _check_signature(move, node) or ("" if move.forward else "a node's log only goes forward")


def _check_claim(who: Actor, move: PushedRef, mission: str) -> str:
    if move.new is None:
        return _check_claim_deletion(who, move)
    claim = move.after
    if claim is None or claim.mission != mission:
        return "this is no claim on that mission"
    if who.stranger or (who.node and who.name != claim.node):  # who may fetch has the claims that were signed before
        return f"{_describe_actor(who)} may not claim for {claim.node}"
    if move.old is not None and not move.forward:
        return "a claim moves to a child of what it was"
    ended = move.before
    if ended is not None and ended.closed and ended.node == move.ended_by.name and "node" in move.ended_by.roles:
        return f"{ended.node} has ended it: what it brought is folded, and nobody else takes it over"
    return _check_signature(move, claim.node)


def _check_claim_deletion(who: Actor, move: PushedRef) -> str:
    """A claim goes when the branch tells its end, or when its holder takes it back."""
    claim = move.before
    if "admin" in who.roles or (claim is not None and 0 < claim.epoch <= move.folded):
        return ""
    if who.person or who.stranger:
        return f"{who.name} may not delete claims"
    if claim is None or claim.closed:
        return "a claim is deleted once the branch tells how it ended"
    mine = not who.node or claim.node == who.name
    return "" if mine else f"{_describe_actor(who)} may not delete a claim of {claim.node}"


def _check_late_work(who: Actor, move: PushedRef, name: str) -> str:
    if not who.node and not who.stranger:
        return ""
    own = _LATE_TWIN.sub("", name).endswith(f"-{who.name}") or name.endswith(f"-{who.name}")
    if move.old is not None or move.new is None or not own or who.stranger:
        return f"{_describe_actor(who)} may only add late work of its own"
    return _check_signature(move, who.name)


def _check_payload(move: PushedRef) -> str:
    large = "" if (move.payload or 0) <= MAX_SPOKEN_BYTES else f"it has more than {MAX_SPOKEN_BYTES:,} bytes"
    return large if move.payload is not None else "it holds something else than such a ref does"


def _check_message(who: Actor, move: PushedRef, name: str) -> str:
    """A person's word to a mission; then a node's answer as its child. A node takes away what a node has answered."""
    if move.new is None:
        answered = "node" in move.former.roles and not move.former.person
        kept = f"{_describe_actor(who)} may not take a message away that no node has answered"
        return kept if who.stranger or (who.node and not answered) else ""
    if move.old is None:
        return _check_payload(move) if move.signer.person or who.person else "a message is signed by an author"
    if not move.forward:
        return "a message is answered, not replaced"
    if "node" not in move.signer.roles or (who.node and who.name != move.signer.name):
        return "a message is answered by a node, with its own key"
    return _check_payload(move)


def _check_watch(who: Actor, move: PushedRef, mission: str) -> str:
    """Who may read the ledger may ask to see what runs; strangers only file missions."""
    if who.stranger:
        return f"{_describe_actor(who)} may not write here"
    if move.new is None:
        return ""
    return _check_payload(move) if move.signer.roles or who.person else "a request to watch is signed by a member"


def _check_live(who: Actor, move: PushedRef, mission: str) -> str:
    """A mission is shown by the node that holds it."""
    if move.new is None:
        over = not move.holder or move.holder != move.former.name
        mine = not who.name or who.person or who.name == move.former.name or (who.node and over)
        return "" if mine else f"{_describe_actor(who)} may not end what {move.former.name} shows"
    if who.name and not who.person and who.name != move.signer.name:
        return f"{_describe_actor(who)} may not show what another node does"
    if not move.holder or move.holder != move.signer.name:
        return f"only the node that holds {mission} shows it"
    return _check_signature(move, move.holder) or _check_payload(move)


def _check_turn(who: Actor, move: PushedRef, name: str) -> str:
    """The fleet's record of what was looked at is any node's to move, a node's own its alone."""
    kind, _, owner = name.partition("/")
    if who.stranger or (name != "fleet" and not (kind == "node" and owner)):
        return f"{_describe_actor(who)} may not write here"
    if "node" not in move.signer.roles or (who.node and who.name != move.signer.name):
        return "" if move.new is None and "admin" in who.roles else "it is not signed by the node that looked"
    return (_check_signature(move, owner) if owner else "") or _check_payload(move)


def _check_queue(who: Actor, move: PushedRef, project: str) -> str:
    """A merge queue's record is any node's to move; a person who takes a result out puts their word upon it."""
    upon = move.new is not None and move.forward and move.signer.person and not who.stranger
    return _check_payload(move) if upon else _check_turn(who, move, "fleet")


def _check_result_branch(who: Actor, move: PushedRef, name: str) -> str:
    return f"{_describe_actor(who)} may not write here" if who.stranger else ""


def _check_signature(move: PushedRef, node: str) -> str:
    """Where signatures are kept, what a node says bears its own."""
    good = move.signer.name == node and "node" in move.signer.roles
    return "" if good else f"it is not signed with the key of {node}"


_REF_CHECKS: Mapping[str, Callable[[Actor, PushedRef, str], str]] = {
    BEAT: _check_beat,
    LOG: _check_log,
    CLAIM: _check_claim,
    LATE: _check_late_work,
    SAY: _check_message,
    WATCH: _check_watch,
    LIVE: _check_live,
    TURN: _check_turn,
    QUEUE: _check_queue,
    RESULT_BRANCHES: _check_result_branch,
    RESULTS: _check_beat,
}


def _check_node_change(who: Actor, change: PathChange, changes: Sequence[PathChange], read: ReadBlob) -> str:
    """Why a node may not make one change."""
    path = change.path
    if path == f"heartbeats/{who.name}.md" or is_log_path(path) or _REVIEWED.fullmatch(path):
        return ""
    if _MEMO.fullmatch(path) or _ADDED_ONCE.fullmatch(path):
        return "" if change.old is None else f"{path} is there already, and a node does not change it"
    if indexed := _INDEXED.fullmatch(path):
        return _check_index(change, indexed["name"], indexed["ending"], changes, read)
    if artifact := _ARTIFACT.fullmatch(path):
        return _check_artifact(change, artifact["name"], changes, read)
    if path == "PORTFOLIO_CONTEXT.md":
        return _check_portfolio(change, read)
    if archived := _ARCHIVED.fullmatch(path):
        return _check_archive(change, archived["name"], changes, read)
    if _MISSION.fullmatch(path):
        return _check_mission(change, changes, read)
    return f"{_describe_actor(who)} may not change {path}"


def _check_portfolio(change: PathChange, read: ReadBlob) -> str:
    if change.new is None:
        return f"a node does not delete {change.path}"
    texts = [without_lessons(_text(read, oid)).split() for oid in (change.old, change.new)]
    return "" if texts[0] == texts[1] else f"{change.path}: a node writes the lessons' section only"


def _check_mission(change: PathChange, changes: Sequence[PathChange], read: ReadBlob) -> str:
    """A node writes its fields and its part; a file goes only by being archived. New ones are judged by who signs."""
    if change.new is None:
        name = change.path.rpartition("/")[2].rpartition(".")[0]
        gone = [c for c in changes if c.new and (to := _ARCHIVED.fullmatch(c.path)) and _same_name(to["name"], name)]
        return "" if gone else f"{change.path}: a node takes a mission away only by archiving it"
    if change.old is not None and not _requests_the_same(read, change.old, change.new):
        return f"{change.path}: a node does not change what a person asks for"
    why = forged_decision(read(change.old) if change.old else None, read(change.new))
    return f"{change.path}: {why}" if why else ""


def _check_artifact(change: PathChange, name: str, changes: Sequence[PathChange], read: ReadBlob) -> str:
    """What an attempt left is written over by another attempt's end only, and by none while people look at it."""
    if change.new is None:
        return f"{change.path}: a node deletes nothing from the archive"
    if change.old is None:
        return ""
    found = ((c, _MISSION.fullmatch(c.path) or _ARCHIVED.fullmatch(c.path)) for c in changes)
    told = [c for c, of in found if of and _same_name(of["name"], name)]
    waits = any(c.old and in_review(read(c.old)) for c in told)
    return "" if told and not waits else f"{change.path} is there already, and a node does not change it by itself"


def _check_archive(change: PathChange, name: str, changes: Sequence[PathChange], read: ReadBlob) -> str:
    if change.new is None:
        return f"{change.path}: a node deletes nothing from the archive"
    came = [c for c in changes if c.new is None and (of := _MISSION.fullmatch(c.path)) and _same_name(of["name"], name)]
    before = [oid for oid in (change.old, *(c.old for c in came)) if oid]
    if not all(_requests_the_same(read, oid, change.new) for oid in before):
        return f"{change.path}: a node does not change what a person asks for"
    texts: list[bytes | None] = [read(oid) for oid in before]
    why = next((said for text in texts or [None] if (said := forged_decision(text, read(change.new)))), "")
    return f"{change.path}: {why}" if why else ""


def _check_index(change: PathChange, name: str, ending: str, changes: Sequence[PathChange], read: ReadBlob) -> str:
    """The index leads to what the same push archives, and nowhere else: who could point it elsewhere could have an old
    result taken for a newer one."""
    day = _text(read, change.new).strip()[: len("2026/11/29")] if change.new else ""
    told = is_day(day) and change.path == index_path(name, ending) and read(change.new or "") == index_entry(day)
    file = archive_path(name, day, ending or "md")
    if told and any(one.path == file and one.new for one in changes):
        return _check_artifact(change, name, changes, read) if ending else ""
    return f"{change.path}: a node writes into the index what it archives, in the same commit"


def _same_name(one: str, other: str) -> bool:
    """Whether two file names are the same mission's: an archive's is its slug."""
    return mission_name(one) == mission_name(other)


def mission_name(stem: str) -> str:
    """The name of the mission that a file without its ending is: one definition, whatever its spelling."""
    return document.read(stem, b"x").name


def _requests_the_same(read: ReadBlob, old: Oid, new: Oid) -> bool:
    """Whether a person's part is the same. Of a file that cannot be read, every word must still be there."""
    before, after = read(old), read(new)
    if (was := document.requested_content(before)) is not None:
        return was == document.requested_content(after)
    return before.strip() in after or not set(before.split()) - set(after.split())


def _check_journal(changes: Sequence[PathChange], read: ReadBlob) -> str:
    """An entry stays, in its file or in that of its month."""
    logs = [(found.project, c) for c in changes if (found := parse_log_path(c.path))]
    for of in dict.fromkeys(of for of, _ in logs):
        mine = [change for other, change in logs if other == of]
        before = _entries(read, (c.old for c in mine if c.old))
        if lost := before.keys() - _entries(read, (c.new for c in mine if c.new)).keys():
            return f"{mine[0].path}: the journal is only added to; entry {before[min(lost)]} would be changed or lost"
    return ""


def _entries(read: ReadBlob, blobs: Iterable[Oid]) -> dict[str, str]:
    """Entries by their words, with their ids."""
    found = (entry for oid in blobs for entry in parse_log(_text(read, oid)).entries)
    return {entry.raw.replace("\r\n", "\n").strip(): entry.entry_id for entry in found}


def _text(read: ReadBlob, oid: Oid | None) -> str:
    return readable_text(read(oid)) if oid else ""
