"""The wiring: which adapter serves which port? The one file that names them.

Each part is imported by the function that makes it: a command pays for what it uses, and help for none.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from orchestrator.adapters.agents.log_review import ReviewAgent
    from orchestrator.adapters.models.manager import ModelManager
    from orchestrator.adapters.models.model_check import CheckBook
    from orchestrator.adapters.models.router import Router
    from orchestrator.adapters.sandbox.image_root import RootFolder
    from orchestrator.core.events import Tell
    from orchestrator.core.ports.agent import Agent, Project
    from orchestrator.core.ports.model import Model
    from orchestrator.core.ports.model_backend import BackendCandidate
    from orchestrator.core.ports.outbox import Outgoing
    from orchestrator.core.ports.sandbox import Sandbox
    from orchestrator.core.ports.stores import Stores
    from orchestrator.core.settings import Settings
    from orchestrator.execution.programs.port import Program
    from orchestrator.execution.project_setup import ProjectSetups
    from orchestrator.execution.workspace.clone import Workspaces
    from orchestrator.ledger.config.fleet_toml import FleetConfig
    from orchestrator.ledger.snapshot import SnapshotReader
    from orchestrator.ledger.transport import Transport
    from orchestrator.node.clone_watch import CloneWatch
    from orchestrator.policy.authorization import Trust
    from orchestrator.workflow.answers.answer_sources import SourceFinder
    from orchestrator.workflow.fleet import Fleet
    from orchestrator.workflow.journal.log import Logbook
    from orchestrator.workflow.journal.memos import Memos
    from orchestrator.workflow.journal.review import Reviews
    from orchestrator.workflow.journal.search_index import SearchIndex
    from orchestrator.workflow.journal.tamper_check import TamperCheck
    from sync.git_remote import GitRemote
    from sync.signatures import Key


def now() -> datetime:
    """The wall clock, UTC."""
    return datetime.now(UTC)


def clock() -> float:
    """Monotonic seconds that go on while the machine sleeps, where the system offers that."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def awake_clock() -> float:
    """Monotonic seconds that stand still while the machine sleeps: for how long this process has been able to work."""
    return time.monotonic()


def remote(settings: Settings) -> GitRemote:
    """The ledger's remote. Raises WrongSetting when no ledger is set."""
    from orchestrator.app import standing
    from sync.git_remote import GitRemote

    if not settings.ledger:
        raise WrongSetting(
            "SHIFTBOOK_LEDGER",
            "no fleet is set: type `shiftbook project add .` in a project, `shiftbook init` or `shiftbook join URL`",
        )
    token = settings.git_token.get_secret_value()
    return GitRemote(
        settings.ledger,
        settings.ledger_clone,
        branch=settings.branch,
        token=token,
        moved=standing.branch_moved,
    )


def transport(settings: Settings, link: GitRemote, *, name: str, key: Key) -> Transport:
    """A speaker on the bus who signs with `key`."""
    from orchestrator.ledger.transport import Transport

    return Transport(
        remote=link,
        store=link.store,
        name=name,
        boot=os.urandom(8).hex(),
        sign=key.sign,
        key=key.public,
        now=now,
        nonce=lambda: os.urandom(16).hex(),
        branch=settings.branch,
    )


def reader(settings: Settings, link: GitRemote) -> SnapshotReader:
    """Reads the ledger as this machine trusts it."""
    from orchestrator.ledger.snapshot import SnapshotReader
    from orchestrator.ledger.trust.pins import TrustPins
    from orchestrator.ledger.trust.root import TrustRoot

    pins = TrustPins(path=settings.home / "pin.json", ledger=settings.ledger)
    return SnapshotReader(link.store, TrustRoot(link.store, pins.anchor, pins), settings.branch)


def fleet(settings: Settings) -> Fleet:
    """The door for the person at this machine. Raises WrongSetting when no ledger is set."""
    from pathlib import Path

    from orchestrator.app import identity
    from orchestrator.ledger.node_pages import LastSeenStore
    from orchestrator.policy.authorization import Trust
    from orchestrator.workflow.fleet import Fleet
    from sync.git import Git

    link = remote(settings)
    person = identity.person_name(Git(Path.cwd()))
    key = identity.person_key(settings, person)
    return Fleet(
        bus=transport(settings, link, name=person, key=key),
        reader=reader(settings, link),
        trust=Trust(link.store),
        sightings=LastSeenStore(settings.ledger_home / "seen.json"),
        now=now,
        recall=lambda *asked: search_index(settings).lines(*asked),
        cache=settings.home / "cache",
        sandbox=lambda: sandbox(required=True),
    )


def agents_fleet(settings: Settings, door: Fleet, agent: str) -> Fleet:
    """The same door for an agent from outside: what it writes is in its own name, signed by the node."""
    from orchestrator.app import identity

    key = identity.node_key(settings)
    return replace(door, bus=replace(door.bus, name=agent, sign=key.sign, key=key.public), cache=None)


def search_index(settings: Settings) -> SearchIndex:
    """This machine's index of the journal."""
    from orchestrator.workflow.journal.search_index import SCHEMA_VERSION, SearchIndex

    return SearchIndex(path=settings.ledger_home / f"recall-{SCHEMA_VERSION}.db", of=settings.ledger)


def logbook(settings: Settings, door: Fleet | None = None) -> Logbook:
    """The journal, for the person at this machine. Raises WrongSetting when no ledger is set."""
    from orchestrator.workflow.journal.log import Logbook

    door = door or fleet(settings)
    return Logbook(bus=door.bus, reader=door.reader, ledger=door.ledger, recollection=search_index(settings))


def memos(speaker: Transport, reads: SnapshotReader, trust: Trust) -> Memos:
    """What the fleet has learned, for one speaker on the bus."""
    from orchestrator.workflow.journal.memos import Memos

    return Memos(bus=speaker, reader=reads, trust=trust, ledger=lambda: reads.read(speaker.remote.fetch()))


def reviews(settings: Settings, speaker: Transport, reads: SnapshotReader, answers: Model, *, clone: bool) -> Reviews:
    """The review of the logs. Without `clone` a project's files are only looked at where a clone of it is here."""
    from orchestrator.adapters.agents.log_review import SentenceWriter
    from orchestrator.policy.authorization import Trust
    from orchestrator.workflow.journal.review import Reviews

    never, spaces = threading.Event(), workspaces(settings)

    def paths(project: Project) -> frozenset[str]:
        return spaces.files(project, never, clone=clone)

    words = SentenceWriter(model=answers, stop=never)
    return Reviews(bus=speaker, reader=reads, paths=paths, wording=words, trust=Trust(speaker.store))


def reviewer(settings: Settings, speaker: Transport, link: GitRemote, answers: Model) -> ReviewAgent:
    """The agent of reviews, with eyes of its own: it works in a thread beside the node's loop."""
    from orchestrator.adapters.agents.log_review import ReviewAgent
    from orchestrator.policy.authorization import Trust

    own = reader(settings, link)
    held = reviews(settings, speaker, own, answers, clone=True)
    return ReviewAgent(reviews=held, memos=memos(speaker, own, Trust(link.store)))


def sentence_writer(answers: Model) -> Callable[[str], str]:
    """A model as what words a sentence."""
    from orchestrator.adapters.agents.log_review import SentenceWriter

    return SentenceWriter(model=answers, stop=threading.Event())


def tamper_check(settings: Settings) -> TamperCheck:
    """What this machine knows of changes to old entries."""
    from orchestrator.workflow.journal.tamper_check import TamperCheck

    return TamperCheck(path=settings.ledger_home / "journal.json", of=settings.ledger)


def stores(settings: Settings) -> Stores:
    """What this node keeps in its own database. Raises WrongSetting, StoreFailed, GlobalStateRefused."""
    from orchestrator.adapters.database.factory import open_stores
    from orchestrator.app.database_place import note_server, require_told
    from orchestrator.core.state_scope import DatabaseUser

    require_told(settings.home, settings.database_url)
    user = DatabaseUser(node=settings.node, role=settings.role)
    new_id = lambda: os.urandom(16).hex()  # noqa: E731
    found = open_stores(settings.store_url, now=now, new_id=new_id, node=settings.node, user=user)
    if not settings.store_url.startswith("sqlite"):
        note_server(settings, found.copies.place)
    return found


def outbox(settings: Settings) -> AbstractContextManager[Outgoing | None]:
    """What this node has to tell people; None where no database was ever made, and none is made. Raises as `stores`."""
    from orchestrator.adapters.database.plain.outbox_file import open_outbox
    from orchestrator.app.database_place import require_told
    from orchestrator.core.state_scope import DatabaseUser

    require_told(settings.home, settings.database_url)
    user = DatabaseUser(node=settings.node, role=settings.role)
    return open_outbox(settings.store_url, user, otherwise=lambda: stores(settings))


def bring_up_database(settings: Settings) -> None:
    """Makes this node's database, or brings it up to date, in a process that ends. What is wrong `stores` says.

    Where this process has loaded already what that takes, another would save nothing: `stores` does it then.
    """
    from orchestrator.adapters.database.bring_up import bring_up_apart

    if "alembic" not in sys.modules:
        bring_up_apart(settings.store_url)


def router(settings: Settings) -> Router:
    """What chooses who answers on this machine. Looks for nobody yet."""
    from orchestrator.adapters.models.configured import configured_candidates
    from orchestrator.adapters.models.router import Router

    return Router(configured_candidates(settings), clock=clock, checks=check_book(settings).read)


def check_book(settings: Settings) -> CheckBook:
    """What models did in their checks on this machine."""
    from orchestrator.adapters.models.model_check import CheckBook

    return CheckBook(settings.home / "model-checks.json")


def answer_sources(settings: Settings) -> SourceFinder:
    """What finds on which lines of the ledger an answer may rest."""
    from orchestrator.ledger.node_pages import LastSeenStore
    from orchestrator.workflow.answers.answer_sources import SourceFinder

    sightings = LastSeenStore(settings.ledger_home / "seen.json")
    return SourceFinder(now=now, sightings=sightings, recall=search_index(settings).lines)


def only(candidate: BackendCandidate) -> Router:
    """A router with one backend to choose from."""
    from orchestrator.adapters.models.router import Router

    return Router([candidate], clock=clock)


def model(settings: Settings) -> Model:
    """The model that this machine answers with: whatever its router chooses. Loads nothing yet."""
    from orchestrator.adapters.models.routed_model import RoutedModel

    return RoutedModel(router(settings), context_tokens=settings.context)


def embedded_file(settings: Settings) -> Path | None:
    """The embedded model's file, where it is on this machine."""
    from orchestrator.adapters.models.configured import model_folder
    from orchestrator.adapters.models.model_file import EmbeddedModel

    return EmbeddedModel(folder=model_folder(settings)).source()


def model_for_devices(settings: Settings) -> tuple[str, Path] | None:
    """The name and file of the model that devices may have, where it is on this machine."""
    from orchestrator.adapters.models.model_file import EmbeddedModel

    found = embedded_file(settings)
    return (EmbeddedModel().name, found) if found else None


def model_manager(settings: Settings) -> ModelManager:
    """The models of this machine."""
    from orchestrator.adapters.models.manager import ModelManager

    return ModelManager(settings=settings, router=router(settings), checks=check_book(settings))


def sandbox(*, required: bool, root: RootFolder | None = None) -> Sandbox:
    """What confines commands: bubblewrap; nothing only where the fleet allows that and bubblewrap does not work.

    With a root file system it is never nothing: one that cannot be used is to be mended.
    """
    from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
    from orchestrator.adapters.sandbox.none import NoSandbox

    bubblewrap = Bubblewrap(rootfs=root.path, trouble=root.trouble) if root else Bubblewrap()
    return bubblewrap if required or root or bubblewrap.missing() is None else NoSandbox()


def workspaces(settings: Settings) -> Workspaces:
    """What makes workspaces. A project's hooks on this machine are confined, or they are not run."""
    from orchestrator.execution.workspace.clone import Workspaces

    return Workspaces(cache=settings.home / "cache", sandbox=sandbox(required=True))


def project_setups(settings: Settings, confined: Sandbox, spaces: Workspaces) -> ProjectSetups:
    """What sets projects up on this machine, with its user's way to package registries."""
    from pathlib import Path

    from orchestrator.app.root_file_system import root_folder
    from orchestrator.execution.project_setup import ProjectSetups

    return ProjectSetups(
        sandbox=confined,
        workspaces=spaces,
        private=settings.home,
        home=Path.home(),
        environ=os.environ,
        root=str(root.path) if (root := root_folder(settings)) else "",
    )


def programs(rules: FleetConfig | None = None) -> tuple[Program, ...]:
    """The agents' programs that are known, whether or not they are installed, with those of the fleet's own rules."""
    from orchestrator.adapters.agents import programs as known

    return tuple(known(rules.agents if rules else {}))


def agents(
    settings: Settings, answers: Model, confined: Sandbox, rules: FleetConfig | None = None, *, held: Iterable[str] = ()
) -> dict[str, Agent]:
    """The agents that work on this machine, by name, with those of the fleet's own rules. `held` is what the built-in
    one's tools may not do."""
    from orchestrator.adapters.agents.builtin import BuiltinAgent
    from orchestrator.adapters.agents.command import CommandAgent
    from orchestrator.adapters.agents.program_agent import ProgramAgent
    from orchestrator.adapters.agents.tool_worker import UNATTENDED_POLICY
    from orchestrator.execution.attempt import AttemptRunner

    if not settings.policy.takes_missions:
        return {}
    spaces = workspaces(settings)
    setups = project_setups(settings, confined, spaces)
    attempts = AttemptRunner(sandbox=confined, workspaces=spaces, node=settings.node, setups=setups)
    command = CommandAgent(sandbox=confined, workspaces=spaces, node=settings.node, setups=setups)
    wanted = [each for each in programs(rules) if not settings.agents or each.name in settings.agents]
    coding = [ProgramAgent(program=each, attempts=attempts) for each in wanted]
    policy = replace(UNATTENDED_POLICY, denies=UNATTENDED_POLICY.denies.union(held))
    own = BuiltinAgent(model=answers, attempts=attempts, policy=policy, answer_tokens=settings.answer_tokens)
    found: list[Agent] = [own, command, *coding]
    return {agent.name: agent for agent in found if agent.missing() is None}


def watching(settings: Settings, folder: Path, tell: Tell, sent: Callable[[], None] = lambda: None) -> CloneWatch:
    """What turns edits in a person's clone into commits. Raises WrongSetting when `folder` is no clone of a ledger."""
    from orchestrator.node.clone_watch import CloneWatch
    from orchestrator.node.commit_rules import WATCHED_PATHS, build_merge
    from sync.clone_push import UpstreamBranch
    from sync.errors import GitError
    from sync.worktree import WorkTree

    try:
        tree = WorkTree(folder, settings.branch, WATCHED_PATHS)
    except (GitError, OSError) as error:
        raise WrongSetting("SHIFTBOOK_WATCH", f"{folder} is not a clone of a ledger ({error})") from error
    if not (tree.folder / "fleet.toml").is_file():
        raise WrongSetting("SHIFTBOOK_WATCH", f"{tree.folder} is not a clone of a ledger: it has no fleet.toml")
    return CloneWatch(
        tree=tree,
        upstream=UpstreamBranch(tree, build_merge(tree.merged)),
        tell=tell,
        clock=clock,
        quiet=settings.watch_quiet,
        pull=settings.watch_pull,
        sent=sent,
    )
