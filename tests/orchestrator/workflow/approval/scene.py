"""How do tests make a fleet whose node hands in work on a real project repository, and people who decide on it?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from missions.approval import ChangeFacts
from missions.lease import ClaimState
from missions.mission import Mission
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.core.ports.agent import Outcome
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.execution.workspace.git_tree import DIFF_TREE_COMMAND, count_changes
from orchestrator.ledger import claims as claims
from orchestrator.ledger.result_report import change_facts, redact_artifact
from orchestrator.ledger.snapshot import HeldClaim
from orchestrator.workflow.approval.decide import Approval
from orchestrator.workflow.approval.delivery import BranchDelivery, DeliveryResult
from tests.ledgers import Keys, Peer, Town, record
from tests.orchestrator.repositories import Server, git, head

SANDBOX = Bubblewrap()
FLEET = """\
[bus]
beat_seconds = 10
[projects.shop]
url = "{url}"
on_approval = "{on_approval}"
{policy}
"""
MISSION = "---\nproject: shop\nagent: command\nrun: make\n{more}---\ndo it\n"
AUTO = """\
[policy.auto_approve]
max_lines = 40
max_files = 3
max_cost_usd = 0.50
paths = ["docs/**", "*.md"]
tests = "any"
tier = "untried"
"""


@dataclass
class Scene:
    """A signed ledger, a project on a real server, people (anna and ben) and nodes (n1 and n2)."""

    folder: Path
    keys: Keys
    on_approval: str = "merge"
    policy: str = ""
    more: str = ""
    missions: tuple[str, ...] = ("m",)
    signers: str = ""
    real: bool = False
    """Whether the ledger is on a real server. A remote in memory keeps the same contract, in a third of the time."""
    _peers: dict[str, Peer] = field(default_factory=dict)
    _bases: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "project").mkdir()
        self.server = Server.make(self.folder / "project")
        roles = {"anna": ("admin", "author"), "ben": ("author",), "eve": ("git",), "n1": ("node",), "n2": ("node",)}
        signers = self.signers or self.keys.signers(**{k: v for k, v in roles.items() if k != "eve"})
        toml = FLEET.format(url=self.server.folder, on_approval=self.on_approval, policy=self.policy)
        files = {"fleet.toml": toml, "allowed_signers": signers, "projects/shop/SESSION_LOG.md": "# Log\n"}
        self.town = Town(files, folder=self.folder / "ledger" if self.real else None)
        self.file(*self.missions)

    def file(self, *names: str) -> None:
        """Anna files missions."""
        self.peer("anna").push({f"missions/{name}.md": MISSION.format(more=self.more) for name in names})

    def peer(self, name: str) -> Peer:
        """Somebody with a key and a view of their own, the same each time."""
        if name not in self._peers:
            made = self.town.peer(name, key=self.keys[name])
            self._peers[name] = replace(made, bus=replace(made.bus, key=self.keys[name].public))
        return self._peers[name]

    def door(self, name: str, *, merges: bool = True) -> Approval:
        """That person's door."""
        who = self.peer(name)
        cache = self.folder / f"cache-{name}" if merges else None
        return Approval(
            bus=who.bus, reader=who.reader, trust=who.trust, ledger=who.ledger, cache=cache, sandbox=SANDBOX
        )

    def completion(self, name: str, folders: AttemptDirs | None = None) -> BranchDelivery:
        """What that node does with approved branches; `folders` is what it keeps of its attempts."""
        who = self.peer(name)
        return BranchDelivery(
            bus=who.bus,
            reader=who.reader,
            trust=who.trust,
            cache=self.folder / f"cache-{name}",
            sandbox=SANDBOX,
            folders=folders,
        )

    def finish(self, name: str = "m", by: str = "n1") -> DeliveryResult | None:
        """A node's upkeep comes by."""
        return self.completion(by).finish(name)

    def mission(self, name: str = "m") -> Mission:
        """A mission as the branch has it."""
        ledger = self.peer("anna").ledger()
        filed = ledger.open.get(name) or ledger.archived(name)
        assert filed is not None, ledger.quarantined
        return filed.mission

    def text(self, name: str = "m") -> str:
        """Its file."""
        ledger = self.peer("anna").ledger()
        filed = ledger.open.get(name) or ledger.archived(name)
        assert filed is not None
        return ledger.text(filed.path)

    def text_of_fleet(self) -> str:
        """The fleet's file as it is."""
        return self.peer("anna").text("fleet.toml")

    # -- a node's work -------------------------------------------------------------------------------------------

    def work(self, files: dict[str, str], *, links: dict[str, str] | None = None, modes: tuple[str, ...] = ()) -> str:
        """Commits files on a fresh clone of the project's main, as a node would; returns the commit."""
        clone = self.folder / f"clone-{len(list(self.folder.iterdir()))}"
        git(self.folder, "clone", "--quiet", str(self.server.folder), str(clone))
        for name, text in files.items():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            (clone / name).write_bytes(text.encode("utf-8", "surrogateescape"))
        for name, target in (links or {}).items():
            (clone / name).symlink_to(target)
        for name in modes:
            (clone / name).chmod(0o755)
        base = head(clone)
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "-m", "the agent's work")
        self.clone, made = clone, head(clone)
        self._bases[made] = base
        return made

    def told(self, commit: str, **more: object) -> Outcome:
        """What an honest node says of a commit in the newest clone."""
        clone = self.clone
        base = self._bases.get(commit) or git(clone, "rev-parse", f"{commit}^")
        table = git(clone, *DIFF_TREE_COMMAND, "--raw", "--numstat", "-M", "-z", "--abbrev=40", base, commit)
        names = git(clone, *DIFF_TREE_COMMAND, "--no-renames", "--name-only", "-z", base, commit)
        patch = git(clone, *DIFF_TREE_COMMAND, "-p", "-M", "--binary", "--full-index", base, commit) + "\n"
        made = Outcome(
            ok=True,
            summary="Done.",
            diff=patch,
            base=base,
            commit=commit,
            files=tuple(name for name in names.split("\0") if name),
            changes=count_changes(table.encode()),
            tested=True,
        )
        return replace(made, **more)  # type: ignore[arg-type]

    def hand_in(
        self,
        files: dict[str, str] | None = None,
        *,
        name: str = "m",
        node: str = "n1",
        facts_: ChangeFacts | None = None,
        diff: str | None = None,
        proposals: dict[str, str] | None = None,
        push: bool = True,
        **work: object,
    ) -> str:
        """A node claims a mission, works, pushes its branch, hands in and folds. Returns the commit."""
        who = self.peer(node)
        commit = self.work(files or {"docs/a.md": "hello\n"}, **work)  # type: ignore[arg-type]
        held = who.hold(name)
        branch = f"shiftbook/{name}/{held.claim.attempt}"
        if push:
            git(self.clone, "push", "--quiet", "origin", f"{commit}:refs/heads/{branch}")
        outcome = replace(self.told(commit), branch=branch if push else None)
        self.end(who, held, outcome, branch if push else None, facts_, diff, proposals)
        return commit

    def end(
        self,
        who: Peer,
        held: HeldClaim,
        outcome: Outcome,
        branch: str | None,
        said: ChangeFacts | None = None,
        diff: str | None = None,
        proposals: dict[str, str] | None = None,
    ) -> None:
        """Hands an outcome in and folds it."""
        finished = "2026-11-21T12:05:00Z"
        made = record(
            held,
            finished=finished,
            fields={"finished": finished, "branch": branch},
            artifacts={"diff": redact_artifact(outcome.diff if diff is None else diff)},
        )
        made = replace(
            made,
            facts=said or change_facts(outcome),
            proposals=proposals or {},
            log_path="projects/shop/SESSION_LOG.md",
        )
        ended = claims.complete(who.bus, held, made, state=ClaimState.DONE)
        assert ended.accepted
        folded = who.fold()
        assert not folded.refused, folded.refused

    def main(self) -> str:
        """Where the project's default branch stands."""
        return self.server.refs()["main"]

    def close(self) -> None:
        """Ends the reader processes."""
        self.town.close()
