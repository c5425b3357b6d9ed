"""Does the repository that this machine serves take a push in? Asked by its pre-receive hook, before a ref moves.

Who pushes is known when it came over HTTP (SHIFTBOOK_PUSHER); what a listed key signed counts as that principal's own,
whoever brings it. Without a pusher, on the machine's own disk, the signature is all there is. Before the branch is a
ledger there is nothing to guard.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from missions.errors import BadClaim
from missions.lease import Claim, read_claim
from orchestrator.core.errors import BrokenLedger, WrongSetting
from orchestrator.core.settings import Settings
from orchestrator.git_server import hook_client
from orchestrator.git_server.month_pages import early_page
from orchestrator.ledger.heartbeat.turn_record import RECORD_FILE
from orchestrator.ledger.snapshot import CLAIM_FILE, MAX_CLAIM_BYTES, LedgerSnapshot, SnapshotReader
from orchestrator.ledger.steering.live_refs import REQUEST_FILE, VIEW_FILE
from orchestrator.ledger.steering.messages import ANSWER_FILE, MESSAGE_FILE
from orchestrator.ledger.transport import BEAT, CLAIM, LIVE, QUEUE, SAY, TURN, WATCH
from orchestrator.ledger.trust.files import SIGNERS_PATH
from orchestrator.ledger.trust.history import TrustState
from orchestrator.ledger.trust.pins import TrustPins
from orchestrator.ledger.trust.root import EffectiveRules, TrustRoot
from orchestrator.policy.journal_rules import altered_entries, check_journal_kept
from orchestrator.policy.write_audit import tree_changes
from orchestrator.policy.write_rules import (
    UNKNOWN_ACTOR,
    Actor,
    PathChange,
    PushedRef,
    check_path_changes,
    check_ref_update,
    mission_name,
)
from orchestrator.workflow.queue_hold.queue_record import QUEUE_FILE
from sync import files
from sync.errors import HistoryRewritten, SyncError
from sync.git import GitStore
from sync.objects import FILE, find, load_commit, load_tree
from sync.process.git_environment import quarantine_environment
from sync.remote import MOVED_MESSAGE, Oid
from sync.signatures import Verifier

PUSHER_VARIABLE = "SHIFTBOOK_PUSHER"
SPOKEN_REFS = (SAY, WATCH, LIVE, TURN, QUEUE)
SPOKEN_FILES = frozenset({MESSAGE_FILE, ANSWER_FILE, REQUEST_FILE, VIEW_FILE, RECORD_FILE, QUEUE_FILE})
MAX_SPOKEN_TREE_BYTES = 1024
HOOK_MARK = "# shiftbook's gate"
SOCKET_RECORD = "gate"
"""In the home folder: where the serving process can be asked, while there is one."""


@dataclass(frozen=True, kw_only=True)
class PreReceiveLine:
    """One line of what git asks the hook: a ref, what it is and what it shall be."""

    ref: str
    old: Oid | None
    new: Oid | None


def read_pre_receive(lines: Iterable[str]) -> list[PreReceiveLine]:
    """What git writes to a pre-receive hook (githooks(5)): `old new ref`, zeros for none."""
    words = [line.rstrip("\n").split(" ", 2) for line in lines]
    return [PreReceiveLine(ref=ref, old=_oid_or_none(old), new=_oid_or_none(new)) for old, new, ref in words]


def _oid_or_none(oid: Oid) -> Oid | None:
    return None if set(oid) == {"0"} else oid


@dataclass
class PreReceiveCheck:
    """Judges pushes to one repository. `branch` is the ledger's, in full; `tip` is where it stands before the push."""

    store: GitStore
    constitution: TrustRoot
    branch: str
    tip: Oid | None

    def verdict(self, asked: Sequence[PreReceiveLine], pusher: str) -> str:
        """Why this push is not taken in, in words; empty if it is."""
        before = self._in_force()
        if before is None:
            return ""
        self._verifier = Verifier(before.signers)
        self._open = before.charter.trust.missions == "remote"
        who = self._named(pusher)
        # A client may say what it likes of where the branch was. git then leaves the branch alone, but moves the rest.
        if any(one.ref == self.branch and one.old != self.tip for one in asked):
            return f"{self.branch}: {MOVED_MESSAGE}"
        after = next((one.new for one in asked if one.ref == self.branch), self.tip)
        for one in asked:
            why = check_ref_update(who, self._move(one, after), self.branch)
            if not why and one.ref == self.branch and one.new:
                why = self._on_branch(one, who, before)
            if why:
                return f"{one.ref}: {why}"
        return ""

    def _in_force(self) -> EffectiveRules | None:
        """What counts before the push; None while the branch is no ledger."""
        if self.tip is None or find(self.store, load_commit(self.store, self.tip).tree, SIGNERS_PATH) is None:
            return None
        try:
            return self.constitution.in_force(self.tip)
        except BrokenLedger:
            return None

    def _named(self, name: str) -> Actor:
        roles = (p.roles for p in self._verifier.principals.values() if p.name == name)
        return self._trusted(Actor(name=name, roles=frozenset[str]().union(*roles)))

    def _trusted(self, who: Actor) -> Actor:
        """Where fleet.toml trusts whoever may push, nobody who may is a stranger."""
        return replace(who, roles=frozenset({"author"})) if self._open and who.stranger else who

    def _signer(self, commit: Oid) -> Actor:
        try:
            read = load_commit(self.store, commit)
        except (KeyError, ValueError):
            return UNKNOWN_ACTOR
        found = self._verifier.signer(read.payload, read.signature)
        return Actor(name=found.name, roles=found.roles) if found else UNKNOWN_ACTOR

    def _move(self, one: PreReceiveLine, after: Oid | None) -> PushedRef:
        beside = one.ref.startswith("refs/shiftbook/")
        claim = one.ref.startswith(CLAIM)
        before = self._claim(one.old) if claim else None
        ended = before is not None and before.closed and one.old is not None
        return PushedRef(
            ref=one.ref,
            old=one.old,
            new=one.new,
            forward=one.old is None or one.new is None or self.store.descends(one.new, one.old),
            signer=self._signer(one.new) if beside and one.new and not one.ref.startswith(BEAT) else UNKNOWN_ACTOR,
            before=before,
            ended_by=self._signer(one.old) if ended and one.old else UNKNOWN_ACTOR,
            after=self._claim(one.new) if claim else None,
            folded=self._folded(after, one.ref.removeprefix(CLAIM)) if claim and one.new is None and after else 0,
            former=self._signer(one.old) if one.ref.startswith(SPOKEN_REFS) and one.old else UNKNOWN_ACTOR,
            holder=self._holder(one.ref.removeprefix(LIVE)) if one.ref.startswith(LIVE) else "",
            payload=self._payload(one) if one.ref.startswith(SPOKEN_REFS) and one.new else None,
        )

    def _holder(self, mission: str) -> str:
        """The node that works on a mission."""
        claim = self._claim(self.store.ref(CLAIM + mission))
        return claim.node if claim is not None and not claim.closed else ""

    def _payload(self, one: PreReceiveLine) -> int | None:
        """Bytes of the files of a message, a request or a view; None where its commit is no such thing.

        Their trees are flat and short, and only an answer, and a word upon a queue's record, has a parent: what stood
        there. So no ref brings a history.
        """
        try:
            commit = load_commit(self.store, one.new or "")
            tree = commit.tree
            upon = (one.old,) if one.old and one.ref.startswith((SAY, QUEUE)) else ()
            if commit.parents != upon and (commit.parents or not one.ref.startswith(QUEUE)):
                return None
            if self.store.size(tree) > MAX_SPOKEN_TREE_BYTES:
                return None
            files = load_tree(self.store, tree)
            whole = set(files) <= SPOKEN_FILES and all(each.mode == FILE for each in files.values())
            return sum(self.store.size(each.oid) for each in files.values()) if whole and files else None
        except (LookupError, ValueError, SyncError):
            return None

    def _claim(self, oid: Oid | None) -> Claim | None:
        try:
            entry = find(self.store, load_commit(self.store, oid).tree, CLAIM_FILE) if oid else None
            return read_claim(self.store.get(entry.oid, MAX_CLAIM_BYTES)) if entry else None
        except (BadClaim, LookupError, ValueError, SyncError):
            return None

    def _folded(self, tip: Oid, mission: str) -> int:
        ledger = self._ledger(tip)
        if any(bad.name == mission for bad in ledger.quarantined):
            return sys.maxsize  # a file that broke while it ran cannot tell; what the attempt brought stands below it
        return ledger.folded_epoch(mission)

    def _on_branch(self, one: PreReceiveLine, pusher: Actor, before: EffectiveRules) -> str:
        assert one.new is not None
        owned: frozenset[str] = frozenset()
        for commit in reversed(self.store.between(one.new, one.old)):
            signed = self._signer(commit)
            who = signed if signed.name else pusher
            if "admin" in signed.roles:
                owned |= altered_entries(load_commit(self.store, commit))
            if who.person or not who.name:
                continue
            if len(load_commit(self.store, commit).parents) > 1:
                return f"commit {commit[:10]}: {who.name} may not merge"
            changes = list(self._changes(commit))
            why = check_path_changes(who, changes, self.store.get, self._is_taken(commit))
            if why := why or early_page(changes, datetime.now(UTC)):
                return f"commit {commit[:10]}: {why}"
        if one.old and (why := check_journal_kept(self.store, self._tree(one.old), self._tree(one.new), owned)):
            return why
        try:
            fresh = [alarm for alarm in self.constitution.in_force(one.new).alarms if alarm not in before.alarms]
        except (BrokenLedger, HistoryRewritten) as error:
            fresh = [str(error)]
        return "; ".join(fresh)

    def _tree(self, commit: Oid) -> Oid:
        return load_commit(self.store, commit).tree

    def _is_taken(self, commit: Oid) -> Callable[[str], bool]:
        """Which names missions had before a commit."""
        parents = load_commit(self.store, commit).parents

        def taken(name: str) -> bool:
            if self.store.ref(CLAIM + name) or not parents:
                return bool(parents)
            ledger = self._ledger(parents[0])
            names = {mission_name(bad.name) for bad in ledger.quarantined} | ledger.open.keys()
            return name in names or ledger.archived(name) is not None

        return taken

    def _ledger(self, tip: Oid) -> LedgerSnapshot:
        reader = SnapshotReader(self.store, self.constitution, self.branch.removeprefix("refs/heads/"))
        return reader.read({self.branch: tip})

    def _changes(self, commit: Oid) -> Iterator[PathChange]:
        """What a commit changes against its parent, read here: git's own process for each took 16 s for 4,000."""
        read = load_commit(self.store, commit)
        return tree_changes(self.store, self._tree(read.parents[0]) if read.parents else None, read.tree)


@dataclass(frozen=True)
class ReadOnlyTrustStore:
    """What this machine remembers of the ledger's rules, to look at only: a push that is judged may yet fail."""

    pins: TrustPins

    def load(self) -> TrustState | None:
        """The stand as it was kept last."""
        return self.pins.load()

    def keep(self, stand: TrustState, later: Callable[[Oid], bool]) -> None:
        """Keeps nothing."""


def check_push(settings: Settings, folder: Path, lines: Iterable[str], environ: Mapping[str, str]) -> str:
    """The verdict on one push to the bare repository in `folder`: why not, or nothing."""
    store = GitStore(folder, env=quarantine_environment(environ))
    try:
        branch = f"refs/heads/{settings.branch}"
        pins = TrustPins(path=settings.home / "pin.json", ledger=settings.ledger or str(folder))
        return PreReceiveCheck(
            store=store,
            constitution=TrustRoot(store, pins.anchor, ReadOnlyTrustStore(pins)),
            branch=branch,
            tip=store.ref(branch),
        ).verdict(read_pre_receive(lines), environ.get(PUSHER_VARIABLE, ""))
    finally:
        store.close()


def install_hook(bare: Path, settings: Settings) -> None:
    """Puts the gate before a repository. Raises WrongSetting where another hook stands there."""
    path = bare / "hooks" / "pre-receive"
    if path.exists() and HOOK_MARK not in path.read_text(encoding="utf-8", errors="replace"):
        why = f"{path} is not the gate: move what it does to hooks/update, so that the gate can stand there"
        raise WrongSetting("SHIFTBOOK_SERVE_GIT", why)
    text = _hook_script(settings)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(exist_ok=True)
    files.replace(path, text, mode=0o755)


def _hook_script(settings: Settings) -> str:
    """The hook. A beat costs no Python: whose it is stands in the ref's name, and there is nothing else to judge."""
    known = {"SHIFTBOOK_HOME": settings.home, "SHIFTBOOK_LEDGER": settings.ledger, "SHIFTBOOK_BRANCH": settings.branch}
    exports = "\n".join(f"export {name}={shlex.quote(str(value))}" for name, value in known.items())
    python, client = shlex.quote(sys.executable), shlex.quote(hook_client.__file__)
    return f"""\
#!/bin/sh
{HOOK_MARK}: who may write what. Written again by `shiftbook serve`.
lines=$(cat)
only_beats=1
while read -r old new ref; do
  case "$ref" in
    "{BEAT}${{{PUSHER_VARIABLE}:-}}") ;;
    "{BEAT}"*) [ -z "${{{PUSHER_VARIABLE}:-}}" ] || only_beats= ;;
    *) only_beats= ;;
  esac
done <<END
$lines
END
[ -n "$only_beats" ] && exit 0
{exports}
if [ -r {shlex.quote(str(settings.home / SOCKET_RECORD))} ]; then
  printf '%s\\n' "$lines" | {python} -I -S {client} {shlex.quote(str(settings.home / SOCKET_RECORD))}
  code=$?
  [ $code -eq {hook_client.EXIT_NO_ANSWER} ] || exit $code
fi
printf '%s\\n' "$lines" | {python} -P -m orchestrator gatehouse
"""
