"""What can people ask of the fleet and tell it? The one door that the command line and every other surface use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from missions.errors import BadName
from missions.frontmatter import Scalar
from missions.mission import new_name, slug
from missions.one_line import printable
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.ledger.file_history.file_versions import last_spelling
from orchestrator.ledger.node_pages import LastSeenStore, Presence, list_presences
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from orchestrator.workflow import mission_view
from orchestrator.workflow.mission_view import MissionView
from sync.errors import RemoteUnreachable
from sync.objects import load_commit
from sync.remote import Refs
from sync.signatures import Principal, read_signers

if TYPE_CHECKING:  # each of these is imported where it is used: a list of missions needs none of them
    from handoff.context_builder import Assembly
    from orchestrator.core.ports.sandbox import Sandbox
    from orchestrator.ledger.conflicts import UnresolvedConflict
    from orchestrator.ledger.publish import LedgerChange
    from orchestrator.policy.membership import Membership
    from orchestrator.policy.push_allowance import BeatLoad
    from orchestrator.workflow.approval.decide import Approval
    from orchestrator.workflow.conflict_resolution import ConflictResolution
    from orchestrator.workflow.edit import MissionEditor
    from orchestrator.workflow.inbox import Inbox, InboxItem
    from orchestrator.workflow.journal.confirming import ModelProposals
    from orchestrator.workflow.journal.context import Recall
    from orchestrator.workflow.journal.memos import Memos
    from orchestrator.workflow.late_results import Adoption
    from orchestrator.workflow.mission_detail import MissionDetail
    from orchestrator.workflow.orders import Orders
    from orchestrator.workflow.spending.report import FleetSpending
    from orchestrator.workflow.steering import SteeringDesk
    from orchestrator.workflow.update_roll import UpdateRolls


NO_MISSION = "readme"
"""The one name that no mission has: the file explains the folder."""


@dataclass
class Fleet:
    """The fleet as one person at this machine reaches it. Every method looks at the newest state of the remote."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    sightings: LastSeenStore
    now: Callable[[], datetime]
    offline: str = ""
    """Why the remote could not be reached the last time; what is shown is then what was last seen."""
    recall: Recall | None = None
    """What this machine's index of the journal knows about a task; None where there is no index."""
    cache: Path | None = None
    """Where clones of projects go, for whoever merges; None: approvals leave that to the nodes."""
    sandbox: Callable[[], Sandbox] | None = None
    """What makes the sandbox for hooks of a project's repository on this machine."""
    alarms: tuple[str, ...] = ()
    """What stood on the branch the last time and is not followed."""
    held: LedgerSnapshot | None = None
    """What every question is answered from instead of asking the remote: one moment, for a reader of many things."""
    _last: Refs | None = None

    def ledger(self) -> LedgerSnapshot:
        """The ledger now. Raises RemoteUnreachable when it was never reached."""
        if self.held is not None:
            return self.held
        try:
            self._last = self.bus.remote.fetch()
            self.offline = ""
        except RemoteUnreachable as error:
            self._last = self._last or self.bus.remote.seen()
            if not self._last:
                raise
            self.offline = str(error)
        ledger = self.reader.read(self._last)
        self.alarms = ledger.alarms
        return ledger

    def last_seen(self) -> LedgerSnapshot:
        """The ledger as it was looked at last; nothing is asked for."""
        return self.reader.read(self._last) if self._last else self.ledger()

    # -- missions -----------------------------------------------------------------------------------------------

    def missions(self, *, archived: bool = False, statuses: Collection[str] = (), limit: int = 0) -> list[MissionView]:
        """Every mission that needs somebody: open, running, quarantined; with `archived` the finished ones, too.

        `statuses` and `limit` are for the finished ones: only these states, only so many of the newest (0: all).
        """
        views = partial(mission_view.mission_views, archived=archived, statuses=statuses, limit=limit, nodes=self.nodes)
        return list(views(self.ledger(), self.trust, self.now()))

    def inbox(self, questions: Iterable[InboxItem] = ()) -> Inbox:
        """What waits for a person. `questions` are those of running chats, which the ledger does not know."""
        from orchestrator.workflow.inbox import queue_items, read_inbox

        ledger = self.ledger()
        views = mission_view.mission_views(ledger, self.trust, self.now(), archived=False, nodes=self.nodes)
        return read_inbox(ledger, views, (*questions, *queue_items(ledger, self.trust)))

    def mission(self, name: str) -> MissionDetail:
        """One mission. Raises NotFound."""
        ledger = self.ledger()
        wanted = self._slug(name)
        view = mission_view.find_view(ledger, self.trust, wanted, self.now(), self.nodes)
        if view is not None:
            from orchestrator.workflow.mission_detail import read_detail

            return read_detail(ledger, self.trust, view, signed=self.bus.sign is not None)
        from orchestrator.workflow.mission_name import missing_mission

        raise missing_mission(ledger, wanted, self._deletion(ledger, wanted))

    def diff(self, name: str) -> tuple[MissionView, str]:
        """One mission, and what its last attempt changed: a diff as git writes it, or "". Raises NotFound."""
        ledger = self.ledger()
        view = mission_view.find_view(ledger, self.trust, self._slug(name), self.now())
        if view is None:
            from orchestrator.workflow.mission_name import missing_mission

            raise missing_mission(ledger, name)
        return view, ledger.attempt_text(view, "diff")

    def _deletion(self, ledger: LedgerSnapshot, name: str) -> str:
        """Who took a mission away that was there, in words; empty where there never was one."""
        path = last_spelling(ledger.store, ledger.tip, name)
        last = next(iter(ledger.store.history(ledger.tip, path)), None)
        if last is None:
            return ""
        author = printable(load_commit(ledger.store, last).author)
        return f": {author} deleted it in commit {last[:10]}; `git show {last[:10]}~:{path}` has its text"

    def full_name(self, word: str) -> str:
        """The mission that a person means by its name or the beginning of it; the word itself if there is none.

        The remote is asked only where what was last seen has no mission of exactly this name: one that was filed
        meanwhile comes before the beginning of another. Raises WrongSetting if several begin so.
        """
        return self.find_name(word) or self._slug(word)

    def find_name(self, word: str) -> str | None:
        """The same; None if there is no such mission."""
        from orchestrator.workflow.mission_name import is_name, names_meant

        wanted, seen = self._slug(word), self.bus.remote.seen()
        if seen and is_name(self.reader.read(seen), wanted):
            return wanted
        found = names_meant(self.ledger(), wanted)
        if len(found) > 1:
            raise WrongSetting("NAME", "{!r} begins {}: type more of the one you mean", word, _listed(found))
        return found[0] if found else None

    def new(
        self,
        body: str,
        fields: Mapping[str, Scalar | Sequence[str]],
        *,
        name: str = "",
        by: str = "",
        beside: Mapping[str, bytes] | None = None,
        trailer: str = "",
    ) -> str:
        """Files a mission, signed by the person. Returns its name. Raises WrongSetting when it could not run.

        `by` is who asked for it on the person's behalf; it stands in the commit's message, and a `trailer` below it.
        `beside` are files that it starts from, for the same commit.
        """
        from orchestrator.core import tracing
        from orchestrator.ledger.publish import LedgerChange, commit_change
        from orchestrator.workflow.mission_text import first_words, mission_text, name_of_words
        from orchestrator.workflow.side_by_side.mission_split import runnable_files

        said = str(fields.get("title") or "") or first_words(body)  # which may speak of a path
        words = name or said.replace("/", " ").replace("\\", " ").lstrip(". ")
        wanted = self._slug(words, new_name if name else name_of_words)
        if wanted == NO_MISSION:
            if name:
                raise WrongSetting("--name", f"{NO_MISSION}.md explains the folder and is no mission: choose another")
            wanted = f"the-{NO_MISSION}"
        made = ""

        def draft(ledger: LedgerSnapshot) -> LedgerChange:
            nonlocal made
            made = wanted if name else _free_name(ledger, wanted)
            filed = runnable_files(ledger, made, mission_text(body, fields))
            made = next(iter(filed))
            lines = [line for line in (f"Asked-By: {' '.join(by.split())}" if by else "", trailer) if line]
            asked = "\n\n" + "\n".join(lines) if lines else ""
            files = {f"{MISSIONS}/{one}.md": text.encode() for one, text in filed.items()}
            return LedgerChange(files={**files, **(beside or {})}, message=f"Mission: {made}{asked}")

        began = tracing.moment()
        commit_change(self.bus, self.reader, draft)
        tracing.record(tracing.FILING, began, mission=made)
        return made

    def split(self, name: str) -> list[str]:
        """Makes a mission of each attempt that a file asks for which asks for several; see side_by_side."""
        from orchestrator.workflow.side_by_side.mission_split import split_file

        return split_file(self.bus, self.reader, self.membership, self._slug(name))

    def endorse(self, name: str, shown: str | None = None) -> MissionView:
        """Trusts an untrusted mission; see Orders. All of these raise NotFound and Refused."""
        return self._told(name, lambda wanted: self.orders().endorse(wanted, shown))

    def cancel(self, name: str, *, by: str = "") -> MissionView:
        """Calls a mission off. `by` is who asked for it on the person's behalf."""
        return self._told(name, self.orders(by).cancel)

    def pause(self, name: str, *, by: str = "") -> MissionView:
        """Lets it rest."""
        return self._told(name, self.orders(by).pause)

    def resume(self, name: str, *, by: str = "") -> MissionView:
        """Has it go on."""
        return self._told(name, self.orders(by).resume)

    def retry(self, name: str) -> MissionView:
        """Puts a dead or failed one back into the queue."""
        return self._told(name, self.orders().retry)

    def set_budget(self, name: str, usd: float, *, by: str = "") -> MissionView:
        """Sets what it may cost."""
        return self._told(name, lambda slug: self.orders(by).set_budget(slug, usd))

    def steering(self) -> SteeringDesk:
        """What a person may say to whoever works on a mission, by its slug."""
        from orchestrator.workflow.steering import SteeringDesk

        return SteeringDesk(bus=self.bus, reader=self.reader, trust=self.trust)

    def orders(self, by: str = "") -> Orders:
        """What a person may say about an open mission, by its slug."""
        from orchestrator.workflow.orders import Orders

        return Orders(bus=self.bus, reader=self.reader, trust=self.trust, by=by)

    def _told(self, name: str, order: Callable[[str], None]) -> MissionView:
        wanted = self._slug(name)
        order(wanted)
        return self.mission(wanted).view

    def source(self, name: str) -> bytes:
        """An open mission's file as it is, also one that cannot be read. Raises NotFound."""
        return self._editing.source(self._slug(name))

    def edit(self, name: str, base: bytes, mine: bytes) -> list[UnresolvedConflict]:
        """Lands a person's text, made of `base`; see Editing.edit."""
        return self._editing.edit(self._slug(name), base, mine)

    @property
    def _editing(self) -> MissionEditor:
        from orchestrator.workflow.edit import MissionEditor

        return MissionEditor(bus=self.bus, reader=self.reader, trust=self.trust, ledger=self.ledger)

    @property
    def adoption(self) -> Adoption:
        """Late work, and how it becomes a result."""
        from orchestrator.workflow.late_results import Adoption

        return Adoption(bus=self.bus, reader=self.reader, trust=self.trust)

    @property
    def approval(self) -> Approval:
        """Results that wait in review, and how a person decides; missions by their slug."""
        from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
        from orchestrator.workflow.approval.decide import Approval

        return Approval(
            bus=self.bus,
            reader=self.reader,
            trust=self.trust,
            ledger=self.ledger,
            cache=self.cache,
            sandbox=self.sandbox() if self.sandbox else None,
            folders=AttemptDirs(self.cache.parent / "work") if self.cache else None,
        )

    @property
    def resolution(self) -> ConflictResolution:
        """What merges could not keep, and how a person decides."""
        from orchestrator.workflow.conflict_resolution import ConflictResolution

        return ConflictResolution(bus=self.bus, reader=self.reader, trust=self.trust, ledger=self.ledger)

    # -- the fleet ----------------------------------------------------------------------------------------------

    def beat_load(self) -> BeatLoad | None:
        """How near the beats bring the fleet to what its host allows; None where nothing limits it."""
        from orchestrator.policy.push_allowance import fleet_load

        return fleet_load(self.ledger())

    def nodes(self, ledger: LedgerSnapshot | None = None) -> list[Presence]:
        """Every node that has ever announced itself, in the `ledger` as it was read before, or as it is now."""
        ledger = ledger or self.ledger()
        now = self.now()
        return list_presences(ledger, self.sightings.update(ledger.beats, now), now)

    @property
    def memos(self) -> Memos:
        """What missions taught, and the lessons that became known."""
        from orchestrator.workflow.journal.memos import Memos

        return Memos(bus=self.bus, reader=self.reader, trust=self.trust, ledger=self.ledger)

    @property
    def model_proposals(self) -> ModelProposals:
        """What models proposed in the briefings, and a person's word on it."""
        from orchestrator.workflow.journal.confirming import ModelProposals

        return ModelProposals(bus=self.bus, reader=self.reader, trust=self.trust, ledger=self.ledger)

    def migrate_archive(self) -> int:
        """Puts an older ledger's archive into folders by day; returns how many files were moved."""
        from orchestrator.workflow.archive_migration import migrate_archive

        return migrate_archive(self.bus, self.reader, self.trust)

    @property
    def rolls(self) -> UpdateRolls:
        """How the fleet's nodes go to a release, one after the other."""
        from orchestrator.workflow.update_roll import UpdateRolls

        return UpdateRolls(bus=self.bus, reader=self.reader, trust=self.trust, ledger=self.ledger)

    @property
    def accounts(self) -> FleetSpending:
        """What the fleet has spent, as its nodes tell it."""
        from orchestrator.workflow.spending.report import FleetSpending

        return FleetSpending(ledger=self.ledger, now=self.now)

    @property
    def membership(self) -> Membership:
        """Who may do what, and the changes of that."""
        from orchestrator.policy.membership import Membership

        return Membership(bus=self.bus, reader=self.reader, trust=self.trust)

    def principals(self) -> list[Principal]:
        """Everybody who may do something."""
        return list(read_signers(self.ledger().signers).values())

    # -- the handoff --------------------------------------------------------------------------------------------

    def handoff(self, project: str, task: str, *, budget: int, count: Callable[[str], int]) -> Assembly:
        """What a fresh instance would be given. Raises NotFound for an unknown project."""
        from orchestrator.workflow.journal import context

        ledger = self.ledger()
        if project and project not in ledger.charter.projects:
            known = ", ".join(sorted(ledger.charter.projects)) or "none yet"
            raise NotFound("unknown project {!r}: fleet.toml has {}", project, known)
        recall = self.recall or context.no_recall
        return context.assemble_context(
            ledger, project, task, now=self.now(), budget=budget, count=count, recall=recall
        )

    # -- how it looks from here ---------------------------------------------------------------------------------

    def _slug(self, name: str, named: Callable[[str], str] = slug) -> str:
        if "/" in name or "\\" in name or name.startswith("."):
            raise WrongSetting("NAME", "{!r} is a path: a mission's name is one word, such as fix-the-login", name)
        try:
            return named(name.removesuffix(".md"))
        except BadName as error:
            raise WrongSetting("NAME", str(error)) from error


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _free_name(ledger: LedgerSnapshot, wanted: str) -> str:
    """The wanted name, or the first of wanted-2, wanted-3, … that nobody has, nor the attempts at another one."""
    from orchestrator.workflow.side_by_side.mission_split import filed_as

    names = (wanted if n == 1 else f"{wanted}-{n}" for n in range(1, 10_000))
    return next(name for name in names if not filed_as(ledger, name))
