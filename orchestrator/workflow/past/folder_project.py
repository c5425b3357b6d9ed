"""Whose is the folder that a transcript names: which project of the fleet has its repository there?

A transcript may name any folder. It is looked at only where it is there and this user's, and nothing of it is run:
git is asked for an address. Nothing is guessed by names.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.projects.discovery import addresses_of
from orchestrator.workflow.projects.enrol import project_of
from sync.errors import GitError

MAX_FOLDERS = 2_000
"""Folders that are looked at."""


@dataclass(frozen=True, kw_only=True)
class FolderProjects:
    """Projects by folder; each repository is asked once."""

    addresses: Callable[[Path], tuple[str, ...]] = addresses_of
    _known: dict[str, str] = field(default_factory=dict)

    def __call__(self, ledger: LedgerSnapshot, folder: str) -> str:
        """The project of a folder; "" where it is none's."""
        if folder not in self._known:
            self._known[folder] = self._find(ledger, folder) if len(self._known) < MAX_FOLDERS else ""
        return self._known[folder]

    def _find(self, ledger: LedgerSnapshot, folder: str) -> str:
        try:
            here = Path(folder)
            if not folder or "\0" in folder or not here.is_absolute() or here.stat().st_uid != os.geteuid():
                return ""
            top = next((each for each in (here, *here.parents) if (each / ".git").exists()), None)
            return project_of(ledger, self.addresses(top.resolve())) if top else ""
        except (OSError, GitError, ValueError):
            return ""
