"""How is what tries a project on this machine put together, before it is written down?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orchestrator.app import wiring
from orchestrator.app.root_file_system import root_folder
from orchestrator.core.settings import Settings
from orchestrator.execution.project_trial import ProjectTrial
from orchestrator.execution.workspace.clone import Workspaces


def project_trial(settings: Settings, folder: Path, say: Callable[[str], None]) -> ProjectTrial:
    """What tries a project's set-up and tests once on this machine, in `folder`; it shares set-ups with the node."""
    confined = wiring.sandbox(required=True, root=root_folder(settings))
    spaces = Workspaces(cache=settings.home / "cache")
    setups = wiring.project_setups(settings, confined, spaces)
    return ProjectTrial(sandbox=confined, workspaces=spaces, setups=setups, folder=folder, say=say)
