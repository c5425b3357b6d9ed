"""Is what others wrote redacted before it is cut?

A token that lost its end is no token to any rule, so its beginning leaves. Whoever cuts and lets something leave calls
`handoff.secrets.excerpts`, which does both in their order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set

from tests.architecture.sources import functions
from tests.architecture.test_redaction import REDACTORS

CUTTERS = {"shorten", "one_line"}
REDACTED_FIRST = {
    "handoff/secrets/excerpts.py": "the one place: what it reads ends at a space far behind what is shown",
    "orchestrator/ledger/result_report.py:build_record": "so many proposals, each whole",
    "orchestrator/node/executor.py:words_of": "the last lines, each whole",
    "orchestrator/execution/project_setup.py:_failure": "the same",
    "orchestrator/execution/project_trial.py:run": "the same",
    "orchestrator/workflow/merge_queue/project_ground.py:_last_words": "all of it is redacted before that",
    "orchestrator/workflow/journal/log.py:add": "sections, each whole",
}
"""Functions that redact something of which a part was left out before, each with the reason why no word is halved."""

OWN_WORDS = {
    "orchestrator/chat/tools/paths.py:_quote": "a path that a model named, told to that model",
    "orchestrator/mcp/service.py:_first_line": "its caller redacts before",
    "orchestrator/policy/heartbeat_missions.py:render_heartbeat_mission": "heartbeat.turn cleans what is found",
    "orchestrator/workflow/assignment/node_briefing.py:_words": "words of capabilities, each of its own shape",
    "orchestrator/workflow/boards/task_mission.py:task_text": "redacts within",
    "orchestrator/workflow/journal/entry_places.py:heading": "reads what was redacted when it was added",
    "orchestrator/workflow/journal/log.py:_commit_subject": "of an entry that is redacted",
    "orchestrator/workflow/journal/memos.py:_lesson_change": "of words that are redacted above it",
    "orchestrator/workflow/past/session_entry.py:_code": "session_digest redacts each text whole",
    "orchestrator/workflow/past/session_entry.py:_words": "the same",
    "orchestrator/workflow/past/session_entry.py:session_entry": "the same",
}
"""Functions of the program's rooms that shorten a text all the same, each with its reason."""


def test_nothing_is_cut_on_its_way_to_redaction() -> None:
    """Not in what is handed to it, and not in a name that holds a cut text."""
    assert sorted(_cut_before(REDACTED_FIRST.keys())) == []


def test_whoever_shortens_redacts() -> None:
    """Whatever leaves the program's rooms; the command line alone shows a person's own screen."""
    assert sorted(_bare_cutters() - OWN_WORDS.keys()) == []


def test_each_reason_is_needed() -> None:
    """No reason outlives what it excuses."""
    places = {f"{each.module}:{each.node.name}" for each in functions()}
    modules = {place.partition(":")[0] for place in places}
    assert OWN_WORDS.keys() - _bare_cutters() == set()
    assert {key for key in REDACTED_FIRST if key not in places | modules} == set()


def _bare_cutters() -> set[str]:
    rooms = (each for each in functions() if each.module.startswith("orchestrator/"))
    return {
        f"{each.module}:{each.node.name}"
        for each in rooms
        if not each.module.startswith("orchestrator/cli/") and any(_called(call) in CUTTERS for call in each.calls)
    }


def _cut_before(excused: Set[str]) -> Iterator[str]:
    for module, function, calls in functions():
        place = f"{module}:{function.name}"
        redacting = [call for call in calls if _called(call) in REDACTORS]
        if not redacting or {place, module} & excused:
            continue
        halves = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and _is_cut(node.value) and not any(_calls(node.value, REDACTORS))
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in redacting:
            given = [*call.args, *(each.value for each in call.keywords)]
            if any(_is_cut(each, halves) for each in given):
                yield f"{place}:{call.lineno} redacts what was cut before: call redacted_excerpt"


def _is_cut(node: ast.AST, halves: Set[str] = frozenset()) -> bool:
    for each in ast.walk(node):
        if isinstance(each, ast.Subscript) and isinstance(each.slice, ast.Slice) and _bounded(each.slice):
            return True
        if isinstance(each, ast.Name) and each.id in halves:
            return True
    return any(_calls(node, CUTTERS))


def _bounded(part: ast.Slice) -> bool:
    """Whether a slice leaves something out at its end, or keeps an end of something."""
    keeps_end = isinstance(part.lower, ast.UnaryOp) and isinstance(part.lower.op, ast.USub)
    return part.upper is not None or keeps_end


def _calls(node: ast.AST, names: Set[str]) -> Iterator[ast.Call]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and _called(each) in names:
            yield each


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
