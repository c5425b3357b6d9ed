"""The transport of a node: its name, its key, its clock, the remote, and the names of the refs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync.objects import FileContent, Signer, edit_tree, write_commit
from sync.publish import Plan, publish
from sync.remote import LedgerRemote, ObjectStore, Oid, RefUpdate

CLAIM, BEAT, LOG, LATE = "refs/shiftbook/claim/", "refs/shiftbook/beat/", "refs/shiftbook/log/", "refs/shiftbook/late/"
SAY, WATCH, LIVE = "refs/shiftbook/say/", "refs/shiftbook/watch/", "refs/shiftbook/live/"
"""What people say to missions that are worked on; that somebody watches one; what its node shows then."""
TURN = "refs/shiftbook/turn/"
"""What the heartbeat's turns looked at and found."""

QUEUE = "refs/shiftbook/queue/"
"""Which node tests a project's merge queue, and why it stands still."""

RESULTS = "refs/heads/shiftbook-results/"
"""A branch for each node that moves with its results, where `bus.results_branch` wants that."""


def late_ref(mission: str, epoch: int, node: str) -> str:
    """The ref that keeps what a fenced holder brought."""
    return f"{LATE}{mission}-{epoch}-{node}"


@dataclass(frozen=True, kw_only=True)
class Transport:
    """One speaker: a node, or a person at the command line. `boot` names this run of the process."""

    remote: LedgerRemote
    store: ObjectStore
    name: str
    boot: str
    sign: Signer | None
    now: Callable[[], datetime]
    nonce: Callable[[], str]
    branch: str = "main"
    key: str = ""
    """The public key that `sign` signs with."""
    sleep: Callable[[float], None] = time.sleep
    """How it waits after a lost race. A simulation's time is its own."""

    @property
    def main(self) -> str:
        """The full name of the ledger's branch."""
        return f"refs/heads/{self.branch}"

    def publish(self, plan: Plan) -> Sequence[RefUpdate]:
        """Carries a plan out once, all or nothing, whatever the line does and others push meanwhile; returns what was
        moved. Raises what the plan and the remote raise, and TooManyRaces.
        """
        return publish(self.remote, plan, sleep=self.sleep, descends=self.store.descends)

    def commit(self, files: Mapping[str, FileContent], message: str, *, onto: Oid | None, tree: Oid | None) -> Oid:
        """A signed commit: `files` written over `tree`, with `onto` as its parent (None: a root).

        Its message is redacted here; the files were where they were made, for only there is known which are a
        person's own.
        """
        from handoff.secrets.redact import redact  # its hundred formats take a tenth of a list's time to load

        new = edit_tree(self.store, tree, files) or self.store.put("tree", b"")
        return write_commit(
            self.store,
            tree=new,
            parents=(onto,) if onto else (),
            name=self.name,
            email=f"{self.name}@shiftbook.invalid",
            when=int(self.now().timestamp()),
            message=redact(message).text,
            sign=self.sign,
        )
