"""In which workspace do the tools of a conversation work?

With a project in a clone of its own, whose git folder lies beside the tree; without one in an empty folder. It stays
for as long as the conversation does, so that the next turn finds what the last one wrote.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.agent import Project
from orchestrator.core.ports.model import Stop
from orchestrator.execution.workspace.clone import Workspace, Workspaces
from orchestrator.execution.workspace.isolated_git import reset_git_folder
from sync.git import Git

IS_FOLDER_NAME = re.compile(r"[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*")


def chat_branch(conversation: str) -> str:
    """The branch that a conversation's workspace is on."""
    return f"shiftbook/chat-{conversation}/1"


@dataclass(frozen=True, kw_only=True)
class ChatWorkspace:
    """A folder that is there. `git` is the git folder beside the tree; None without a project."""

    folder: Path
    git: Path | None = None

    @property
    def tree(self) -> Path:
        """What tools may write."""
        return self.folder / "tree"

    @property
    def protected(self) -> tuple[Path, ...]:
        """What a command may read but not write."""
        return (self.tree / ".git", self.git) if self.git else ()


@dataclass(frozen=True, kw_only=True)
class ChatWorkspaces:
    """The workspaces of conversations, below `folder`."""

    folder: Path
    workspaces: Workspaces

    def place(self, conversation: str) -> Path:
        """Where a conversation's workspace is, or would be. Raises WorkspaceFailed where no folder may be called so."""
        if not IS_FOLDER_NAME.fullmatch(conversation):  # devices give conversations their ids: ".." is above all chats
            raise WorkspaceFailed(f"a conversation called {conversation!r} has no workspace")
        return self.folder / conversation

    def open(self, conversation: str, project: Project | None, stop: Stop) -> ChatWorkspace:
        """The conversation's workspace, made the first time. Raises WorkspaceFailed."""
        folder, branch = self.place(conversation), chat_branch(conversation)
        if project is None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (folder / "tree").mkdir(exist_ok=True)
            return ChatWorkspace(folder=folder)
        if not (folder / "tree" / ".git").exists():
            shutil.rmtree(folder, ignore_errors=True)  # half of one: nothing was ever done in it
            folder.mkdir(parents=True, mode=0o700)
            self.workspaces.open(project, mission=f"chat-{conversation}", attempt=1, folder=folder, stop=stop)
        else:
            reset_git_folder(folder / "git", branch)  # settings are ours again, whatever was done without a sandbox
        return ChatWorkspace(folder=folder, git=folder / "git")

    def workspace(self, ground: ChatWorkspace, conversation: str, project: Project) -> Workspace:
        """The workspace of a conversation about a project as it was just made."""
        base = Git(ground.folder / "git").tip(f"refs/heads/{project.branch}")
        server = self.workspaces.server(project)
        return Workspace(folder=ground.folder, server=server, branch=chat_branch(conversation), base=base)

    def drop(self, conversation: str) -> None:
        """Removes a conversation's workspace."""
        if IS_FOLDER_NAME.fullmatch(conversation):
            shutil.rmtree(self.place(conversation), ignore_errors=True)
