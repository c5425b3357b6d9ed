"""Which permissions is a program given that asks for them? Policy answers, and nobody has to be there.

Whatever is allowed is allowed once: a program that was told "always" would ask no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handoff.secrets.excerpts import redacted_line
from orchestrator.execution.programs.json_events import text_at

if TYPE_CHECKING:
    from acp.schema import RequestPermissionRequest, RequestPermissionResponse  # the extra, loaded with a round

TOOLS_BY_KIND = {
    "read": frozenset({"read"}),
    "search": frozenset({"search", "read"}),
    "edit": frozenset({"write"}),
    "delete": frozenset({"write"}),
    "move": frozenset({"write"}),
    "execute": frozenset({"run", "shell", "git"}),
}
"""What policy calls a kind of call; one of these must be allowed."""
ALWAYS = frozenset({"think"})
NEVER = frozenset({"fetch", "switch_mode"})
"""The sandbox has no network, and the mode is the node's to set."""
MAX_TITLE_CHARS = 200
MAX_ID_CHARS = 200
"""Characters of the longest id of a program's that is kept or sent back."""
MAX_CALLS = 1000
"""Calls whose kinds are remembered, the last ones."""


@dataclass(frozen=True, kw_only=True)
class PermissionAnswer:
    """What is answered. `denied` names the call that was refused, "" where none was."""

    response: RequestPermissionResponse
    denied: str = ""


class CallKinds:
    """What kinds the calls are of which a session has told: a question about one need not say its kind again."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}

    def take(self, update: Mapping[str, Any]) -> None:
        """Takes an update of the session."""
        call, kind = text_at(update, "toolCallId"), text_at(update, "kind")
        told = text_at(update, "sessionUpdate") in {"tool_call", "tool_call_update"}
        if not told or not kind or max(len(call), len(kind)) > MAX_ID_CHARS:
            return
        self._kinds.pop(call, None)
        self._kinds[call] = kind
        if len(self._kinds) > MAX_CALLS:
            del self._kinds[next(iter(self._kinds))]

    def of(self, call: str) -> str:
        """The kind of a call, by its id; "" where nothing was told of it."""
        return self._kinds.get(call, "")


def is_allowed(kind: str, tools: tuple[str, ...] | None) -> bool:
    """Whether a call of this kind may be made with these tools; None: policy does not say, and the sandbox holds it."""
    if kind in NEVER:
        return False
    if tools is None or kind in ALWAYS:
        return True
    return not TOOLS_BY_KIND.get(kind, frozenset()).isdisjoint(tools)


def answer_permission(
    asked: RequestPermissionRequest, tools: tuple[str, ...] | None, kinds: CallKinds
) -> PermissionAnswer:
    """Allows it once, or refuses it; what offers no way to be allowed once is refused."""
    from acp.schema import AllowedOutcome, DeniedOutcome, RequestPermissionResponse

    kind = asked.tool_call.kind or kinds.of(asked.tool_call.tool_call_id) or "other"
    usable = (each for each in reversed(asked.options) if len(each.option_id) <= MAX_ID_CHARS)
    by_kind = {each.kind: each.option_id for each in usable}  # the first of each kind
    if is_allowed(kind, tools) and "allow_once" in by_kind:
        chosen = AllowedOutcome(outcome="selected", option_id=by_kind["allow_once"])
        return PermissionAnswer(response=RequestPermissionResponse(outcome=chosen))
    denied = redacted_line(f"{kind}: {asked.tool_call.title or asked.tool_call.tool_call_id}", MAX_TITLE_CHARS)
    way = by_kind.get("reject_once") or by_kind.get("reject_always")
    refused = AllowedOutcome(outcome="selected", option_id=way) if way else DeniedOutcome(outcome="cancelled")
    return PermissionAnswer(response=RequestPermissionResponse(outcome=refused), denied=denied)
