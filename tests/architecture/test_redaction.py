"""Does everything that leaves pass `redact` where it is written?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.architecture.sources import MODULES, ROOT, dotted, functions, nodes

REDACTORS = {"redact", "redact_values", "redact_record", "redact_artifact", "clean_turn"} | {
    "_redacted",
    "_redacted_value",
    "_without_secrets",
    "redacted_excerpt",
    "redacted_line",
    "redacted_end",
}
"""`redact` of `handoff.secrets`, and what calls it on a value of some kind."""

OUTLETS = {
    "render_entry": "the session log",
    "render_memo": "a memo",
    "render_knowledge": "a lesson on file",
    "ResultRecord": "the record of an attempt on a node's branch",
    "write_commit": "a commit of the ledger",
    "UnresolvedConflict": "a file of a conflict",
    "conversations.append": "the history of a chat",
    "calls.begin": "the call of a tool in the history",
    "calls.finish": "its result",
    "ConversationTurn": "a turn of a chat",
    "courier.send": "a notification",
    "PushMessage": "a push to a device",
    "compose_message": "a notification",
    "PullWanted": "a pull request",
    "forge.say": "a comment on a forge",
    "Problem": "an error over HTTP",
    "repository.patch": "a diff that is told",
    "OutputPage": "what a running attempt says, shown to who watches",
    "DiffSoFar": "what it has changed",
    "bus.give_up": "why a task failed, in Redis",
}
"""What is called where something leaves, and what that is."""

SAFE = {
    "orchestrator/cli/notify.py:_ring": "words of ours",
    "handoff/log.py:_entry_source": "a copy of an entry that was redacted when it was added",
    "handoff/log.py:_with_digest_id": "the same",
    "handoff/budget_fit.py": "shows what the log has",
    "orchestrator/cli/journal/memo.py:show": "shows what the ledger has",
    "orchestrator/workflow/reading/journal_page.py:whole_memo": "api/web/ledger_answers redacts each answer",
    "orchestrator/bench/handoff.py": "measures it",
    "orchestrator/bench/history.py": "made-up texts of a measurement",
    "orchestrator/bench/testbed.py": "made-up texts of a measurement",
    "orchestrator/ledger/result_record.py:read_record": "reads what a node has written",
    "missions/live_view.py:read_live_view": "reads what a node has written",
    "orchestrator/node/outbox.py:_read_pending_result": "reads what this node has written",
    "orchestrator/adapters/database/conversations.py:_turn": "reads what is stored",
    "orchestrator/chat/handover/summary.py:opening_turns": "its one caller, take_over, cleans each",
    "sync/worktree.py": "a person's own files",
    "sync/refs/broken_refs.py:_take_away": "the name of a ref and of an object, which the server has already",
    "orchestrator/ledger/file_check.py:_mission_problems": "files, read as nodes read them; pushed nowhere",
    "orchestrator/ledger/conflicts.py:read": "reads what was written",
}
"""Places that need no redaction, each with its reason: a module or a function of one."""

PLACES = {
    "orchestrator/ledger/result_report.py": {"build_record", "redact_record", "parked_reason", "redact_artifact"},
    "orchestrator/app/backups/env_secrets.py": {"_is_secret"},
    "orchestrator/ledger/conflicts.py": {"render", "unresolved_conflict"},
    "orchestrator/ledger/transport.py": {"commit"},
    "orchestrator/workflow/journal/log.py": {"add", "export"},
    "orchestrator/workflow/journal/training_set.py": {"_prompt", "_answer", "_facts"},
    "orchestrator/workflow/past/session_digest.py": {"_words", "_clean"},
    "orchestrator/workflow/past/transcript_import.py": {"_written"},
    "orchestrator/workflow/past/transcript_index.py": {"_clean"},
    "orchestrator/workflow/past/transcript_place.py": {"_line"},
    "orchestrator/workflow/boards/task_mission.py": {"task_text"},
    "orchestrator/workflow/journal/memos.py": {"_lesson_change", "decide", "_lesson_mentions"},
    "orchestrator/workflow/late_results.py": {"_adoption_files"},
    "orchestrator/workflow/heartbeat/turn.py": {"_clean", "_bounded_look", "problem_lines"},
    "orchestrator/workflow/approval/decide.py": {"_clean_comment"},
    "orchestrator/workflow/approval/delivery.py": {"_verify"},
    "orchestrator/workflow/merge_queue/project_ground.py": {"_last_words"},
    "orchestrator/workflow/forges/pull_delivery.py": {"_wanted", "_taken_in"},
    "orchestrator/workflow/forges/pull_words.py": {"pull_title", "pull_body"},
    "orchestrator/workflow/forges/issue_intake.py": {"tell", "issue_mission", "issue_words"},
    "orchestrator/adapters/forges/forge_http.py": {"refusal_words"},
    "orchestrator/node/notifications/dispatcher.py": {"_carry"},
    "orchestrator/node/notifications/push_dispatcher.py": {"message"},
    "orchestrator/node/notifications/safe_text.py": {"plain_text"},
    "orchestrator/node/notifications/chat_text.py": {"safe_words", "card"},
    "orchestrator/node/executor.py": {"words_of"},
    "orchestrator/execution/bridge/run_bridge.py": {"call", "_bounded"},
    "orchestrator/execution/live_output.py": {"read_output"},
    "orchestrator/execution/live_diff.py": {"diff_so_far"},
    "orchestrator/workflow/steering.py": {"_checked"},
    "orchestrator/cli/live/event_lines.py": {"_take", "_write"},
    "orchestrator/api/web/problems.py": {"problem"},
    "orchestrator/api/web/ledger_answers.py": {"_short", "_long"},
    "orchestrator/chat/service.py": {"prepare"},
    "orchestrator/chat/history.py": {"asked", "answered", "begin", "finish"},
    "orchestrator/chat/log_entry.py": {"_one_line"},
    "orchestrator/chat/tool_loop.py": {"_use", "_take"},
    "orchestrator/chat/values.py": {"clean_turn"},
    "orchestrator/chat/synced_turns.py": {"_turns", "_word"},
    "orchestrator/workflow/intents/desk.py": {"_said"},
    "orchestrator/chat/handover/summary.py": {"_truncate", "_one_line", "summarise_chat"},
    "orchestrator/chat/handover/exchange.py": {"take_over", "file", "_work"},
    "orchestrator/mcp/server.py": {"called", "waited", "call_tool"},
    "orchestrator/mcp/service.py": {"file", "agent_author"},
    "orchestrator/workflow/attaching.py": {"_attachment"},
    "orchestrator/execution/evidence/collecting.py": {"_text", "_holds_secret", "_shown"},
    "orchestrator/ledger/evidence_report.py": {"_clean"},
    "orchestrator/workflow/kept_evidence.py": {"shown_evidence"},
    "orchestrator/adapters/telemetry/otel_tracer.py": {"_clean"},
    "orchestrator/app/factories/tracer_factory.py": {"_one_line"},
    "orchestrator/cli/fleet/bus.py": {"_row"},
    "orchestrator/workflow/delegation/dead_letter_desk.py": {"letter_json"},
}
"""Where things leave today: the functions that redact them, by module."""


def test_what_leaves_is_redacted_in_the_function_that_writes_it() -> None:
    """Whoever calls an outlet redacts beside it; a new path that does not must say here why it need not."""
    assert sorted(_bare_outlets()) == []


def test_the_places_where_things_leave_redact_still() -> None:
    """None of the functions that redact today stops doing so, or goes away unnoticed."""
    assert {path: names - _redacting(path) for path, names in PLACES.items() if names - _redacting(path)} == {}


def test_the_tables_are_whole() -> None:
    """Each module that imports the redaction is listed, and each place that needs none exists."""
    importing = {place for place, path in _sources() if "handoff.secrets.redact" in _imported(path)}
    assert {place for place in importing if not place.startswith("handoff/")} <= PLACES.keys() | SAFE.keys()
    there = {place for place, _ in _sources()} | {f"{place}:{name}" for place, name, _ in _functions()}
    assert SAFE.keys() - there == set()


def _redacting(path: str) -> set[str]:
    return {name for place, name, calls in _functions() if place == path and calls & REDACTORS}


def _bare_outlets() -> Iterator[str]:
    for place, name, calls in _functions():
        used = OUTLETS.keys() & {end for call in calls for end in _ends(call)}
        if used and not calls & REDACTORS and not SAFE.keys() & {place, f"{place}:{name}"}:
            yield f"{place}:{name} lets {', '.join(OUTLETS[outlet] for outlet in sorted(used))} leave as it is"


def _sources() -> Iterator[tuple[str, Path]]:
    for path in MODULES:
        yield str(path.relative_to(ROOT)), path


def _imported(path: Path) -> set[str]:
    """The modules that a module imports from."""
    return {node.module or "" for node in nodes(path, ast.ImportFrom)}


@cache
def _functions() -> list[tuple[str, str, frozenset[str]]]:
    """Every function with its module and what it calls."""
    return [(each.module, each.node.name, frozenset(dotted(call.func) for call in each.calls)) for each in functions()]


def _ends(name: str) -> Iterator[str]:
    """A dotted name, and what is left of it behind each dot."""
    parts = name.split(".")
    return (".".join(parts[at:]) for at in range(len(parts)))
