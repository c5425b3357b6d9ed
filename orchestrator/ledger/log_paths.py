"""Which paths in the ledger are session logs, and whose? `SESSION_LOG.md` is the running one, `log/` has older ones."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LOG_NAME = r"(?:SESSION_LOG|log/(?P<month>\d{4}-\d\d(?:-\d\d(?:/\d{3})?)?))\.md"
_LOG_PATH = re.compile(rf"(?:projects/(?P<project>[^/]+)/)?{_LOG_NAME}", re.ASCII)
_LOG_ANYWHERE = re.compile(rf"(?:.*/)?{_LOG_NAME}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class LogPath:
    """Whose log it is ("" for the fleet's own) and of which month, day or part of a day ("" for the running one).

    The project may be one that fleet.toml does not have.
    """

    project: str
    month: str


def parse_log_path(path: str) -> LogPath | None:
    """What a path in the ledger says when it is a session log's."""
    found = _LOG_PATH.fullmatch(path)
    return LogPath(project=found["project"] or "", month=found["month"] or "") if found else None


def is_log_path(path: str, *, anywhere: bool = False) -> bool:
    """Whether a path is a session log's; with `anywhere` in whichever folder, as git's attributes name them."""
    return (_LOG_ANYWHERE if anywhere else _LOG_PATH).fullmatch(path) is not None
