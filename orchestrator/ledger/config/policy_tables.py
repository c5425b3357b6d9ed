"""What may stand under `policy` in `fleet.toml`, and which of it holds for one kind of work in one project?

The most specific place that says something wins, key by key: the project's word on the task, the project's, the
fleet's on the task, the fleet's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from missions.agent_trust import TrustTier, TrustWeights
from missions.declared.declared_table import DeclaredTable, made_by
from missions.declared.value_rules import After, Before, Limits
from missions.mission import TASKS

if TYPE_CHECKING:
    from missions.approval import ApprovalRules

TOOLS = ("search", "read", "write", "run", "shell", "git")
"""What chats and agents can do in their workspaces."""


class FleetTomlTable(DeclaredTable):
    """A table of `fleet.toml`."""

    __table_config__ = {"extra": "forbid", "allow_inf_nan": False}  # noqa: RUF012  # never changed


def _check_globs(globs: tuple[str, ...]) -> tuple[str, ...]:
    for glob in globs:
        if not glob.strip() or glob.startswith("/") or ".." in glob.split("/") or "\\" in glob:
            raise ValueError(f"{glob!r} leaves the project: write paths relative to its root, without '..'")
    return globs


Globs = Annotated[tuple[str, ...], After(_check_globs)]


class AutoPart(FleetTomlTable):
    """`auto_approve`: when nobody has to look. `paths` and `max_lines` must be said."""

    max_lines: Annotated[int, Limits(ge=0, strict=True)]
    paths: Annotated[Globs, Limits(min_length=1)]
    max_files: Annotated[int, Limits(ge=0, strict=True)] | None = None
    max_cost_usd: Annotated[float, Limits(ge=0)] | None = None
    tests: Literal["passed", "any"] = "passed"
    tier: TrustTier = TrustTier.TRUSTED


class StandingPart(FleetTomlTable):
    """`standing`: what outcomes count, and how many points a tier takes."""

    trusted: Annotated[int, Limits(ge=0, le=1000, strict=True)] = 3
    proven: Annotated[int, Limits(ge=0, le=1000, strict=True)] = 10
    failed: Annotated[int, Limits(ge=0, le=1000, strict=True)] = 1
    rejected: Annotated[int, Limits(ge=0, le=1000, strict=True)] = 3
    look_back: Annotated[int, Limits(ge=1, le=100, strict=True)] = 20

    def check(self) -> None:
        """The tiers are in order."""
        if self.proven < self.trusted:
            raise ValueError("proven must not take fewer points than trusted")


class ChildrenPart(FleetTomlTable):
    """`children`: what missions that an agent proposes may do without a person."""

    max: Annotated[int, Limits(ge=0, le=20, strict=True)] = 0
    share: Annotated[float, Limits(ge=0, le=1)] = 0.5
    capabilities: frozenset[Annotated[str, Limits(min_length=1, max_length=100)]] = frozenset()


def _false_as_none(value: Any) -> Any:
    return None if value is False else value


def _known_tools(value: dict[TrustTier, tuple[str, ...]]) -> dict[TrustTier, tuple[str, ...]]:
    unknown = [tool for tools in value.values() for tool in tools if tool not in TOOLS]
    if unknown:
        raise ValueError(f"there are {', '.join(TOOLS)}, not {unknown[0]!r}")
    return value


class TaskPolicy(FleetTomlTable):
    """What holds for one kind of work. `auto_approve = false` takes a wider rule back."""

    auto_approve: Annotated[AutoPart | None, Before(_false_as_none)] = None
    auto_word: bool = True
    scope: Globs = ()
    tools: Annotated[dict[TrustTier, tuple[str, ...]], After(_known_tools)] = made_by(factory=dict)
    standing: StandingPart = StandingPart()
    children: ChildrenPart = ChildrenPart()


def _known_tasks(value: dict[str, TaskPolicy]) -> dict[str, TaskPolicy]:
    for task in value:
        if task not in TASKS:
            raise ValueError(f"there is no task {task!r}: one of {', '.join(TASKS)}")
    return value


class PolicyPart(TaskPolicy):
    """`[policy]`, and `[projects.NAME.policy]`."""

    tasks: Annotated[dict[str, TaskPolicy], After(_known_tasks)] = made_by(factory=dict)


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
