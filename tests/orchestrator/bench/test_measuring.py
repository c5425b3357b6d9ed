"""Do the benchmarks measure what they say: is the ledger as large, the listener as deaf, and the bar as high?"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from missions.archive_path import index_path
from missions.mission import Mission, Status
from orchestrator.bench import chat_stub, handoff, history, result
from orchestrator.bench.chat_listeners import StreamListeners
from orchestrator.bench.chat_stub import SlowStubBackend
from orchestrator.core.ports.model import Prompt, PromptMessage
from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import SnapshotReader
from orchestrator.ledger.trust.root import TrustRoot
from sync.git_remote import GitRemote
from sync.objects import load_commit
from tests.orchestrator.repositories import Server, git


@pytest.mark.parametrize(
    ("value", "roof", "met"), [(1.0, 1.0, True), (1.0001, 1.0, False), (0.0, 1.0, True), (19.9996, 20.0, True)]
)
def test_a_bar_is_met_up_to_itself(value: float, roof: float, met: bool) -> None:
    """What is measured is judged, and rounded only to be read."""
    found = result.at_most("claim", value, "ms", roof)
    assert (found.met, found.bar, found.name) == (met, f"<= {roof:g} ms", "claim")
    assert found.value == round(value, 3)
    assert (found.baseline, found.ratio) == (None, None)


def test_the_look_for_warnings_is_measured_where_there_are_some() -> None:
    """On a small journal the same commands are looked up, and the figure is that of a look."""
    assert 0 < handoff.warning_p95(300) < 60_000


def test_each_run_is_timed() -> None:
    """So many of them, in milliseconds; the middle one counts, not the mean."""
    runs: list[int] = []
    took = result.milliseconds(lambda: runs.append(1), runs=5)
    assert (len(runs), len(took)) == (5, 5)
    assert all(0 <= each < 60_000 for each in took)
    assert result.median([1.0, 2.0, 900.0]) == 2.0


def test_a_figure_says_on_which_machine() -> None:
    """And can be written down."""
    told = result.machine()
    assert {"system", "architecture", "cores", "memory_gib", "python"} == told.keys()
    assert json.loads(json.dumps(told | asdict(result.at_most("x", 1, "s", 2))))["met"] is True


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, Path]:
    """A ledger into which thirty finished missions were brought."""
    folder = tmp_path_factory.mktemp("grown")
    server = Server.make(folder)
    server.push({"fleet.toml": "[bus]\n"})
    history.import_finished(server.folder, 30)
    return server, folder


def test_a_large_ledger_is_as_large_as_it_says(grown: tuple[Server, Path]) -> None:
    """Each finished mission is in the archive, found by its name, done; none is left open; a year of days is there."""
    server, folder = grown
    remote = GitRemote(str(server.folder), folder / "seen.git")
    try:
        ledger = SnapshotReader(remote.store, TrustRoot(remote.store, lambda tip: tip)).read(remote.fetch())
        names = sorted(name for _, files in ledger.archive.folders for name in files)
        assert names == sorted(f"old-{number}" for number in range(30))
        assert (dict(ledger.open), list(ledger.quarantined)) == ({}, [])
        months = {label[:7] for label, _ in ledger.archive.folders}
        assert len(months) >= history.MONTHS * 2 // 3  # thirty of them
        for number in (0, 17, 29):
            filed = ledger.archived(f"old-{number}")
            assert filed is not None
            assert isinstance(filed.mission, Mission)
            assert filed.mission.status is Status.DONE
            assert filed.mission.finished is not None
            assert f"{filed.mission.finished:%Y/%m/%d}" in filed.path
            assert ledger.read(index_path(f"old-{number}")) is not None
    finally:
        remote.close()


def test_its_journal_lies_by_days(grown: tuple[Server, Path]) -> None:
    """Every mission has its entry once, with its own id: the newest in the running log, the others in days' files."""
    server, folder = grown
    remote = GitRemote(str(server.folder), folder / "journal.git")
    try:
        refs = remote.fetch()
        tree = load_commit(remote.store, refs["refs/heads/main"]).tree
        found = [(file, entry) for file, entry in session_logs.entries(remote.store, tree)]
        assert sorted(entry.entry_id for _, entry in found) == sorted(f"old-{number}-1" for number in range(30))
        assert all(entry.when[:10] == file.month[:10] for file, entry in found if file.month)
        assert any(not file.month for file, _ in found)
        assert all(remote.store.size(file.oid) <= session_logs.MAX_DAY_BYTES + 1024 for file, _ in found)
    finally:
        remote.close()


def test_a_very_long_history_has_a_fold_for_each_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that its folders are written once a day and not once for ten missions; a busy day's journal has parts."""
    monkeypatch.setattr(history, "VERY_LONG", 700)
    monkeypatch.setattr(history, "MAX_DAY_BYTES", 200)
    server = Server.make(tmp_path)
    server.push({"fleet.toml": "[bus]\n"})
    history.import_finished(server.folder, 700)
    commits = git(server.folder, "rev-list", "--count", "main")
    assert int(commits) <= 1 + history.MONTHS * (2 * history.DAYS + 1)
    paths = git(server.folder, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert len([path for path in paths if "/names/" in path]) == 700
    assert [path for path in paths if path.startswith("log/") and path.endswith("/002.md")]
    texts = [git(server.folder, "show", f"main:{path}") for path in paths if path.startswith("log/")]
    texts.append(git(server.folder, "show", "main:SESSION_LOG.md"))
    assert sum(text.count("<!-- entry: old-") for text in texts) == 700


def test_an_older_ledger_lies_by_months(tmp_path: Path) -> None:
    """As ledgers did before days; the product reads both."""
    server = Server.make(tmp_path)
    history.import_finished(server.folder, 12, by_month=True)
    paths = git(server.folder, "ls-tree", "-r", "--name-only", "main", "--", "missions").splitlines()
    assert len([path for path in paths if path.count("/") == 3]) == 12
    assert not [path for path in paths if "/names/" in path]


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Connection]]:
    """What listeners tell through, and its other end."""
    ours, theirs = Pipe()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_listeners_tell_what_they_heard(pipe: tuple[Connection, Connection]) -> None:
    """How many had a word, when the first ended, how many were whole at the end."""
    ours, theirs = pipe
    held = StreamListeners(pipe=ours, count=2)
    for word in (("heard", 1), ("heard", 2)):
        theirs.send(word)
    held.wait_until_all_heard(60)
    assert not held.first_ended
    theirs.send(("ended", 1))
    assert held.first_ended
    theirs.send(("over", 2))
    held.finish()
    assert (held.heard, held.whole) == (2, 2)


def test_listeners_that_die_hold_nobody(pipe: tuple[Connection, Connection]) -> None:
    """Whoever waits for a word is told how many had one."""
    ours, theirs = pipe
    held = StreamListeners(pipe=ours, count=3)
    theirs.send(("heard", 1))
    theirs.close()
    with pytest.raises(TimeoutError, match="1 of 3 streams had a word"):
        held.wait_until_all_heard(60)
    assert held.first_ended
    held.finish()
    slow, _other = Pipe()
    with pytest.raises(TimeoutError, match="0 of 1"):
        StreamListeners(pipe=slow, count=1).wait_until_all_heard(0)


def test_the_stub_says_its_words_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, or as many as it came to."""
    monkeypatch.setattr(chat_stub, "SECONDS_PER_WORD", 0.0)
    prompt = Prompt(messages=(PromptMessage(role="user", content="x"),), max_tokens=1)
    stub, said, stop = SlowStubBackend(), list[str](), threading.Event()
    whole = stub.generate(prompt, on_text=said.append, stop=stop)
    assert (whole.finish, len(said), whole.text) == ("stop", chat_stub.WORD_COUNT, "".join(said))
    heard: list[str] = []

    def three(word: str) -> None:
        heard.append(word)
        if len(heard) == 3:
            stop.set()

    cut = stub.generate(prompt, on_text=three, stop=stop)
    assert (cut.finish, cut.text, cut.usage.tokens_out) == ("cancelled", "".join(heard), 3)
    assert (stub.missing(), stub.models()[0].name, stub.open("x")) == (None, "stub", stub)
