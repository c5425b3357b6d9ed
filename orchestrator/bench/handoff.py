"""How fast is the handoff: assembling, recall, redaction and a review with 10,000 entries in the log?"""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from statistics import quantiles

from handoff import recall
from handoff.briefing import apply
from handoff.entry import Entry
from handoff.log import append_many
from handoff.review import review
from handoff.secrets.redact import redact
from handoff.tiers import Tier, path_of
from handoff.warnings.warning_index import MAX_WARNINGS
from orchestrator.bench.result import Measurement, at_most, median, milliseconds
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.config.fleet_toml import PATH
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.ledger.trust.root import TrustRoot
from orchestrator.workflow.journal import context
from orchestrator.workflow.journal.search_index import SearchIndex
from sync.memory_remote import MemoryRemote, MemoryServer
from sync.remote import RefUpdate

ENTRIES, NEW, WARNED = 10_000, 200, 100_000
SEED = 20261121
PROJECT = "shop"
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
WORDS = "ba be bi bo bu ca ce co da de di do fa fi fo ga go ka ke ki la le li lo ma me mi mo na ne no pa pe"


def measure() -> list[Measurement]:
    """Assembling (warm), recall (median), redaction, a review of new entries: on generated entries of fixed chance."""
    chance = random.Random(SEED)  # noqa: S311  # the same entries on every machine
    entries = tuple(_entries(chance, ENTRIES))
    ledger = _ledger(entries)
    task = "Why was the cache changed, and what was decided about the port?"

    def assemble() -> None:
        context.assemble_context(ledger, PROJECT, task, now=BEGAN, budget=4000, count=context.estimate_tokens)

    assemble()  # the first time reads the log; every later one finds it read
    warm = median(milliseconds(assemble, runs=51))
    return [
        at_most(f"handoff assembled from {ENTRIES:,} entries, warm", warm, "ms", 20),
        at_most(f"recall over {ENTRIES:,} entries, p50", _recall(chance, entries), "ms", 1),
        at_most(
            f"a warning at the action, looked up in a file, among {WARNED:,} entries, p95 of CPU time",
            warning_p95(WARNED),
            "ms",
            2,
        ),
        at_most("1 MB of a log redacted, line by line", _redaction(chance, entries), "s", 1.5),
        at_most(f"review of {NEW} new entries without a model", _review(entries), "s", 5),
    ]


def _recall(chance: random.Random, entries: tuple[Entry, ...]) -> float:
    conn = sqlite3.connect(":memory:")
    try:
        recall.rebuild(conn, entries)
        words = _vocabulary(random.Random(SEED))  # noqa: S311
        queries = iter([f"what did we decide about {' '.join(chance.choices(words, k=4))}" for _ in range(201)])
        return median(milliseconds(lambda: recall.search(conn, next(queries)), runs=201))
    finally:
        conn.close()


def warning_p95(count: int) -> float:
    """Milliseconds of CPU time that 19 of 20 looks take at most: at commands that one entry warns of, none, or
    thousands. Each is what a tool call does, in a file of an index that has all of the ledger.
    """
    chance = random.Random(SEED)  # noqa: S311
    ledger = _ledger(tuple(_failures(count)))
    with tempfile.TemporaryDirectory(prefix="shiftbook-bench-") as folder:
        index = SearchIndex(path=Path(folder) / "index.db", of="bench")
        index.refresh(ledger)
        modes = ("fast", "parallel", "cached")
        actions = [f"pytest -q tests/{word}/test_{word}.py" for word in chance.choices(_vocabulary(chance), k=150)]
        actions += [f"python build.py --mode {chance.choice(modes)} -v" for _ in range(150)]
        chance.shuffle(actions)
        looks = iter(actions)
        took = milliseconds(
            lambda: index.project_warnings(PROJECT, next(looks), (), MAX_WARNINGS),
            runs=len(actions),
            clock=time.thread_time,
        )
        return quantiles(took, n=20)[-1]


def _failures(count: int) -> Iterator[Entry]:
    """Entries that warn of a command or a file: a third of one of a few builds, the others of a test each."""
    chance = random.Random(SEED)  # noqa: S311
    words = _vocabulary(random.Random(SEED))  # noqa: S311
    for number in range(count):
        word = chance.choice(words)
        mode = chance.choice(("fast", "parallel", "cached", "sharded"))
        command = f"build.py --mode {mode}" if number % 3 == 0 else f"pytest tests/{word}/test_{word}.py"
        yield Entry(
            entry_id=f"mission-{number}-1",
            when=format_utc(BEGAN + timedelta(minutes=number)),
            sections=(("Blockers", f"- `{command}` fails: BuildError: part {number % 997} differs"),),
        )


def _redaction(chance: random.Random, entries: tuple[Entry, ...]) -> float:
    """Seconds for lines as a log has them: words, times, object names, numbers."""
    lines = [line for entry in entries for _, text in entry.sections for line in text.splitlines()]
    told = [f"2026-11-29T10:00:00Z {line} {chance.getrandbits(160):040x}" for line in lines]
    size, kept = 0, []
    for line in told:
        kept.append(line)
        size += len(line)
        if size > 1_000_000:
            break
    return median(milliseconds(lambda: [redact(line) for line in kept], runs=3)) / 1000


def _review(entries: tuple[Entry, ...]) -> float:
    briefing = _briefing()
    took = milliseconds(lambda: apply(briefing, review(entries[-NEW:], briefing, known_paths=()).deltas), runs=3)
    return median(took) / 1000


def _ledger(entries: tuple[Entry, ...]) -> LedgerSnapshot:
    files: dict[str, bytes | None] = {
        PATH: b'[projects.shop]\nurl = "/srv/shop.git"\n',
        path_of(Tier.PORTFOLIO): b"# Portfolio\n\n## Standing rules\n\n- Say what you do not know.\n",
        path_of(Tier.PROJECT, PROJECT): b"# Shop\n\n" + b"".join(b"- Part %d does its part.\n" % n for n in range(60)),
        path_of(Tier.BRIEFING, PROJECT): _briefing().encode(),
        path_of(Tier.LOG, PROJECT): append_many("", entries).encode(),
    }
    link = MemoryRemote(MemoryServer())
    bus = Transport(
        remote=link, store=link.store, name="bench", boot="1", sign=None, now=lambda: BEGAN, nonce=lambda: "nonce"
    )
    root = bus.commit(files, "a ledger", onto=None, tree=None)
    link.push([RefUpdate(ref=bus.main, expect=None, new=root)])
    return SnapshotReader(link.store, TrustRoot(link.store, lambda tip: tip)).read(link.fetch())


def _briefing() -> str:
    facts = "".join(f"- Setting {number}: {number * 7}\n" for number in range(60))
    return f"# Briefing\n\n## Standing rules\n\n- Never push to main.\n\n## Facts\n\n{facts}\n## Next steps\n"


def _entries(chance: random.Random, count: int) -> Iterator[Entry]:
    """Entries as nodes write them: some words are everywhere, most are rare."""
    words = _vocabulary(random.Random(SEED))  # noqa: S311
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(words))))
    for number in range(count):
        when = BEGAN + timedelta(minutes=number * 4)

        def said(length: int) -> str:
            return " ".join(chance.choices(words, cum_weights=weights, k=length)).capitalize()

        sections = (
            ("Starting Context", said(12)),
            ("Work Accomplished", f"{said(30)}.\n\nSetting {number % 60}: {number}"),
            ("Decisions", f"- Use {said(5)} instead of {said(2)}"),
            ("Blockers", f"- {said(8)}" if number % 9 == 0 else "None."),
            ("For Next Instance", f"- Check {said(6)}"),
        )
        entry_id = f"mission-{number}-1"
        yield Entry(
            entry_id=entry_id,
            when=format_utc(when),
            node="desktop",
            agent="builtin",
            mission=f"mission-{number}",
            sections=sections,
        )


def _vocabulary(chance: random.Random) -> list[str]:
    syllables = WORDS.split()
    return sorted({"".join(chance.choices(syllables, k=3)) for _ in range(6000)})
