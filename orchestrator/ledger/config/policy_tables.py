"""What may stand under `policy` in `fleet.toml`, and which of it holds for one kind of work in one project?

The most specific place that says something wins, key by key: the project's word on the task, the project's, the
fleet's on the task, the fleet's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from missions.agent_trust import TrustTier, TrustWeights
from missions.mission import TASKS

if TYPE_CHECKING:
    from missions.approval import ApprovalRules

TOOLS = ("search", "read", "write", "run", "shell", "git")
"""What chats and agents can do in their workspaces."""


class FleetTomlTable(BaseModel):
    """A table of `fleet.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _check_globs(globs: tuple[str, ...]) -> tuple[str, ...]:
    for glob in globs:
        if not glob.strip() or glob.startswith("/") or ".." in glob.split("/") or "\\" in glob:
            raise ValueError(f"{glob!r} leaves the project: write paths relative to its root, without '..'")
    return globs


class AutoPart(FleetTomlTable):
    """`auto_approve`: when nobody has to look. `paths` and `max_lines` must be said."""

    max_lines: Annotated[int, Field(ge=0, strict=True)]
    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    max_files: Annotated[int, Field(ge=0, strict=True)] | None = None
    max_cost_usd: Annotated[float, Field(ge=0)] | None = None
    tests: Literal["passed", "any"] = "passed"
    tier: TrustTier = TrustTier.TRUSTED

    @field_validator("paths")
    @classmethod
    def _paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _check_globs(value)


class StandingPart(FleetTomlTable):
    """`standing`: what outcomes count, and how many points a tier takes."""

    trusted: Annotated[int, Field(ge=0, le=1000, strict=True)] = 3
    proven: Annotated[int, Field(ge=0, le=1000, strict=True)] = 10
    failed: Annotated[int, Field(ge=0, le=1000, strict=True)] = 1
    rejected: Annotated[int, Field(ge=0, le=1000, strict=True)] = 3
    look_back: Annotated[int, Field(ge=1, le=100, strict=True)] = 20

    @model_validator(mode="after")
    def _order(self) -> StandingPart:
        if self.proven < self.trusted:
            raise ValueError("proven must not take fewer points than trusted")
        return self


class ChildrenPart(FleetTomlTable):
    """`children`: what missions that an agent proposes may do without a person."""

    max: Annotated[int, Field(ge=0, le=20, strict=True)] = 0
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
    capabilities: frozenset[Annotated[str, Field(min_length=1, max_length=100)]] = frozenset()


def _false_as_none(value: Any) -> Any:
    return None if value is False else value


class TaskPolicy(FleetTomlTable):
    """What holds for one kind of work. `auto_approve = false` takes a wider rule back."""

    auto_approve: Annotated[AutoPart | None, BeforeValidator(_false_as_none)] = None
    auto_word: bool = True
    scope: tuple[str, ...] = ()
    tools: dict[TrustTier, tuple[str, ...]] = {}
    standing: StandingPart = StandingPart()
    children: ChildrenPart = ChildrenPart()

    @field_validator("tools")
    @classmethod
    def _tools(cls, value: dict[TrustTier, tuple[str, ...]]) -> dict[TrustTier, tuple[str, ...]]:
        unknown = [tool for tools in value.values() for tool in tools if tool not in TOOLS]
        if unknown:
            raise ValueError(f"there are {', '.join(TOOLS)}, not {unknown[0]!r}")
        return value

    @field_validator("scope")
    @classmethod
    def _scope(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _check_globs(value)


class PolicyPart(TaskPolicy):
    """`[policy]`, and `[projects.NAME.policy]`."""

    tasks: dict[str, TaskPolicy] = {}

    @field_validator("tasks")
    @classmethod
    def _known(cls, value: dict[str, TaskPolicy]) -> dict[str, TaskPolicy]:
        for task in value:
            if task not in TASKS:
                raise ValueError(f"there is no task {task!r}: one of {', '.join(TASKS)}")
        return value


def effective_rules(task: str, fleet: PolicyPart, project: PolicyPart | None, on_approval: str) -> ApprovalRules:
    """What holds for a task of a project."""
    from missions.approval import ApprovalRules, AutoApproveRule, ChildLimits

    places: list[TaskPolicy] = []
    for part in (project, fleet):
        if part is not None:
            places += [part.tasks[task]] if task in part.tasks else []
            places.append(part)
    auto, standing = _first_set(places, "auto_approve"), _first_set(places, "standing")
    children = _first_set(places, "children")
    return ApprovalRules(
        auto=AutoApproveRule(**auto.model_dump()) if auto else None,
        auto_word=_first_set(places, "auto_word"),
        scope=_first_set(places, "scope"),
        tools=_first_set(places, "tools"),
        scale=TrustWeights(**standing.model_dump()),
        children=ChildLimits(**children.model_dump()),
        on_approval=on_approval,
    )


def _first_set(places: Iterable[TaskPolicy], key: str) -> Any:
    """What the first place says that says anything; else the default."""
    found = next((place for place in places if key in place.model_fields_set), PolicyPart())
    return getattr(found, key)
