"""Does a ledger with many finished missions stay quick to look at, and is it told when something is to be done?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.app import ledger_size
from orchestrator.app.doctor import checklist, ledger_checks, trust_checks
from orchestrator.app.doctor.check_result import CheckStatus
from orchestrator.app.ledger_size import RepositorySize, size_warnings, summary
from orchestrator.bench.testbed import BenchSetup, make_testbed
from orchestrator.core.settings import Settings
from orchestrator.ledger import session_logs
from orchestrator.ledger.archive import ArchiveMonth
from orchestrator.ledger.snapshot import MissionFile
from orchestrator.workflow.journal.memos import memo_count, read_lessons
from orchestrator.workflow.journal.tamper_check import TamperCheck
from sync import git_remote
from sync.git import Git, GitStore
from sync.objects import FILE, TreeEntry, print_tree
from sync.pack_file import PACK_FROM
from tests.ledgers import Town
from tests.orchestrator.repositories import git

DONE = "---\nstatus: {status}\nfinished: {when}\n---\nDo it.\n"
OID = "ab" * 20


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> BenchSetup:
    """A ledger with 300 finished missions and two open ones, as the benchmarks lay it."""
    return make_testbed(tmp_path_factory.mktemp("ground") / "g", missions=2, finished=300)


def test_the_ground_of_the_benchmarks_is_a_ledger_as_nodes_leave_it(ground: BenchSetup) -> None:
    """Missions by day, a memo each, an entry each, and a history of small commits that a person's word begins."""
    ledger = ground.reader("n0").read(ground.bus("n0").remote.fetch())
    assert sum(len(blobs) for _, blobs in ledger.archive.folders) == 300
    assert [m.mission.status.value for m in ledger.every_archived() if isinstance(m, MissionFile)] == ["done"] * 300
    assert memo_count(ledger) == 300
    assert read_lessons(ledger).unreadable == ()
    assert ledger.alarms == ()
    assert int(git(ground.bare, "rev-list", "--count", "main")) > 60
    assert all(ground.trust("n0").authorize(ledger, filed).trusted for filed in ledger.open.values())


def test_a_fresh_clone_has_a_commit_graph(ground: BenchSetup) -> None:
    """With it, whose word a mission is takes no walk through the whole history."""
    ground.bus("n1")
    assert list((ground.root / "n1.git/objects/info").rglob("*graph*"))


def test_a_history_is_read_no_further_than_it_is_needed(ground: BenchSetup) -> None:
    """Whoever stops reading ends git; reading on gives all, the newest first, and a wrong name is an error."""
    store = GitStore(ground.bare)
    tip = git(ground.bare, "rev-parse", "main")
    every = git(ground.bare, "log", "--full-history", "--topo-order", "--format=%H", "--", "memos").split()
    history = store.history(tip, "memos")
    assert next(history) == every[0]
    history.close()  # type: ignore[attr-defined]  # a generator
    assert list(store.history(tip, "memos")) == every
    with pytest.raises(Exception, match="git log failed"):
        list(store.history("0" * 40, "memos"))
    store.close()


def test_tidying_notes_which_paths_each_commit_changed(tmp_path: Path) -> None:
    """So that what was never there need not be looked for in every commit (gitformat-commit-graph(5), BIDX)."""
    git(tmp_path, "init", "--quiet", "r")
    (tmp_path / "r" / "a").write_text("a")
    git(tmp_path / "r", "add", ".")
    git(tmp_path / "r", "commit", "--quiet", "-m", "a")
    store = GitStore(tmp_path / "r" / ".git")
    store.tidy()
    graphs = list((tmp_path / "r" / ".git" / "objects" / "info" / "commit-graphs").glob("*.graph"))
    assert graphs
    assert all(b"BIDX" in graph.read_bytes()[:200] for graph in graphs)
    store.close()


@pytest.mark.parametrize(("large", "written"), [(git_remote.LARGE_BYTES, False), (1, True)])
def test_a_first_fetch_of_much_notes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int, written: bool
) -> None:
    """In a small clone it would take longer than it saves."""
    monkeypatch.setattr(git_remote, "LARGE_BYTES", large)
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "r")
    git(tmp_path / "r", "commit", "--quiet", "--allow-empty", "-m", "a")
    remote = git_remote.GitRemote(f"file://{tmp_path / 'r'}", tmp_path / "clone")
    remote.fetch()
    remote.close()
    assert (tmp_path / "clone" / "objects" / "info" / "commit-graphs").exists() == written


def test_tidying_packs_loose_objects_and_drops_nothing(tmp_path: Path) -> None:
    """Not even what no ref holds: another process may be about to push it."""
    git(tmp_path, "init", "--quiet", "--bare", "r.git")
    store = GitStore(tmp_path / "r.git")
    oids = [store.put("blob", f"{n}".encode()) for n in range(50)]
    store.tidy(loose=50)
    assert Git(tmp_path / "r.git").counted()["count"] == 50
    store.tidy(loose=49)
    assert Git(tmp_path / "r.git").counted()["count"] == 0
    assert [store.get(oid) for oid in oids] == [f"{n}".encode() for n in range(50)]
    store.close()


def test_tidying_makes_few_packs_of_many_and_drops_nothing(tmp_path: Path) -> None:
    """A pack for each batch of claims would slow down every look; what no ref holds stays, and readers read on."""
    git(tmp_path, "init", "--quiet", "--bare", "r.git")
    store = GitStore(tmp_path / "r.git")
    batches = [[("blob", f"{batch}-{n}".encode()) for n in range(PACK_FROM)] for batch in range(4)]
    oids = [oid for batch in batches for oid in store.put_all(batch)]
    alone = store.put("blob", b"alone")
    store.tidy(packs=4)
    assert Git(tmp_path / "r.git").counted()["packs"] == 4
    reader = GitStore(tmp_path / "r.git")
    assert reader.get(oids[0]) == b"0-0"
    store.tidy(packs=3)
    counted = Git(tmp_path / "r.git").counted()
    assert (counted["packs"], counted["count"], counted["in-pack"]) == (1, 0, 4 * PACK_FROM + 1)
    assert [reader.get(oid) for oid in [*oids, alone]] == [data for batch in batches for _, data in batch] + [b"alone"]
    reader.close()
    store.close()


def test_a_month_answers_from_its_bytes_without_being_read() -> None:
    """What is not in it is told without reading it, and what only looks like a name in the bytes is no mission."""
    looks_like = b" a.md\0".ljust(20, b"x").hex()
    month = ArchiveMonth(print_tree({"b.md": TreeEntry(FILE, looks_like), "c.diff": TreeEntry(FILE, OID)}))
    assert "zzz" not in month
    assert "_blobs" not in vars(month)
    assert "a" not in month
    assert "c" not in month
    assert dict(month) == {"b": looks_like}


def test_the_newest_finished_missions_come_first_and_no_more_than_asked_for(tmp_path: Path) -> None:
    """By the time at which they finished, and only of the states that are asked for, hand-written ones included."""
    files = {
        f"missions/archive/2026-{month}/m{day}-{month}.md": DONE.format(
            status="cancelled" if day == 3 else "done", when=f"2026-{month}-0{day}T00:00:00Z"
        )
        for month in ("10", "11")
        for day in range(1, 6)
    }
    files["missions/archive/2026-09/own.md"] = '---\nstatus: "cancelled"\n---\nstatus: done\n'
    ledger = Town(files).peer("ada").ledger()

    def names(**asked: object) -> list[str]:
        found = ledger.every_archived(**asked)  # type: ignore[arg-type]
        return [one.mission.name for one in found if isinstance(one, MissionFile)]

    assert names(limit=3) == ["m5-11", "m4-11", "m3-11"]
    assert names(limit=7, statuses=("done",)) == ["m5-11", "m4-11", "m2-11", "m1-11", "m5-10", "m4-10", "m2-10"]
    assert names(statuses=("cancelled",)) == ["m3-11", "m3-10", "own"]
    assert len(names()) == 11


def test_the_first_look_at_the_journal_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that joins looks so far back and no further; from then on it sees every commit."""
    monkeypatch.setattr("orchestrator.workflow.journal.tamper_check.MAX_FIRST_COMMITS", 5)
    entry = "## 2026-11-2{0}T12:00:00Z · a\n<!-- entry: e{0} -->\n\nText {0}.\n\n"
    town = Town({"SESSION_LOG.md": "# Log\n\n" + entry.format(1) + entry.format(2)})
    ada = town.peer("ada")
    ada.push({"SESSION_LOG.md": "# Log\n\n" + entry.format(2)})
    for number in range(10):
        ada.push({"README.md": f"{number}"})
    custody = TamperCheck(path=tmp_path / "c.json", of="town")
    assert custody.look(ada.ledger(), ada.trust) == []
    ada.push({"SESSION_LOG.md": "# Log\n"})
    for number in range(10):
        ada.push({"README.md": f"again {number}"})
    assert [one.entry_id for one in custody.look(ada.ledger(), ada.trust)] == ["e2"]


def disk(**facts: int) -> RepositorySize:
    plain = {"loose": 0, "packed": 0, "packs": 1, "mib": 1}
    return RepositorySize(where="the server", folder=Path("/srv/l.git"), **(plain | facts))


@pytest.mark.parametrize(
    ("facts", "word"), [({"loose": 6701}, "gc"), ({"packs": 51}, "gc"), ({"mib": 2049}, "large diffs"), ({}, "")]
)
def test_a_repository_that_needs_packing_is_told(facts: dict[str, int], word: str) -> None:
    """With the very command; one within the limits is not."""
    ledger = Town().peer("ada").ledger()
    told = [one.remedy for one in size_warnings(ledger, [disk(**facts)])]
    assert len(told) == bool(word)
    assert all(word in remedy for remedy in told)


def test_refs_missions_logs_and_months_above_their_limits_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, with what to do; late work and claims need different things."""
    for name, limit in (("MAX_OPEN_MISSIONS", 1), ("MAX_LOG_MIB", 0), ("MAX_MISSIONS_A_MONTH", 1), ("MAX_REFS", 3)):
        monkeypatch.setattr(ledger_size, name, limit)
    archived = {f"missions/archive/2026-11/d{n}.md": DONE.format(status="done", when="x") for n in range(2)}
    ledger = Town(archived | {f"missions/m{n}.md": "x" for n in range(2)}).peer("ada").ledger()
    refs = dict(ledger.refs) | {f"refs/shiftbook/late/{n}": OID for n in range(4)}
    told = list(size_warnings(replace(ledger, refs=refs), []))
    assert [one.says.split(" has ")[0].split(",")[0].split(":")[0] for one in told] == [
        "5 live refs",
        "2 open missions",
        "SESSION_LOG.md",
        "2026-11",
    ]
    assert "--delete refs/shiftbook/late/" in told[0].remedy
    claims = dict(ledger.refs) | {f"refs/shiftbook/claim/{n}": OID for n in range(4)}
    assert "is a node running" in next(iter(size_warnings(replace(ledger, refs=claims), []))).remedy
    assert "2 open and 2 finished missions" in summary(ledger, [])


def test_doctor_tells_the_size_of_the_ledger(
    ground: BenchSetup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here and at a server on this disk; too many memos are not read, and that is said."""
    monkeypatch.setattr(ledger_checks, "MANY_MEMOS", 299)
    settings = Settings(home=tmp_path / "home", ledger=str(ground.bare), node_id="n1")
    found = {one.what: one for one in checklist.run_checks(settings)}
    assert found["size"].health is CheckStatus.GOOD
    for words in ("2 open and 300 finished missions", "36 days or months", "this machine's clone", "the server"):
        assert words in found["size"].detail
    assert "300 memos are too many to read here" in found["lessons"].says


def test_doctor_names_lines_that_count_for_a_time() -> None:
    """They grant nothing, whatever the date: with what to do about them."""
    line = 'bob,role=author namespaces="git",valid-before="20991231" ssh-ed25519 AAAA\n'
    ledger = Town({}).peer("ada").ledger()
    (found,) = trust_checks.check_timed_lines(replace(ledger, signers=ledger.signers + line))
    assert (found.what, found.health) == ("allowed_signers", CheckStatus.POOR)
    assert found.says.startswith("bob's line has valid-after or valid-before")
    assert list(trust_checks.check_timed_lines(ledger)) == []


def test_parsed_logs_take_a_bounded_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fold makes another version of a running log: the old ones are let go, the newest stay."""
    monkeypatch.setattr(session_logs, "MAX_CACHED_ENTRIES", 100)
    monkeypatch.setattr(session_logs, "_parsed_logs", {})
    entries = "".join(f"## 2026-11-21T12:00:00Z · a\n<!-- entry: e{n} -->\n\nText.\n\n" for n in range(30))
    ada = Town({"SESSION_LOG.md": "# Log\n"}).peer("ada")
    for number in range(10):
        ada.push({"SESSION_LOG.md": f"# Log {number}\n\n{entries}"})
        assert len(session_logs.recent(ada.ledger(), "").entries) == 30
    kept = list(session_logs._parsed_logs.values())
    assert 2 <= len(kept) <= 4
