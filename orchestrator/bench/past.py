"""How fast does a person's past come in: 1,000 transcripts of each program, and a search over a million lines?

The transcripts are read where each program keeps them, by what the command reads them with, and written into a ledger
in memory; the index is a file, made by the way that transcripts take, redaction included.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import quantiles

from orchestrator.app.factories.past_factory import SOURCES
from orchestrator.bench.result import Measurement, at_most, milliseconds
from orchestrator.bench.transcript_samples import BEGAN, WRITERS, SampleWords, write_samples
from orchestrator.core.ports.transcripts import EventKind, FoundTranscripts, TellOdd, TranscriptEvent, TranscriptRef
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.config.fleet_toml import PATH
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.ledger.trust.root import TrustRoot
from orchestrator.workflow.past.transcript_import import TranscriptImport
from orchestrator.workflow.past.transcript_index import TranscriptIndex
from sync.memory_remote import MemoryRemote, MemoryServer
from sync.remote import RefUpdate

TRANSCRIPTS, LINES, LINES_EACH = 1_000, 1_000_000, 5_000
SEARCHES = 200


def measure() -> Iterator[Measurement]:
    """Imports, then the index and its search; making the index takes some minutes."""
    for program in WRITERS:
        yield at_most(
            f"{TRANSCRIPTS:,} transcripts of {program} imported", import_seconds(program, TRANSCRIPTS), "s", 30
        )
    with tempfile.TemporaryDirectory(prefix="shiftbook-bench-") as folder:
        index = TranscriptIndex(path=Path(folder) / "index.db")
        began = time.perf_counter()
        index.refresh([SampleSource(lines=LINES)])
        yield at_most(f"an index of {LINES:,} lines made", time.perf_counter() - began, "s", 900)
        yield at_most(f"a search over {LINES:,} lines, p95", search_p95(index, SEARCHES), "ms", 5)


def import_seconds(program: str, count: int) -> float:
    """How long it takes to read so many, to redact them and to commit them."""
    with tempfile.TemporaryDirectory(prefix="shiftbook-bench-") as folder:
        home = Path(folder)
        write_samples(program, home, count)
        importing = memory_import(home)
        began = time.perf_counter()
        plan = importing.plan(SOURCES[program]({}, home, None))
        importing.write(plan)
        took = time.perf_counter() - began
        if len(plan.drafts) != count:
            raise AssertionError(f"{len(plan.drafts)} of {count} sessions were read")
        return took


def memory_import(home: Path) -> TranscriptImport:
    """An import into a ledger in memory, for the home folder's own person."""
    link = MemoryRemote(MemoryServer())
    bus = Transport(
        remote=link, store=link.store, name="bench", boot="1", sign=None, now=lambda: BEGAN, nonce=lambda: "nonce"
    )
    root = bus.commit({PATH: b'[projects.shop]\nurl = "/srv/shop.git"\n'}, "a ledger", onto=None, tree=None)
    link.push([RefUpdate(ref=bus.main, expect=None, new=root)])
    reader = SnapshotReader(link.store, TrustRoot(link.store, lambda tip: tip))

    def ledger() -> LedgerSnapshot:
        return reader.read(link.fetch())

    return TranscriptImport(
        bus=bus, reader=reader, ledger=ledger, node="bench", home=home, projects=lambda ledger, folder: ""
    )


def search_p95(index: TranscriptIndex, searches: int) -> float:
    """Milliseconds that 19 of 20 searches take at most: for one word to four, rare and common as they are written."""
    words = SampleWords()
    asked = iter([words.said(words.chance.randint(1, 4)) for _ in range(searches + 1)])
    with index.opened() as searching:
        searching.search(next(asked))
        return quantiles(milliseconds(lambda: searching.search(next(asked)), runs=searches), n=20)[-1]


@dataclass(frozen=True, kw_only=True)
class SampleSource:
    """Transcripts in memory, with so many lines together."""

    lines: int
    name: str = "claude"

    def find(self) -> FoundTranscripts:
        """As many as it takes."""
        whole, rest = divmod(self.lines, LINES_EACH)
        sizes = [LINES_EACH] * whole + ([rest] if rest else [])
        refs = [
            TranscriptRef(
                program=self.name,
                session=f"s{number:06}",
                path=Path(f"/nowhere/{number:06}.jsonl"),
                mark=f"{size}:1",
                changed=float(number),
                folder=f"/home/user/projects/shop-{number % 14}",
            )
            for number, size in enumerate(sizes)
        ]
        return FoundTranscripts(refs=tuple(refs))

    def read(self, ref: TranscriptRef, odd: TellOdd, *, after: int = 0) -> Iterator[TranscriptEvent]:
        """Lines as sessions have them: questions, commands, outputs, answers."""
        words = SampleWords()
        words.chance = random.Random(ref.session)  # noqa: S311
        kinds = (EventKind.ASKED, EventKind.COMMAND, EventKind.RESULT, EventKind.RESULT, EventKind.SAID)
        when = BEGAN + timedelta(minutes=int(ref.changed))
        for line in range(after + 1, ref.size + 1):
            kind = kinds[line % len(kinds)]
            yield TranscriptEvent(line=line, kind=kind, text=words.said(14), when=format_utc(when))
