"""What does `fleet.toml` say: the fleet's name, its projects, how the bus beats, whom it trusts?"""

from __future__ import annotations

import re
import tomllib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from orchestrator import cron
from orchestrator.errors import BrokenLedger
from orchestrator.ports import Project

PATH = "fleet.toml"
TOOLS = ("search", "read", "write", "run", "shell", "git")
"""What chats can do in their workspaces."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FleetPart(_Part):
    """`[fleet]`."""

    name: str = "fleet"


class BusPart(_Part):
    """`[bus]`: seconds. A lease is `lease_beats` beats long."""

    beat_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    lease_beats: Annotated[float, Field(ge=2, le=100)] = 3.0
    poll_seconds: tuple[float, float] = (5.0, 30.0)

    @property
    def lease(self) -> float:
        """Seconds of silence after which a mission may be taken over."""
        return self.beat_seconds * self.lease_beats

    @model_validator(mode="after")
    def _order(self) -> BusPart:
        low, high = self.poll_seconds
        if not 0 < low <= high:
            raise ValueError("poll_seconds must be [shortest, longest], both above 0")
        return self


class TrustPart(_Part):
    """`[trust]`."""

    missions: Literal["signed", "remote"] = "signed"
    sandbox: Literal["required", "optional"] = "required"


class ReviewPart(_Part):
    """`[review]`. `cron` is five fields, in `timezone`; empty: only by hand. `words` says who words new items."""

    cron: str = ""
    timezone: str = "UTC"
    approve: bool = False
    words: Literal["plain", "model"] = "plain"

    @model_validator(mode="after")
    def _readable(self) -> ReviewPart:
        if self.cron:
            cron.trigger(self.cron, self.timezone)  # raises ValueError
        return self


class HandoffPart(_Part):
    """`[handoff]`: when a lesson becomes known to all (0 switches that way off), and who words memos."""

    promote_missions: Annotated[int, Field(ge=0, le=1000)] = 2
    promote_projects: Annotated[int, Field(ge=0, le=1000)] = 2
    memo_words: Literal["plain", "model"] = "plain"


class ToolsPart(_Part):
    """`[tools]`: what a chat's tools must ask a person for, and what they may not do. `git` means all its verbs."""

    ask: list[str] = ["git add", "git commit"]
    deny: list[str] = []

    @field_validator("ask", "deny")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for act in value:
            tool, _, verb = act.partition(" ")
            if tool not in TOOLS or (verb and tool != "git"):
                raise ValueError(f"there are {', '.join(TOOLS)}, and verbs of git such as `git commit`, not {act!r}")
        return value


class ProjectPart(_Part):
    """`[projects.NAME]`."""

    url: str
    branch: str = "main"
    test: str | None = None

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        if re.match(r"^[A-Za-z0-9+.-]+::", value) or value.startswith("-"):
            raise ValueError("not a Git URL or a path that may be cloned")
        return value


class Charter(_Part):
    """The whole file."""

    fleet: FleetPart = FleetPart()
    bus: BusPart = BusPart()
    trust: TrustPart = TrustPart()
    review: ReviewPart = ReviewPart()
    handoff: HandoffPart = HandoffPart()
    tools: ToolsPart = ToolsPart()
    projects: dict[str, ProjectPart] = {}

    def project(self, name: str) -> Project:
        """A project by name. Raises KeyError."""
        part = self.projects[name]
        return Project(name=name, url=part.url, branch=part.branch, test=part.test)


def read(data: bytes | None) -> Charter:
    """Reads `fleet.toml`. Raises BrokenLedger with the line (TOML) or the key (meaning) that is wrong."""
    if data is None:
        raise BrokenLedger(f"{PATH} is missing on the ledger's branch: run `shiftbook init` in a clone of it")
    try:
        return Charter.model_validate(tomllib.loads(data.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BrokenLedger(f"{PATH}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BrokenLedger(f"{PATH}: {where}: {first['msg'].removeprefix('Value error, ')}") from error
