"""Who asked for this mission, and are they authorized?

A mission runs only if whoever last changed what it asks for may file missions. Nodes change their own fields in the
same file, so what counts is the last commit that changed the person's part (`provenance`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING

from missions.mission import REVIEW, UPDATE_TASK
from orchestrator.ledger.config.fleet_toml import FleetConfig
from orchestrator.ledger.file_history.file_versions import FileVersions
from orchestrator.ledger.file_history.recent_changes import RecentChanges
from orchestrator.ledger.node_pages import PAGES_FOLDER
from orchestrator.ledger.snapshot import MISSIONS, HeldClaim, LedgerSnapshot, MissionFile
from orchestrator.policy.provenance import Provenance
from sync.objects import FOLDER, entry_lines, find, line_name, load_commit
from sync.remote import ObjectStore, Oid
from sync.signatures import Principal, Verifier

if TYPE_CHECKING:  # a list of missions judges no result
    from orchestrator.policy.agent_history import AgentHistory
    from orchestrator.policy.verdict import Judge

MAX_KNOWN_FILES = 10_000
"""Files of which it is remembered on whose word they stood."""
MAX_KNOWN_COMMITS = 10_000
"""Commits of which it is remembered who signed them."""
MAX_PAGE_VERSIONS = 20
"""Versions of a node's page that are looked through for one of its own."""
MAX_KNOWN_FOLDERS = 4
"""Folders of missions that are kept as they were read."""
FILING_ROLES = frozenset({"author", "admin"})


@dataclass(frozen=True, kw_only=True)
class TrustDecision:
    """Whether a mission may run, and on whose word."""

    trusted: bool
    who: str
    why: str


@dataclass
class Trust:
    """Judges missions of one ledger; remembers its verdicts while file and signers stay the same."""

    store: ObjectStore
    _verifier: Verifier = field(default_factory=lambda: Verifier(""))
    _words: dict[tuple[str, Oid], TrustDecision] = field(default_factory=dict)
    _signers: dict[Oid, Principal | None] = field(default_factory=dict)
    """Who signed a commit, by the same signers: one commit may have brought a thousand missions."""
    _tip: Oid | None = None
    _charter: FleetConfig | None = None
    _recent: RecentChanges | None = None
    _folders: dict[Oid, frozenset[bytes]] = field(default_factory=dict)
    _versions: FileVersions = field(init=False)
    _stood: dict[str, tuple[Oid, list[Oid]]] = field(default_factory=dict)
    """By path: the newest commit that had changed a file when it was judged, and on whose word it stood."""

    def __post_init__(self) -> None:
        self._versions = FileVersions(self.store)

    @cached_property
    def past(self) -> AgentHistory:
        """What agents did before, by the same verdicts on signatures."""
        from orchestrator.policy.agent_history import AgentHistory

        return AgentHistory()

    def verifier(self, ledger: LedgerSnapshot) -> Verifier:
        """Checks signatures against the ledger's `allowed_signers` as they are now: a key taken out counts no more."""
        if self._verifier.text != ledger.signers:
            self._verifier = Verifier(ledger.signers)
            self._words, self._signers = {}, {}
        return self._verifier

    def person(self, ledger: LedgerSnapshot, key: str, name: str) -> str:
        """Whose word it is that this key signs: of somebody who may file missions or, where all who can push may, of
        whoever is called so; "" for nobody's."""
        principal = self.verifier(ledger).principals.get(key)
        if principal is not None and principal.roles & FILING_ROLES:
            return principal.name
        return name if ledger.charter.trust.missions == "remote" else ""

    def signer(self, ledger: LedgerSnapshot, commit: Oid) -> Principal | None:
        """Who signed a commit, if it is somebody listed."""
        verifier = self.verifier(ledger)
        if commit not in self._signers:
            if len(self._signers) >= MAX_KNOWN_COMMITS:
                self._signers = {}
            read = load_commit(self.store, commit)
            self._signers[commit] = verifier.signer(read.payload, read.signature)
        return self._signers[commit]

    def is_signed_by_holder(self, ledger: LedgerSnapshot, held: HeldClaim, commit: Oid) -> bool:
        """Whether the very node that a claim names signed this commit, and is a node of the fleet by now."""
        principal = self.signer(ledger, commit)
        return principal is not None and "node" in principal.roles and principal.name == held.claim.node

    def is_own_page(self, ledger: LedgerSnapshot, node: str) -> bool:
        """Whether a node's page stands as that very node signed it, and it is a node of the fleet by now."""
        return self.own_page(ledger, node, versions=1) is not None

    def own_page(self, ledger: LedgerSnapshot, node: str, *, versions: int = MAX_PAGE_VERSIONS) -> Oid | None:
        """The newest commit with a node's page as that very node signed it, if it is a node of the fleet by now.

        None where none of its newest `versions` is.
        """
        for commit in islice(ledger.store.history(ledger.tip, f"{PAGES_FOLDER}/{node}.md"), versions):
            principal = self.signer(ledger, commit)
            if principal is not None and "node" in principal.roles and principal.name == node:
                return commit
        return None

    def authorize(self, ledger: LedgerSnapshot, filed: MissionFile) -> TrustDecision:
        """Whether this mission may run."""
        if ledger.charter.trust.missions == "remote" and filed.mission.task != UPDATE_TASK:
            return TrustDecision(
                trusted=True, who="", why="fleet.toml trusts whoever may push (trust.missions = remote)"
            )
        self.verifier(ledger)
        self._catch_up(ledger)
        key = (filed.path, filed.blob)
        if key not in self._words:
            self._words[key] = self._judge(ledger, filed)
        return self._words[key]

    def judge(self, ledger: LedgerSnapshot, *, signed: bool) -> Judge:
        """Who judges results on this ledger. Without signatures whoever writes is believed."""
        from orchestrator.policy.verdict import Judge

        self._catch_up(ledger)
        if not signed or ledger.charter.trust.missions == "remote":
            return Judge(ledger=ledger, past=self.past)

        def doubt(filed: MissionFile) -> str:
            word = self.authorize(ledger, filed)
            return "" if word.trusted else word.why

        return Judge(ledger=ledger, signer=partial(self.signer, ledger), doubt=doubt, past=self.past)

    def _catch_up(self, ledger: LedgerSnapshot) -> None:
        """Drops verdicts on files that any commit since the last look has touched: the bytes that stand there now may
        have been taken away, and put back by somebody else. Other rules may let other children in."""
        tip = ledger.tip
        if self._charter is not ledger.charter:  # equal ones may differ in what was said, and so in what holds
            self._words, self._charter = {}, ledger.charter
        if tip != self._tip:
            touched = self._touched_since(self._tip, tip)
            if "past" in vars(self):  # which is made when a result is judged
                self.past.forget(touched)
            kept = {} if touched is None else {key: word for key, word in self._words.items() if key[0] not in touched}
            self._words, self._tip = kept, tip

    def _touched_since(self, seen: Oid | None, tip: Oid, roof: int = 500) -> set[str] | None:
        """Missions' paths that the commits since `seen` changed; None when that cannot be told at little cost."""
        if seen is None:
            return None  # the first look: there is no verdict yet that could be out of date
        touched: set[str] = set()
        for _ in range(roof):
            if tip == seen:
                return touched
            parents = load_commit(self.store, tip).parents
            if len(parents) != 1:
                return None
            now, before = self._folder(tip), self._folder(parents[0])
            if now != before:
                touched |= {f"{MISSIONS}/{line_name(line)}" for line in self._entries(now) ^ self._entries(before)}
            tip = parents[0]
        return None

    def _folder(self, commit: Oid) -> Oid:
        """A commit's folder of missions; empty where it has none."""
        folder = find(self.store, load_commit(self.store, commit).tree, MISSIONS)
        return folder.oid if folder is not None and folder.mode == FOLDER else ""

    def _entries(self, folder: Oid) -> frozenset[bytes]:
        """What is in it. The last ones are kept: each commit's folder is the next one's before."""
        known = self._folders.pop(folder, None)
        if known is None:
            known = entry_lines(self.store, folder) if folder else frozenset()
            for old in list(self._folders)[: -MAX_KNOWN_FOLDERS + 1]:
                del self._folders[old]
        self._folders[folder] = known
        return known

    def _judge(self, ledger: LedgerSnapshot, filed: MissionFile) -> TrustDecision:
        if self._recent is None or self._recent.tip != ledger.tip:
            self._recent = RecentChanges(self.store, ledger.tip)
        words = [self._judge_commit(ledger, filed, commit) for commit in self._deciding(filed.path, self._recent)]
        untold = TrustDecision(trusted=False, who="", why="no commit that wrote it was found")
        return next((word for word in words if word.trusted), words[0] if words else untold)

    def _deciding(self, path: str, recent: RecentChanges) -> list[Oid]:
        """On whose word a file stands. After another commit to it only what came since is looked at."""
        known, last = self._stood.get(path, ("", [])), next(recent.of(path), None)
        if last is not None and recent.is_new(path, last) and last != known[0]:  # as most that wait: never changed
            found = [last]
        else:
            found = Provenance(self.store, recent.tip, path, recent, self._versions, known).deciding()
        if last is not None:
            if len(self._stood) >= MAX_KNOWN_FILES:
                self._stood.clear()
            self._stood[path] = (last, found)
        return found

    def _judge_commit(self, ledger: LedgerSnapshot, filed: MissionFile, commit: Oid) -> TrustDecision:
        """Whether a mission may run on the word of whoever signed this commit."""
        principal = self.signer(ledger, commit)
        if principal is None:
            author = load_commit(self.store, commit).author
            why = f"commit {commit[:10]} by {author} is not signed by a key in allowed_signers"
            return TrustDecision(trusted=False, who=author, why=why)
        if filed.mission.task == UPDATE_TASK:
            return _judge_update(principal, commit)
        if filed.mission.agent == REVIEW and "node" in principal.roles:
            why = f"a review asks for nothing but what every node may do; {principal.name} filed it when it was due"
            return TrustDecision(trusted=True, who=principal.name, why=why)
        if not principal.roles & FILING_ROLES and "node" in principal.roles and filed.mission.parent:
            from orchestrator.policy.child_missions import child_permission

            who, why = child_permission(ledger, filed, commit, lambda tip, path: self._asked(ledger, tip, path))
            return TrustDecision(trusted=bool(who), who=who or principal.name, why=why)
        if not principal.roles & FILING_ROLES and "node" in principal.roles:
            from orchestrator.policy.heartbeat_missions import heartbeat_permission, is_heartbeat_mission
            from orchestrator.policy.template_missions import is_template_mission, template_permission

            permissions = {is_heartbeat_mission: heartbeat_permission, is_template_mission: template_permission}
            for is_one, permission in permissions.items():
                if is_one(filed.mission.name):
                    asked, signer = partial(self._asked, ledger), partial(self.signer, ledger)
                    who, why = permission(ledger, filed, commit, principal, asked, signer)
                    return TrustDecision(trusted=bool(who), who=who or principal.name, why=why)
        if not principal.roles & FILING_ROLES:
            why = (
                f"{principal.name}, who signed commit {commit[:10]}, may not file missions (role=author or role=admin)"
            )
            return TrustDecision(trusted=False, who=principal.name, why=why)
        return TrustDecision(
            trusted=True, who=principal.name, why=f"signed by {principal.name} in commit {commit[:10]}"
        )

    def _asked(self, ledger: LedgerSnapshot, tip: Oid, path: str) -> str:
        """Who asked for what stands at a path in an earlier commit, if it is somebody who may."""
        signers = (
            self.signer(ledger, commit) for commit in Provenance(self.store, tip, path, None, self._versions).deciding()
        )
        return next((each.name for each in signers if each and each.roles & FILING_ROLES), "")


def _judge_update(principal: Principal, commit: Oid) -> TrustDecision:
    """Which program a node runs is an admin's word alone: no author's, no node's, whoever may push or file missions."""
    known = f"signed by {principal.name} in commit {commit[:10]}"
    if "admin" in principal.roles:
        return TrustDecision(trusted=True, who=principal.name, why=known)
    why = f"it is {known}, and only an admin has nodes updated (role=admin)"
    return TrustDecision(trusted=False, who=principal.name, why=why)
