"""Do the workspaces of conversations stay below their folder, whatever a device called a conversation?"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from orchestrator.chat.tools.workspace import ChatWorkspaces
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.agent import Project
from orchestrator.execution.workspace.clone import Workspaces

PROJECT = Project(name="shop", url="/nowhere")


@pytest.fixture
def grounds(tmp_path: Path) -> ChatWorkspaces:
    """Those of a node whose home holds more than them."""
    home = tmp_path / "home"
    (home / "chats" / "c1" / "tree").mkdir(parents=True)
    return ChatWorkspaces(folder=home / "chats", workspaces=Workspaces(cache=tmp_path / "cache"))


@pytest.mark.parametrize("conversation", ["..", ".", "", "../chats", "c1/../..", ".git"])
def test_no_name_leads_out_of_the_folder(
    grounds: ChatWorkspaces, conversation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither to make one nor to remove it. Nothing is ever removed here: a guard that fails must do no harm."""
    removed = list[Path]()
    monkeypatch.setattr("orchestrator.chat.tools.workspace.shutil.rmtree", lambda folder, **_: removed.append(folder))
    grounds.drop(conversation)
    for project in (None, PROJECT):
        with pytest.raises(WorkspaceFailed, match="has no workspace"):
            grounds.open(conversation, project, threading.Event())
    assert removed == []


def test_what_a_conversation_had_is_removed(grounds: ChatWorkspaces) -> None:
    """Its folder, and nothing else."""
    grounds.open("c2", None, threading.Event())
    grounds.drop("c1")
    assert [each.name for each in grounds.folder.iterdir()] == ["c2"]
