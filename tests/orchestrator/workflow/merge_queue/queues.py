"""How do tests make a project with a merge queue, on a real repository with real tests in the sandbox?"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

from missions.mission import Mission
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.execution.project_setup import ProjectSetups
from orchestrator.execution.project_trial import ProjectTrial
from orchestrator.execution.workspace.clone import Workspaces
from orchestrator.ledger.transport import BEAT
from orchestrator.ledger.transport import QUEUE as QUEUE_REFS
from orchestrator.workflow.merge_queue.queue_order import queued_missions
from orchestrator.workflow.merge_queue.queue_work import QueueReport, QueueWork
from orchestrator.workflow.queue_hold.queue_record import QUEUE_FILE, QueueRecord, begun, queue_record
from sync.remote import RefUpdate
from tests.orchestrator.repositories import git
from tests.orchestrator.workflow.approval.scene import SANDBOX, Scene

QUEUE = 'merge_queue = true\nmerge_queue_batch = {batch}\ntest = "{test}"\n{more}'
TEST = "sh check.sh"
CHECK = 'test -e b.txt && test -e d.txt && echo "b and d: 1 failed" && exit 1\nexit 0\n'
"""Two files that break the project together."""


def queue_toml(*, batch: int = 5, test: str = TEST, more: str = "") -> str:
    """What fleet.toml says of a queue."""
    return QUEUE.format(batch=batch, test=test, more=more)


@dataclass
class Queue:
    """A scene's queue."""

    scene: Scene

    @classmethod
    def of(cls, scene: Scene, *files: str, check: str = CHECK) -> Queue:
        """The scene with a test script on main, and an approved result for each file, in this order."""
        scene.server.push({"check.sh": check})
        for name in files:
            scene.hand_in({f"{name}.txt": f"{name}\n"}, name=name)
        made = cls(scene)
        made.approve(*files)
        return made

    def approve(self, *names: str) -> None:
        """Ben approves these, one after the other."""
        for name in names:
            said = self.scene.door("ben").approve(name)
            assert said.queued

    def work(self, node: str = "n1", sandbox: Bubblewrap = SANDBOX) -> QueueWork:
        """What that node works with."""
        folder = self.scene.folder

        def trial(scratch: Path) -> ProjectTrial:
            spaces = Workspaces(cache=folder / f"cache-{node}", sandbox=SANDBOX)
            private, home = folder / f"node-{node}", folder / "home"
            setups = ProjectSetups(sandbox=sandbox, workspaces=spaces, private=private, home=home, environ={})
            return ProjectTrial(
                sandbox=sandbox, workspaces=spaces, setups=setups, folder=scratch, say=lambda line: None
            )

        return QueueWork(delivery=self.scene.completion(node), trial=trial, scratch=folder / f"scratch-{node}")

    def round(self, node: str = "n1", work: QueueWork | None = None) -> QueueReport | None:
        """A node's turn, on what the ledger says now."""
        record, oid = self.record()
        return (work or self.work(node)).run("shop", record, oid, threading.Event())

    def record(self) -> tuple[QueueRecord, str | None]:
        """What the queue's record says, and where it stands."""
        anna = self.scene.peer("anna")
        return queue_record(anna.ledger(), anna.trust, "shop")

    def hold(self, node: str, *testing: str, landing: tuple[str, ...] = (), base: str = "", trouble: str = "") -> None:
        """A node says that it tests these, or nobody that the queue stands still."""
        bus = self.scene.peer(node).bus
        said = replace(begun(node, base, testing, bus.now(), trouble=trouble), landing=landing)
        record = said if testing or landing or base else QueueRecord(trouble=trouble)
        commit = bus.commit({QUEUE_FILE: record.print()}, bus.nonce(), onto=None, tree=None)
        bus.remote.push([RefUpdate(ref=f"{QUEUE_REFS}shop", expect=self.record()[1], new=commit)])

    def beat(self, node: str) -> None:
        """A node's beat moves."""
        bus = self.scene.peer(node).bus
        there = self.scene.peer("anna").ledger().beats.get(node)
        commit = bus.commit({"beat": bus.nonce().encode()}, "beat", onto=None, tree=None)
        bus.remote.push([RefUpdate(ref=BEAT + node, expect=there, new=commit)])

    def waiting(self) -> list[str]:
        """What waits, in order."""
        return [filed.mission.name for filed in queued_missions(self.scene.peer("anna").ledger(), "shop")]

    def mission(self, name: str) -> Mission:
        """A mission as it is now."""
        return self.scene.mission(name)

    def merges(self) -> list[str]:
        """The subjects of the commits that brought something into main, oldest first."""
        return git(self.scene.server.folder, "log", "--first-parent", "--reverse", "--format=%s", "main").splitlines()

    def trailers(self) -> list[str]:
        """Whose missions were merged, oldest first."""
        form = "--format=%(trailers:key=Shiftbook-Mission,valueonly)"
        return git(self.scene.server.folder, "log", "--first-parent", "--reverse", form, "main").split()
