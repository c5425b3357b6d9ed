"""How are the parts of a person's past put together: programs' transcripts, their index and import?"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.adapters.transcripts.aider_chats import AiderChats
from orchestrator.adapters.transcripts.claude_sessions import ClaudeSessions
from orchestrator.adapters.transcripts.codex_sessions import CodexSessions
from orchestrator.adapters.transcripts.gemini_sessions import GeminiSessions
from orchestrator.adapters.transcripts.opencode_sessions import OpenCodeSessions
from orchestrator.core.errors import WrongSetting
from orchestrator.core.foreign_files import is_file, is_folder
from orchestrator.core.ports.transcripts import TranscriptSource
from orchestrator.core.settings import Settings

if TYPE_CHECKING:
    from orchestrator.workflow.fleet import Fleet
    from orchestrator.workflow.past.transcript_import import TranscriptImport
    from orchestrator.workflow.past.transcript_index import TranscriptIndex

SOURCES: dict[str, Callable[[Mapping[str, str], Path, Path | None], TranscriptSource]] = {
    "claude": ClaudeSessions.of,
    "codex": CodexSessions.of,
    "gemini": GeminiSessions.of,
    "opencode": OpenCodeSessions.of,
    "aider": AiderChats.of,
}
SEARCHED_DEPTH, SEARCHED_FOLDERS = 3, 5_000
"""How far a search looks for aider's histories, which lie in the work trees; an import looks further."""


def transcript_source(
    program: str, folder: Path | None = None, environ: Mapping[str, str] = os.environ
) -> TranscriptSource:
    """One program's transcripts, where it keeps them or in a folder. Raises WrongSetting for a folder that is none."""
    if folder is not None and not (is_folder(folder) or is_file(folder)):
        raise WrongSetting("--from", f"{folder} is not there, or closed to you")
    return SOURCES[program](environ, Path.home(), folder)


def transcript_sources(environ: Mapping[str, str] = os.environ) -> tuple[TranscriptSource, ...]:
    """All programs' transcripts, for whoever looks at all of them."""
    near = AiderChats(top=Path.home(), depth=SEARCHED_DEPTH, most_folders=SEARCHED_FOLDERS)
    others = (SOURCES[name](environ, Path.home(), None) for name in SOURCES if name != near.name)
    return (*others, near)


def transcript_index(settings: Settings) -> TranscriptIndex:
    """This machine's index of all transcripts."""
    from orchestrator.workflow.past.transcript_index import SCHEMA_VERSION, TranscriptIndex

    return TranscriptIndex(path=settings.home / f"recall-transcripts-{SCHEMA_VERSION}.db")


def transcript_import(settings: Settings, door: Fleet) -> TranscriptImport:
    """What brings transcripts into the journal, signed by the person at this machine."""
    from orchestrator.workflow.past.folder_project import FolderProjects
    from orchestrator.workflow.past.transcript_import import TranscriptImport

    return TranscriptImport(
        bus=door.bus,
        reader=door.reader,
        ledger=door.ledger,
        node=settings.node,
        home=Path.home(),
        projects=FolderProjects(),
    )


def past_sentence(environ: Mapping[str, str] = os.environ) -> str:
    """What of a person's past is here, in a line; empty where nothing is. aider's is not looked for."""
    from orchestrator.workflow.past.past_overview import past_overview

    return past_overview(SOURCES[name](environ, Path.home(), None) for name in SOURCES if name != "aider").sentence
