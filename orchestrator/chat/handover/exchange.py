"""How is work exchanged: how does a chat become a mission, and a mission a chat?

Conversations and their workspaces are this node's own: a mission says where its conversation lives, and a chat that
takes a mission over lives where it was taken over. The mission itself, and the work that it starts from, are in the
ledger for everybody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from handoff.secrets.redact import redact
from missions.frontmatter import Scalar
from orchestrator.chat.handover import summary
from orchestrator.chat.tools.workspace import ChatWorkspace, ChatWorkspaces
from orchestrator.chat.tools.workspace import chat_branch as own_branch
from orchestrator.chat.values import clean_turn
from orchestrator.core.errors import Refused, WorkspaceFailed, WrongSetting
from orchestrator.core.ports.agent import Project
from orchestrator.core.ports.conversations import Conversation, Conversations, ConversationTurn
from orchestrator.core.ports.model import Stop
from orchestrator.execution.workspace.start_point import apply_patch, check_out_branch, patch_path, workspace_changes
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.mission_detail import MissionDetail
from sync.errors import GitError

MAX_PATCH_BYTES = 1024 * 1024
"""Bytes of work that a mission may bring along in the ledger; more belongs on a branch."""
MAX_CONVERSATIONS_SEARCHED = 200
"""Conversations that are looked through for the one that took a mission over before."""
PAUSE_TIMEOUT_SECONDS = 30.0
"""How long a node has to stop what is taken over."""

Fields = Mapping[str, Scalar | Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class MissionFromChat:
    """The mission that a chat became. `files` are those that it starts from, changed already."""

    name: str
    project: str
    conversation: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ChatFromMission:
    """The chat that a mission goes on in. `begins` says what its workspace starts from."""

    conversation: str
    mission: str
    project: str
    begins: str
    resumed: bool = False


@dataclass(frozen=True, kw_only=True)
class HandoverService:
    """One node's. `fleet` speaks for whoever asks."""

    fleet: Fleet
    conversations: Conversations
    grounds: ChatWorkspaces
    node: str
    sleep: Callable[[float], None] = time.sleep

    # -- a chat becomes a mission ---------------------------------------------------------------------------------

    def file(self, conversation: str, fields: Fields, *, name: str = "", by: str = "") -> MissionFromChat:
        """Files a mission that goes on where a chat is. What `fields` say goes before what the chat would.

        Raises NotFound, WrongSetting, and Refused where its changes are too many or hold a secret.
        """
        found = self.conversations.get(conversation)
        turns = self._turns(conversation)
        if not any(turn.role == "user" for turn in turns):
            raise WrongSetting("conversation", "nothing was said in it yet")
        patch, files = self._work(found)
        told = summary.summarise_chat(found, turns, files, node=self.node)
        given = {key: value for key, value in fields.items() if value not in (None, "", [], ())}
        task = "coding_task" if patch or files else "general_task"
        made = {"title": redact(told.title).text, "task": task, "project": found.project or None, **given}
        beside: dict[str, bytes] = {}
        if patch:
            made["patch"] = self.fleet.bus.store.put("blob", patch)
            beside[patch_path(str(made["patch"]))] = patch
        filed = self.fleet.new(redact(told.body).text, made, name=name, by=by, beside=beside)
        return MissionFromChat(name=filed, project=str(made["project"] or ""), conversation=conversation, files=files)

    def _work(self, of: Conversation) -> tuple[bytes, tuple[str, ...]]:
        """What the chat's workspace has changed."""
        folder, known = self.grounds.place(of.id), self.fleet.ledger().charter.projects
        if not of.project or of.project not in known or not (folder / "tree" / ".git").exists():
            return b"", ()
        try:
            patch, files = workspace_changes(folder, own_branch(of.id), known[of.project].branch)
        except GitError as error:
            raise WorkspaceFailed(f"the workspace of conversation {of.id} cannot be read: {error}") from error
        if len(patch) > MAX_PATCH_BYTES:
            raise Refused(
                f"the chat changed {{:,}} bytes; a mission brings {MAX_PATCH_BYTES:,} at most: push a branch",
                len(patch),
            )
        secrets = redact(patch.decode("utf-8", "replace")).found
        if secrets:
            raise Refused(
                "what the chat changed holds {} secrets: take them out of {}", len(secrets), ", ".join(files[:5])
            )
        return patch, files

    # -- a mission becomes a chat ---------------------------------------------------------------------------------

    def take_over(self, name: str, *, device: str = "", stop: Stop | None = None) -> ChatFromMission:
        """Opens a chat with a mission's work and words; the one that is open here already, if there is one.

        What runs, or would soon, is paused first. Raises NotFound, Refused where it cannot be paused, WorkspaceFailed.
        """
        detail = self._pause_and_wait(self.fleet.mission(name))
        view, ledger = detail.view, self.fleet.ledger()
        project = ledger.charter.project(view.project) if view.project in ledger.charter.projects else None
        before = self._before(detail, project.name if project else "")
        if before is not None:
            return before
        with ExitStack() as undo:
            made = self.conversations.create(project.name if project else "", device, f"Mission {view.name}")
            undo.callback(self.conversations.delete, made.id)
            undo.callback(self.grounds.drop, made.id)
            ground = self.grounds.open(made.id, project, stop or threading.Event())
            begins = self._prepare_workspace(ground, made.id, detail, project, stop or threading.Event())
            for turn in summary.opening_turns(detail, begins=begins):
                self.conversations.append(made.id, clean_turn(turn))
            undo.pop_all()
        return ChatFromMission(conversation=made.id, mission=view.name, project=made.project, begins=begins)

    def _pause_and_wait(self, detail: MissionDetail) -> MissionDetail:
        """The mission once no node works on it, or will."""
        view = detail.view
        if view.status not in {"queued", "failed", "running"}:
            return detail
        self.fleet.pause(view.name)
        for _ in range(int(PAUSE_TIMEOUT_SECONDS)):
            detail = self.fleet.mission(view.name)
            if detail.view.status not in {"queued", "failed", "running"}:
                return detail
            self.sleep(1.0)
        raise Refused(
            "{} is paused, but {} still works on it: try again in a minute", view.name, view.node or "its node"
        )

    def _before(self, detail: MissionDetail, project: str) -> ChatFromMission | None:
        wanted = {"mission": detail.view.name, "epoch": detail.view.epoch}
        for each in self.conversations.listing(project=project, limit=MAX_CONVERSATIONS_SEARCHED):
            first = self.conversations.turns(each.id, limit=2) if each.title == f"Mission {detail.view.name}" else ()
            if first and wanted.items() <= first[0].trace.items():
                begins = f"Its workspace is as it was left; {each.turns} turns."
                return ChatFromMission(
                    conversation=each.id, mission=detail.view.name, project=project, begins=begins, resumed=True
                )
        return None

    def _prepare_workspace(
        self, ground: ChatWorkspace, conversation: str, detail: MissionDetail, project: Project | None, stop: Stop
    ) -> str:
        """Puts the attempt's work into the workspace; says what it starts from."""
        if project is None:
            return "It names no project, so its workspace is empty."
        workspace = self.grounds.workspace(ground, conversation, project)
        view, why = detail.view, ""
        if view.branch:
            try:
                check_out_branch(workspace, view.branch, project.branch, stop)
            except WorkspaceFailed as error:
                why = f" ({error})"
            else:
                return f"Its workspace has what stands on the branch {view.branch}."
        if not detail.diff:
            return f"Its workspace is {project.name} as it is on {project.branch}; no attempt has left a diff.{why}"
        apply_patch(workspace, detail.diff.encode("utf-8", "surrogateescape"))
        return f"Its workspace is {project.name} on {project.branch} with the last attempt's diff applied.{why}"

    def _turns(self, conversation: str) -> list[ConversationTurn]:
        found: list[ConversationTurn] = []
        while page := self.conversations.turns(conversation, after_seq=found[-1].seq if found else 0):
            found += page
        return found
