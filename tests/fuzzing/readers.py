"""Which functions read bytes that others wrote, and what may each raise?

A reader of a new format gets a row here: valid documents, how it is called as the product calls it, its declared
errors. What stands in the ledger's objects is read through a store, with the mutated bytes in the place of a good part.
"""

from __future__ import annotations

import contextlib
import json
import pkgutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from importlib import import_module
from pathlib import Path

import h11
from mobile_bridge.errors import OperationRefused
from mobile_bridge.operations import checked_texts, read_batch
from pydantic import BaseModel, ValidationError

from handoff import briefing, entry, knowledge, log, memo, proposal, statements, tiers
from handoff.checking.check import check as check_handoff
from handoff.encoding import decode
from handoff.errors import KnowledgeUnreadable, MemoUnreadable, ProposalUnreadable
from handoff.secrets.redact import redact
from missions import document
from missions.errors import BadClaim, BadLiveView, BadMessage
from missions.evidence.bundle import BadEvidence, EvidenceManifest, KeptFile, LeftOutFile, SuiteReport, read_manifest
from missions.lease import Claim, ClaimState, read_claim
from missions.live_view import MAX_VIEW_BYTES, DiffSoFar, LiveView, read_live_view
from missions.merging.merge import merge
from missions.merging.merge_state import StampedVersion
from missions.message import MessageAnswer, MessageState, MissionMessage, read_answer, read_message
from missions.mission import Mission, Quarantined
from missions.plain_data import read_json, read_toml
from missions.recurring.template import Template
from orchestrator.adapters.agents.aider import Aider
from orchestrator.adapters.agents.claude import Claude
from orchestrator.adapters.agents.codex import Codex
from orchestrator.adapters.agents.gemini import Gemini
from orchestrator.adapters.agents.opencode import OpenCode
from orchestrator.adapters.boards.backlog_md import BacklogMd
from orchestrator.adapters.boards.beads import Beads
from orchestrator.adapters.boards.vibe_kanban import VibeKanban
from orchestrator.adapters.transcripts.aider_chats import AiderChats
from orchestrator.adapters.transcripts.claude_sessions import ClaudeSessions
from orchestrator.adapters.transcripts.codex_sessions import CodexSessions
from orchestrator.adapters.transcripts.gemini_sessions import GeminiSessions
from orchestrator.api import routes
from orchestrator.bench.transcript_samples import write_samples
from orchestrator.chat.tool_loop import parse_tool_call
from orchestrator.core.errors import BrokenLedger, NotFound, UnusableResult, WrongSetting
from orchestrator.execution.egress.quota_signals import body_windows
from orchestrator.execution.egress.request import RequestRefused, forwarded_headers, parse_request
from orchestrator.execution.egress.usage_counter import UsageCounter
from orchestrator.execution.evidence.junit_report import read_junit
from orchestrator.ledger import conflicts
from orchestrator.ledger.config import fleet_toml
from orchestrator.ledger.config.supplier_tables import SignalRule
from orchestrator.ledger.heartbeat.checklist import read_checklist
from orchestrator.ledger.heartbeat.turn_record import MAX_RECORD_BYTES, KeptFinding, TurnRecord
from orchestrator.ledger.heartbeat.turn_record import read_record as read_turns
from orchestrator.ledger.log_paths import parse_log_path
from orchestrator.ledger.node_pages import announced_nodes, has_full_disk
from orchestrator.ledger.result_record import read_record, reject_reason, write_result
from orchestrator.ledger.snapshot import HeldClaim
from orchestrator.ledger.templates import followed_template, local_time
from orchestrator.ledger.trust import files as trust_files
from orchestrator.node.commit_rules import unready_reason
from orchestrator.node.outbox import Outbox, PendingResult
from orchestrator.policy.verdict import read_verdict
from orchestrator.workflow.approval.diff_view import parse_diff
from orchestrator.workflow.delegation.envelope import DelegationEnvelope, mission_text
from orchestrator.workflow.delegation.node_status import NodeStatus, print_status, read_status
from orchestrator.workflow.journal.log import parse_sections
from orchestrator.workflow.past.session_digest import digest
from orchestrator.workflow.past.session_entry import session_entry
from orchestrator.workflow.projects.toolchain import find_toolchain, folder_files
from orchestrator.workflow.queue_hold.queue_record import MAX_RECORD_BYTES as MAX_QUEUE_BYTES
from orchestrator.workflow.queue_hold.queue_record import QueueRecord, read_queue_record
from orchestrator.workflow.signals.cloud_event import read_event
from orchestrator.workflow.signals.signal_rules import drafts
from orchestrator.workflow.spending.page_table import parse_table
from sync.errors import ObjectMissing
from sync.memory_remote import MemoryStore
from sync.objects import edit_tree, find, read_commit, read_tree, write_commit
from sync.signatures import read_signers, signing_key
from tests.ledgers import Town, record

MISSION = b"""---
title: Mend the basket
task: coding_task
project: shop
agent: auto
depends_on: [first, second]
allowed_paths: ["src/**"]
priority: 3
deadline: 2026-12-01T10:00:00Z
budget_usd: 1.5
max_retries: 2
status: queued
---
# What is wanted

Prices are rounded. <!-- a note -->

<!-- shiftbook: nodes write below this line -->
## Result

### Attempt 1
worked
"""
TEMPLATE = b"""---
title: Nightly {{branch}}
every: "0 3 * * 1-5"
timezone: Europe/Berlin
catch_up: all
parameters: [branch=main]
---
Run the tests of {{branch}} in {{week}}.
"""
CLAIM = Claim(
    mission="mend", blob="a" * 40, node="n1", boot="b", epoch=1, attempt=1, nonce="n", state=ClaimState.RUNNING
)
CHECKLIST = b"""# Heartbeat

## Every beat
- each node: disk below 5 GB

## Daily at 07:30
- results waiting longer than 2 days -> mission: Say what waits. (project shop, budget $0.20)
* [ ] ask: Is all well?
"""
TURNS = TurnRecord(
    lines={"a": datetime(2026, 11, 21, 12, tzinfo=UTC)},
    findings={
        "k": KeptFinding(line="a", subject="disk", says="full", since=datetime(2026, 11, 21, 12, tzinfo=UTC), by="n1")
    },
).print()
MESSAGE = MissionMessage(mission="mend", epoch=1, message_id="0123456789abcdef", text="Use tabs.")
MESSAGE_ANSWER = MessageAnswer(state=MessageState.QUEUED, epoch=1, node="vps")
VIEW = LiveView(
    mission="mend", epoch=1, attempt=1, node="vps", agent="claude", text="words\n", diff=DiffSoFar(files=1, text="+a")
)
CLOSED = replace(CLAIM, state=ClaimState.DONE, log="b" * 40)
ENTRY = """# Session log

## 2026-11-21T12:05:00Z · n1 · builtin (small) · mend
<!-- entry: mend-1 -->

### Work Accomplished

- basket rounds now, see `src/basket.py`

### Next Steps

1. write the tests
""".encode()
RECORD = {
    "record.json": json.dumps(
        {
            "mission": "mend",
            "epoch": 1,
            "fields": {"finished": "2026-11-21T12:05:00Z", "cost_usd": 0.5, "status": "done"},
            "finished": "2026-11-21T12:05:00Z",
            "log_path": "SESSION_LOG.md",
            "memo_path": "memos/2026-11/mend-1.md",
            "facts": {},
        },
        indent=1,
    ).encode(),
    "section.md": b"### Attempt 1\n\nworked\n",
    "entry.md": ENTRY,
    "proposals/next.md": MISSION,
}
MEMO = b"""---
memo_id: "mend-1"
node: "n1"
mission: "mend"
task: "coding_task"
created: "2026-11-21T12:05:00Z"
artifacts: ["diff"]
promotion_tags: []
promotion_candidate: false
---

## Summary

It rounds.

## Lessons learned

- round once
"""
LESSON = b"""---
lesson: "Round once"
state: "known"
since: "2026-11-21T12:05:00Z"
memos: [{"memo_id": "mend-1", "mission": "mend", "text": "Round once"}]
against: []
---

# Round once

Because of sums.
"""
BRIEFING = b"""# Shop

## Decisions

- **Prices** are whole cents since 2026-11-21 (mend-1)

## Blockers

- none <!-- hidden -->

| a | b |
|---|---|
| 1 | 2 |
"""
CHARTER = b"""[bus]
beat_seconds = 10
lease_beats = 3
poll_seconds = [1, 5]
[trust]
missions = "remote"
[projects.shop]
url = "https://git.example/shop.git"
test = "make test"
on_approval = "merge"
[projects.shop.policy.auto_approve]
max_lines = 20
paths = ["docs/**"]
[notify]
quiet = "22:00-07:00"
[review]
cron = "0 7 * * 1"
"""
KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + b"A" * 43
SIGNERS = b"anna,role=admin " + KEY + b' anna@desk\n# a note\nn1,role=node namespaces="git" ' + KEY + b"B x\n"
SIGNATURE = (
    b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg\n-----END SSH SIGNATURE-----\n"
)
PAGE = b"""---
node: n1
role: LOCAL_WORKER
version: 1.0.0
agents: builtin, command
capabilities: docker
quota_closed: claude@n1/five_hour 100% until 2026-11-21T14:00:00Z seen 2026-11-21T12:00:00Z
notifies: yes
polls: yes
load: 0.5
---
# n1

## Spending

| day | project | agent | model | runs | tokens in | cached | out | seconds | USD | no price |
|---|---|---|---|---|---|---|---|---|---|---|
| 2026-11-21 | shop | builtin | small | 1 | 100 | 0 | 50 | 1.5 | 0.010000 | 0 |
"""
CONFLICT = b"""---
mission: mend
part: title
kept_by: anna
lost_by: bert
---
# mend: two versions

Kept, by anna:

```text
one
```

Not kept, by bert:

```text
two
```
"""
PROPOSAL = b"""<!-- review of shop up to 2026-11-21T12:05:00Z -->
- [x] add: x <!-- change: {"kind": "add", "section": "S", "item_id": "d-1", "text": "x", "cites": []} -->
- [ ] settled: y <!-- change: {"kind": "resolve", "item_id": "d-2", "was": "y", "cites": []} -->
"""
DIFF = b"""diff --git a/src/a.py b/src/a.py
index 1111111..2222222 100644
--- a/src/a.py
+++ b/src/a.py
@@ -1,2 +1,2 @@
-old
+new
 same
diff --git "a/\\303\\251.bin" "b/\\303\\251.bin"
new file mode 100755
Binary files /dev/null and b/x differ
"""
TREE = b"100644 a.md\0" + b"a" * 20 + b"40000 missions\0" + b"b" * 20 + b"120000 link\0" + b"\0" * 20
COMMIT = (
    b"tree " + b"a" * 40 + b"\nparent " + b"b" * 40 + b"\nauthor A <a@b> 1700000000 +0000\n"
    b"committer A <a@b> 1700000000 +0000\ngpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n"
    b" -----END SSH SIGNATURE-----\n\nwords\n"
)
HEAD = (
    b"POST /anthropic/v1/messages?beta=true HTTP/1.1\r\nHost: line\r\nContent-Length: 2\r\n\r\n{}",
    b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
    b"GET http://example.org/a?b=c HTTP/1.1\r\nHost: example.org\r\nConnection: close, x\r\nX: y\r\n\r\n",
)
ANSWER = (
    b'data: {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}}\n\n'
    b'data: {"type": "message_delta", "delta": {"text": "hello"}, "usage": {"output_tokens": 7}}\n\ndata: [DONE]\n',
    b'{"model": "m", "choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 3}}',
)
SIGNAL = (
    b'{"specversion": "1.0", "id": "1", "source": "/m", "type": "x", "subject": "s", "time": "2026-11-21T12:00:00Z", '
    b'"data": {"items": [{"title": "A\\n---", "confidence": 0.9}, {"confidence": 1}]}}'
)
ENVELOPE = (
    b'{"job_id": "fix-it", "idempotency_key": "k", "priority": 3, "timeout_seconds": 60, "max_retries": 2, '
    b'"payload": {"task": "general_task:Do\\n---\\nit.", "context": {"to": ["a"], "title": "t", "x": {"y": 1}}}}'
)
EVENTS = (
    b'{"type": "assistant", "session_id": "s", "message": {"id": "1", "model": "m", "usage": {"input_tokens": 3}, '
    b'"content": [{"type": "tool_use", "name": "Bash", "input": {"command": "ls"}}]}}\n'
    b'{"type": "result", "subtype": "success", "is_error": false, "result": "done", "total_cost_usd": 0.1, '
    b'"modelUsage": {"m": {"inputTokens": 3, "outputTokens": 4, "costUSD": 0.1}}, "errors": ["x"]}\n',
    b'{"type": "thread.started", "thread_id": "t"}\n{"type": "item.completed", "item": {"type": "file_change", '
    b'"changes": [{"path": "a"}]}}\n{"type": "turn.completed", "usage": {"input_tokens": 3, "output_tokens": 4}}\n',
    b'{"type": "step_finish", "part": {"reason": "stop", "cost": 0.1, "tokens": {"input": 1, "cache": {"read": 2}}}}\n',
    b"Tokens: 1.1k sent, 50 received. Cost: $0.0038 message, $0.0038 session.\nlitellm.RateLimitError: x\n",
)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _stored(path: str, data: bytes, parts: dict[str, bytes]) -> tuple[MemoryStore, str]:
    """A store with a commit of these files; the one at `path` holds `data`."""
    store = MemoryStore()
    files: dict[str, bytes | None] = {**parts, path: data}
    tree = edit_tree(store, None, files)
    assert tree is not None
    facts = {"parents": (), "name": "n1", "email": "n1@x", "when": 1, "message": "m", "sign": None}
    return store, write_commit(store, tree=tree, **facts)  # type: ignore[arg-type]


def _mission(data: bytes) -> None:
    document.read("missions/mend.md", data)
    document.requested_content(data)
    unready_reason("missions/mend.md", data)


def _claim(data: bytes) -> None:
    claim = read_claim(data)
    assert read_claim(claim.print()) == claim


def _message(data: bytes) -> None:
    found = read_message(data)
    assert read_message(found.print()) == found


def _message_answer(data: bytes) -> None:
    found = read_answer(data)
    assert read_answer(found.print()) == found


QUEUE = QueueRecord(node="vps", base="a" * 40, testing=("fix", "mend"), since="2026-11-30T12:00:00Z", trouble="red")


def _live_view(data: bytes) -> None:
    found = read_live_view(data)
    assert read_live_view(found.print()) == found


def _merge_queue(data: bytes) -> None:
    found = read_queue_record(data)
    assert read_queue_record(found.print()) == found


def _record(part: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        store, commit = _stored(part, data, RECORD)
        found = read_record(store, commit)
        if not reject_reason(found, "mend"):
            write_result("missions/archive/2026-11/mend.md", _text(MISSION), found)

    return read


def _log(data: bytes) -> None:
    text, _ = decode(data)
    found = entry.parse_log(text)
    assert found.preamble + "".join(e.raw + gap for e, gap in zip(found.entries, found.gaps, strict=True)) == text
    for each in found.entries:
        list(statements.statements(each))
    log.rotate(text, "2026-12")
    log.union("", text, _text(ENTRY))


def _briefing(data: bytes) -> None:
    text, _ = decode(data)
    assert briefing.print_briefing(briefing.parse(text)) == text
    tiers.split(text)


def _handoff(data: bytes) -> None:
    text, encoding = decode(data)
    documents = dict.fromkeys(("PROJECT_BRIEFING.md", "SESSION_LOG.md", "AGENTS.md"), text)
    encodings = dict.fromkeys(documents, encoding)
    check_handoff(documents, files=["src/basket.py", *documents], today="2026-11-21", encodings=encodings)


def _charter(data: bytes) -> None:
    fleet_toml.read(data)
    assert trust_files.unusable_reason("fleet.toml", data.decode("utf-8", "surrogateescape")) is None


def _checklist(data: bytes) -> None:
    read = read_checklist(data)
    assert all(each.text.isprintable() for each in (*read.lines, *read.problems))


def _turns(data: bytes) -> None:
    found = read_turns(data)
    assert read_turns(found.print()) == found


def _signers(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    read_signers(text)
    trust_files.unusable_reason("allowed_signers", text)


def _page(data: bytes) -> None:
    parse_table(_text(data), "n1", date(2026, 11, 21))
    town = Town({"heartbeats/n1.md": data})
    ledger = town.peer("n2").ledger()
    assert announced_nodes(ledger)["n1"].name == "n1"
    has_full_disk(ledger, "n1")


def _outbox(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mend-1.json")
        path.write_bytes(data)
        box = Outbox(Path(folder))
        for letter in box:
            letter.record.files()
        box.unreadable()


def _letter() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        held = HeldClaim(claim=CLAIM, oid="c" * 40)
        Outbox(Path(folder)).put(PendingResult(held=held, state=ClaimState.DONE, record=record(held)))
        return next(Path(folder).glob("*.json")).read_bytes()


def _merged(data: bytes) -> None:
    other = StampedVersion.of(MISSION.replace(b"priority: 3", b"priority: 4"))
    assert merge(MISSION, StampedVersion.of(data), other).data == merge(MISSION, other, StampedVersion.of(data)).data


def _commit(data: bytes) -> None:
    read_commit(data)


def _tree(data: bytes) -> None:
    read_tree(data)
    store = MemoryStore()
    with contextlib.suppress(ObjectMissing):
        find(store, store.put("tree", data), "missions/a/b")


def _signal(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        event = read_event(read_json(data))
        for draft in drafts(event, SignalRule(type="*", prompt="Do it.", each="items", top=3), "market"):
            found = document.read("missions/mend.md", draft.text.encode())
            assert isinstance(found, Mission)
            assert (found.approve, found.run, found.body.startswith("Do it.")) == ("always", None, True)


def _envelope(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        envelope = DelegationEnvelope.model_validate(read_json(data))
        found = document.read("missions/mend.md", mission_text(envelope).encode("utf-8", "replace"))
        assert isinstance(found, Quarantined) or (found.approve, found.run, found.trusted_by) == ("policy", None, None)


def _head(data: bytes) -> None:
    line = h11.Connection(h11.SERVER, max_incomplete_event_size=65536)
    line.receive_data(data)
    try:
        asked = line.next_event()
    except h11.RemoteProtocolError:
        return
    if isinstance(asked, h11.Request):
        parse_request(asked, {"anthropic": "", "openai": "/v1"})
        forwarded_headers([(bytes(name), bytes(value)) for name, value in asked.headers], keys=False)


def _answer(data: bytes) -> None:
    for events in (True, False):
        counter = UsageCounter(events=events)
        for at in range(0, len(data), 4096):
            counter.feed(data[at : at + 4096])
        assert counter.usage().tokens_in >= 0
    assert all(each.kind for each in body_windows(data, datetime(2026, 11, 21, tzinfo=UTC)))


def _events(data: bytes) -> None:
    for program in (Claude(), Codex(), Gemini(), OpenCode(), Aider()):
        reading = program.reading()
        for line in _text(data).split("\n"):
            reading.take(line)
        told = reading.told(0)
        assert min(told.usage.tokens_in, told.usage.tokens_out, told.usage.tokens_cached) >= 0


def _body(data: bytes) -> None:
    for model in _bodies():
        with contextlib.suppress(ValidationError):
            model.model_validate_json(data)


@cache
def _bodies() -> tuple[type[BaseModel], ...]:
    """Every body and query that the HTTP API declares."""
    modules = [import_module(each.name) for each in pkgutil.walk_packages(routes.__path__, f"{routes.__name__}.")]
    found = {v for module in modules for v in vars(module).values() if isinstance(v, type) and issubclass(v, BaseModel)}
    return tuple(sorted(found - {BaseModel}, key=lambda model: model.__name__))


def _test_command(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("Makefile", "justfile", "pyproject.toml", "package.json"):
            Path(folder, name).write_bytes(data)
        find_toolchain(folder_files(Path(folder)))


@cache
def _sample(program: str) -> bytes:
    """A session as the program writes it, with less of what it keeps for itself."""
    with tempfile.TemporaryDirectory() as folder:
        write_samples(program, Path(folder), 1)
        (path,) = [each for each in Path(folder).rglob("*") if each.suffix in {".jsonl", ".md"}]
        return path.read_bytes().replace(b"x" * 6_000, b"x")


def _transcript(data: bytes) -> None:
    """As each program's own, whichever wrote it, to the entry that it comes to."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        name = "rollout-2026-00000000-1111-4111-8111-000000000000.jsonl"
        for file in (name, ".aider.chat.history.md"):
            (top / file).write_bytes(data)
        for source in (ClaudeSessions(top=top), CodexSessions(top=top), GeminiSessions(top=top), AiderChats(top=top)):
            for ref in source.find().refs[:20]:
                made = digest(ref, source.read(ref, lambda line, why: None))
                entry.render_entry(session_entry(made, node="n1", home=top, raw=True), evidence=True)


def _board(data: bytes) -> None:
    """As a file of each board."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "board.md")
        path.write_bytes(data)
        for board in (Beads(), BacklogMd(), VibeKanban()):
            with contextlib.suppress(NotFound):
                board.read(path)


EVIDENCE = EvidenceManifest(
    files=(KeptFile(path="a.png", sha256="0" * 64, size=3, media="image/png"),),
    left_out=(LeftOutFile(path="b", why="it is a link"),),
    reports=(SuiteReport(path="j.xml", tests=1),),
    epoch=1,
)
JUNIT = (
    b"<testsuites><testsuite><testcase name='a'><failure message='no'>x</failure></testcase></testsuite></testsuites>"
)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A reader of others' bytes. `limit` is the most bytes that reach it, for the product reads no larger ones."""

    name: str
    valid: tuple[bytes, ...]
    read: Callable[[bytes], object]
    may_raise: tuple[type[Exception], ...] = ()
    limit: int = 256 * 1024
    roof: int = 160
    """Bytes of memory for each byte read: a list of lines with one character each costs Python sixty for a line."""


def _template(data: bytes) -> object:
    """As nodes read it, and file what is due."""
    read = followed_template("missions/templates/nightly.md", data)
    due = datetime(2026, 11, 21, 12, tzinfo=UTC)
    return read.scheduled_text(local_time(read, due)) if isinstance(read, Template) and read.every else read


READERS = (
    Reader(name="mission", valid=(MISSION, b"---\nrun: make\n---\n", b"do it\n"), read=_mission),
    Reader(name="template", valid=(TEMPLATE,), read=_template),
    Reader(name="merge", valid=(MISSION,), read=_merged),
    Reader(
        name="evidence list", valid=(EVIDENCE.print(),), read=read_manifest, may_raise=(BadEvidence,), limit=512 * 1024
    ),
    Reader(
        name="report of tests", valid=(JUNIT,), read=lambda data: read_junit("j.xml", data.decode("utf-8", "replace"))
    ),
    Reader(name="message", valid=(MESSAGE.print(),), read=_message, may_raise=(BadMessage,), limit=64 * 1024),
    Reader(
        name="answer", valid=(MESSAGE_ANSWER.print(),), read=_message_answer, may_raise=(BadMessage,), limit=64 * 1024
    ),
    Reader(name="live view", valid=(VIEW.print(),), read=_live_view, may_raise=(BadLiveView,), limit=MAX_VIEW_BYTES),
    Reader(
        name="merge queue",
        valid=(QUEUE.print(),),
        read=_merge_queue,
        may_raise=(ValueError,),
        limit=MAX_QUEUE_BYTES,
    ),
    Reader(name="claim", valid=(CLAIM.print(), CLOSED.print()), read=_claim, may_raise=(BadClaim,), limit=64 * 1024),
    *(
        Reader(
            name=f"record {part}", valid=(data,), read=_record(part), may_raise=(KeyError, ValueError, UnusableResult)
        )
        for part, data in RECORD.items()
    ),
    Reader(name="fleet.toml", valid=(CHARTER,), read=_charter, may_raise=(BrokenLedger,)),
    Reader(name="checklist", valid=(CHECKLIST,), read=_checklist, limit=64 * 1024),
    Reader(name="turn record", valid=(TURNS,), read=_turns, may_raise=(ValueError,), limit=MAX_RECORD_BYTES),
    Reader(name="allowed_signers", valid=(SIGNERS,), read=_signers),
    Reader(name="signature", valid=(SIGNATURE,), read=lambda data: signing_key(_text(data))),
    Reader(name="page", valid=(PAGE,), read=_page),
    Reader(name="log", valid=(ENTRY, ENTRY * 3), read=_log),
    Reader(name="memo", valid=(MEMO,), read=lambda data: memo.parse_memo(_text(data)), may_raise=(MemoUnreadable,)),
    Reader(
        name="lesson",
        valid=(LESSON,),
        read=lambda data: knowledge.parse_knowledge("a", _text(data)),
        may_raise=(KnowledgeUnreadable,),
    ),
    Reader(name="briefing", valid=(BRIEFING,), read=_briefing),
    Reader(name="handoff", valid=(BRIEFING, ENTRY, MEMO), read=_handoff, limit=32 * 1024, roof=700),
    Reader(
        name="proposal",
        valid=(PROPOSAL,),
        read=lambda data: proposal.read_page(_text(data)),
        may_raise=(ProposalUnreadable,),
    ),
    Reader(name="conflict", valid=(CONFLICT,), read=lambda data: conflicts.read("conflicts/2026-11/a.md", data)),
    Reader(name="verdict", valid=(b'{"rules": [{"name": "a", "passed": true}], "facts": {}}',), read=read_verdict),
    Reader(name="diff", valid=(DIFF,), read=lambda data: parse_diff(_text(data))),
    Reader(name="outbox", valid=(_letter(),), read=_outbox),
    Reader(name="tree", valid=(TREE,), read=_tree, may_raise=(ValueError,)),
    Reader(name="commit", valid=(COMMIT,), read=_commit, may_raise=(ValueError, LookupError)),
    Reader(name="line's head", valid=HEAD, read=_head, may_raise=(RequestRefused,), limit=64 * 1024),
    Reader(name="API's answer", valid=ANSWER, read=_answer),
    Reader(name="program's events", valid=EVENTS, read=_events),
    Reader(
        name="tool's call",
        valid=(b'{"tool": "read", "arguments": {"path": "a"}}',),
        read=lambda data: parse_tool_call(_text(data)),
    ),
    Reader(name="log's parts", valid=(ENTRY,), read=lambda data: parse_sections(_text(data)), may_raise=(ValueError,)),
    Reader(name="log's path", valid=(b"projects/shop/log/2026-11.md",), read=lambda data: parse_log_path(_text(data))),
    Reader(
        name="node's report",
        valid=(print_status(NodeStatus(node="n1", number=1, role="x", version="1", load=0.5)).encode(),),
        read=lambda data: read_status(_text(data)),
        may_raise=(WrongSetting,),
    ),
    Reader(name="supplier's event", valid=(SIGNAL,), read=_signal, may_raise=(WrongSetting,)),
    Reader(name="envelope", valid=(ENVELOPE,), read=_envelope, may_raise=(WrongSetting,)),
    Reader(
        name="HTTP body",
        valid=(b'{"message": "hi", "project": "shop", "messages": []}',),
        read=_body,
        limit=64 * 1024,
    ),
    Reader(
        name="operations of a push",
        valid=(
            b'{"ops": [{"device": "p~1", "seq": 1, "hlc": "000000000000001-00000-p~1", "kind": "set", "entity": "a/b",'
            b' "field": "c", "value": {"d": [1, null, true, "e"]}, "base": "q~1/2", "resolves": ["q~1/2", "r/3"]}]}',
        ),
        read=lambda data: checked_texts(read_batch(data).ops),
        may_raise=(OperationRefused,),
        limit=64 * 1024,
    ),
    Reader(
        name="project's files",
        valid=(b'{"scripts": {"test": "x"}}', b"[tool.pytest]\n", b"test:\n"),
        read=_test_command,
    ),
    Reader(name="redaction", valid=(ENTRY, CHARTER, DIFF), read=lambda data: redact(_text(data)), limit=64 * 1024),
    Reader(
        name="transcript",
        valid=tuple(_sample(program) for program in ("claude", "codex", "gemini", "aider")),
        read=_transcript,
        limit=64 * 1024,
        roof=700,
    ),
    Reader(
        name="board",
        valid=(
            b"---\nid: BACK-1\ntitle: A task\nstatus: To Do\nlabels: [a]\ndependencies: [BACK-2]\n---\nDo it.\n",
            b'{"id": "bd-1", "title": "A", "dependencies": [{"depends_on_id": "bd-2", "type": "blocks"}]}\n',
            b'{"data": [{"id": "a", "title": "A", "status": "todo", "description": "b"}]}',
        ),
        read=_board,
        limit=64 * 1024,
    ),
    Reader(name="JSON", valid=(b'{"a": [1, "b", null]}',), read=read_json, may_raise=(ValueError,)),
    Reader(name="TOML", valid=(CHARTER,), read=lambda data: read_toml(_text(data)), may_raise=(ValueError,)),
)
