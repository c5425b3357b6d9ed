"""Does what goes into the ledger leave its secrets behind: a commit's message, a record, a conflict?"""

from datetime import UTC, datetime
from random import Random

from missions.approval import ChangeFacts
from missions.evidence.bundle import CaseFailure, EvidenceBundle, EvidenceFile, LeftOutFile, SuiteReport
from missions.merging.merge import Conflict
from orchestrator.ledger.conflicts import MAX_VALUE_CHARS, unresolved_conflict
from orchestrator.ledger.result_record import ResultRecord
from orchestrator.ledger.result_report import redact_record
from orchestrator.ledger.transport import Transport
from sync.memory_remote import MemoryRemote, MemoryServer
from sync.objects import read_commit
from tests.handoff.secrets.specimens import make

CHANCE = Random(20261129)


def key() -> str:
    return make("gh~p_{W36}", CHANCE)


def test_a_commits_message_holds_no_secret() -> None:
    """Titles of missions and entries stand in it."""
    link = MemoryRemote(MemoryServer())
    bus = Transport(
        remote=link,
        store=link.store,
        name="desk",
        boot="1",
        sign=None,
        now=lambda: datetime(2026, 11, 29, tzinfo=UTC),
        nonce=lambda: "nonce",
    )
    secret = key()
    made = bus.commit({"a.md": b"a"}, f"Log: use {secret} for now", onto=None, tree=None)
    assert secret not in link.store.get(made).decode()
    assert "Log: use [redacted:github-token:" in read_commit(link.store.get(made)).message


def test_a_record_is_redacted_whole_and_says_still_where_it_belongs() -> None:
    """Whatever part of it says the secret; paths and counts, which are compared with the branch, stay."""
    secret = key()
    facts = ChangeFacts(files=("src/a.py",), added=3, denials=(f"https://x:{secret}@example.org",))
    record = ResultRecord(
        mission="fix",
        epoch=1,
        fields={"reason": f"wrong key {secret}", "cost_usd": 0.5},
        finished="2026-11-29T10:00:00Z",
        section=f"- tried {secret}\n",
        entry=f"## 2026\n{secret}\n",
        log_path="SESSION_LOG.md",
        memo=secret,
        artifacts={"diff": f"+KEY={secret}\n", "output.txt": secret},
        facts=facts,
        proposals={"next": f"use {secret}"},
        evidence=EvidenceBundle(
            files=(EvidenceFile(path=f"{secret}.log", media="text/plain", data=secret.encode()),),
            left_out=(LeftOutFile(path=secret, why="it is a link"),),
            reports=(SuiteReport(path=secret, tests=1, failures=(CaseFailure(name=secret, says=secret),)),),
        ),
    )
    clean = redact_record(record)
    assert secret not in str(clean)
    assert (clean.mission, clean.facts.files, clean.facts.added) == ("fix", ("src/a.py",), 3)
    assert clean.fields["cost_usd"] == 0.5
    assert redact_record(clean) == clean


def test_a_secret_that_the_end_of_a_conflict_cuts_is_seen_whole() -> None:
    """What is left of it would else be kept as it is."""
    secret = key()
    lost = "a " * (MAX_VALUE_CHARS // 2 - 10) + secret + " b" * 100
    found = unresolved_conflict("fix", Conflict(part="text", kept="c", lost=lost), day="2026/11/29")
    assert found.lost is not None
    assert secret[:12] not in found.lost
