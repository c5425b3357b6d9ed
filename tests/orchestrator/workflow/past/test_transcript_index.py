"""Does the index of all transcripts find what is there, keep to itself, and follow what becomes of them?"""

from __future__ import annotations

import sqlite3
import stat
import threading
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.bench import past
from orchestrator.bench.past import SampleSource, search_p95
from orchestrator.bench.transcript_samples import SampleWords
from orchestrator.core.errors import WrongSetting
from orchestrator.core.foreign_files import PassedOver
from orchestrator.core.ports.transcripts import EventKind
from orchestrator.workflow.past.transcript_index import IndexState, TranscriptHit, TranscriptIndex, _commonness
from tests.orchestrator.workflow.past.test_transcript_import import ADDRESS, TOKEN, Told, event

MAX_MEMORY = 48 * 1024 * 1024


@pytest.fixture
def index(tmp_path: Path) -> TranscriptIndex:
    """One that is not there yet."""
    return TranscriptIndex(path=tmp_path / "home" / "index.db")


def found(index: TranscriptIndex, words: str, limit: int = 10) -> list[TranscriptHit]:
    """What a search finds."""
    with index.opened() as searching:
        return searching.search(words, limit)


def source(*texts: str, **lengths: int) -> Told:
    """Sessions that all say the same, each as far as its length."""
    return Told([event(line, EventKind.SAID, text) for line, text in enumerate(texts, 1)], lengths)


def test_a_place_is_found_with_its_source(index: TranscriptIndex) -> None:
    """Program, session, time, file, line; whichever case and form of a word is asked for."""
    index.refresh([source("The cache was flushed.", "Nothing else", a=2)])
    (hit,) = found(index, "CACHES flush")
    assert (hit.citation, hit.kind, hit.when) == ("claude:a:1", "said", "2026-11-20T12:00:00Z")
    assert (hit.program, hit.session, hit.line, hit.path) == ("claude", "a", 1, "/x/a")
    assert found(index, "unheard") == []
    assert found(index, "") == []


def test_all_words_come_before_some(index: TranscriptIndex) -> None:
    """Where no row has all, those with the rarest are found."""
    index.refresh([source("alpha beta", "alpha gamma", *["alpha"] * 20, a=22)])
    assert [hit.line for hit in found(index, "alpha beta")] == [1]
    assert [hit.line for hit in found(index, "beta gamma unheard alpha")][:1] in ([1], [2])
    assert len(found(index, "alpha", limit=5)) == 5


def test_all_of_three_common_words_are_in_what_is_found(index: TranscriptIndex) -> None:
    """Whichever is the rarest; where no row has all three, the two rarest count."""
    rows = [
        f"{'alpha ' * (n % 2 == 0)}{'beta ' * (n % 3 == 0)}{'gamma ' * (n % 7 == 0)}line {n}" for n in range(1, 1261)
    ]
    index.refresh([source(*rows, a=len(rows))])
    hits = found(index, "alpha gamma beta", limit=40)
    assert sorted(hit.line for hit in hits) == list(range(42, 1261, 42))
    assert [hit.line for hit in found(index, "gamma zeta beta line", limit=1)] == [1260]
    with index.opened() as searching:
        order = sorted(("line", "alpha", "gamma", "beta"), key=lambda word: _commonness(searching.conn, word))
    assert order == ["gamma", "beta", "alpha", "line"]


def test_what_people_asked_comes_before_an_output(index: TranscriptIndex) -> None:
    """Though the output is newer."""
    events = [event(1, EventKind.ASKED, "why the port"), event(2, EventKind.RESULT, "why the port")]
    index.refresh([Told(events, {"a": 2})])
    assert [hit.kind for hit in found(index, "why port")] == ["asked", "result"]


@pytest.mark.parametrize(
    "text", ['"', "a AND", "NEAR(", "*", "^x", "text:x", "a-b", "' OR 1=1", "\0", "\ud800", "🙂", "()"]
)
def test_any_text_is_a_query(index: TranscriptIndex, text: str) -> None:
    """Nothing in it is taken for the syntax of a search."""
    index.refresh([source("a b x", a=1)])
    found(index, text)


def test_it_takes_in_what_is_new_and_nothing_twice(index: TranscriptIndex) -> None:
    """A session that has grown is read behind what is known; one that is as it was is not read."""
    told = source("one", "two", "three", a=1)
    assert index.refresh([told]).rows == 1
    assert index.refresh([told]) == IndexState(transcripts=1, taken=0, rows=0)
    told.lengths["a"] = 3
    assert index.refresh([told]).rows == 2
    assert [hit.line for word in ("one", "two", "three") for hit in found(index, word)] == [1, 2, 3]


def test_a_transcript_that_became_shorter_is_read_anew(index: TranscriptIndex) -> None:
    """It is another one."""
    told = source("one", "two", a=2)
    index.refresh([told])
    told.events, told.lengths = [event(1, EventKind.SAID, "else")], {"a": 1}
    index.refresh([told])
    assert [len(found(index, word)) for word in ("one", "two", "else")] == [0, 0, 1]


def test_what_is_gone_is_forgotten(index: TranscriptIndex) -> None:
    """Whoever deletes a transcript finds nothing of it here; other programs' stay while they are not looked at."""
    told, other = source("mine", a=1, b=1), source("mine", c=1)
    other.name = "codex"
    index.refresh([told])
    del told.lengths["a"]
    index.refresh([told])
    assert [hit.session for hit in found(index, "mine")] == ["b"]
    index.refresh([other])
    assert {hit.session for hit in found(index, "mine")} == {"b", "c"}
    with closing(sqlite3.connect(index.path)) as conn:
        assert conn.execute("SELECT count(*) FROM said").fetchone() == (2,)


def test_no_secret_stands_in_it(index: TranscriptIndex) -> None:
    """Neither in what is found nor in the file, also where it stands between other lines."""
    key = f"-----BEGIN PRIVATE KEY-----\n{'QUJD' * 20}\n-----END PRIVATE KEY-----"
    index.refresh([source("a b", f"x {TOKEN} y", f"two\nlines {TOKEN}\n", key, "the end", a=5)])
    assert [hit.line for hit in found(index, "end")] == [5]
    assert found(index, TOKEN) == []
    data = b"".join(path.read_bytes() for path in index.path.parent.glob("index.db*"))
    assert TOKEN.encode() not in data
    assert TOKEN.lower()[4:20].encode() not in data
    assert b"QUJDQUJD" not in data


def test_nobody_else_may_read_it(index: TranscriptIndex) -> None:
    """Nor any file that SQLite puts beside it; a link in its place is not followed."""
    index.refresh([source("x", a=1)])
    with index.opened():
        files = list(index.path.parent.glob("index.db*"))
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    other = TranscriptIndex(path=index.path.with_name("link.db"))
    other.path.symlink_to(index.path)
    with pytest.raises(WrongSetting):
        other.refresh([source("x", a=1)])


def test_a_file_that_is_no_database_is_made_again(index: TranscriptIndex) -> None:
    """It is a cache."""
    index.path.parent.mkdir()
    index.path.write_bytes(b"no database" * 1000)
    index.refresh([source("x", a=1)])
    assert len(found(index, "x")) == 1


def test_a_build_that_was_broken_off_goes_on(index: TranscriptIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a batch: nothing is lost and nothing stands twice."""
    monkeypatch.setattr("orchestrator.workflow.past.transcript_index.BATCH_ROWS", 2)
    told = source(*["word"] * 9, a=9)

    class Broken(Told):
        def read(self, *given, **more):  # type: ignore[no-untyped-def]
            for number, one in enumerate(super().read(*given, **more)):
                if number == 5:
                    raise KeyboardInterrupt
                yield one

    with pytest.raises(KeyboardInterrupt):
        index.refresh([Broken(told.events, told.lengths)])
    index.refresh([told])
    assert sorted(hit.line for hit in found(index, "word", limit=50)) == list(range(1, 10))


def test_two_that_build_at_once_take_turns(index: TranscriptIndex) -> None:
    """Nothing stands twice."""
    told = source(*["word"] * 300, a=300, b=300)
    threads = [threading.Thread(target=index.refresh, args=([told],)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(sqlite3.connect(index.path)) as conn:
        assert conn.execute("SELECT count(*) FROM said").fetchone() == (600,)


def test_a_long_output_has_its_beginning_and_its_end(index: TranscriptIndex) -> None:
    """What stands between is not searched."""
    index.refresh([source("alpha " + "x " * 20_000 + "middle " + "y " * 20_000 + "omega", a=1)])
    assert [len(found(index, word)) for word in ("alpha", "middle", "omega")] == [1, 0, 1]
    assert len(found(index, "alpha")[0].text) < 5_000


def _memory_of(index: TranscriptIndex, lines: int) -> int:
    tracemalloc.start()
    try:
        index.refresh([SampleSource(lines=lines)])
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch at a time, whatever there is."""
    monkeypatch.setattr(past, "LINES_EACH", 2_000)
    few = _memory_of(TranscriptIndex(path=tmp_path / "few.db"), 2_000)
    many = _memory_of(TranscriptIndex(path=tmp_path / "many.db"), 6_000)
    assert many < min(MAX_MEMORY, 1.5 * few)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_million_lines_are_searched_in_a_moment(index: TranscriptIndex) -> None:
    """Built in bounded memory; 19 of 20 searches take 5 ms at most, on a machine with nothing else to do."""
    index.refresh([SampleSource(lines=1_000_000)])
    assert search_p95(index, 200) <= 5


def test_a_search_is_measured(index: TranscriptIndex) -> None:
    """The short form of it: no search looks at more rows than it may show, however many have the words."""
    index.refresh([SampleSource(lines=3_000)])
    assert search_p95(index, 20) > 0
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    with index.opened() as searching:
        common = SampleWords().said(200).split()
        searching.conn.set_progress_handler(count, 100)
        searching.search(" ".join(sorted(common, key=common.count)[-4:]))
    assert steps < 300


def test_a_name_that_is_no_utf8_is_found(index: TranscriptIndex) -> None:
    """Nor does it end the search for all else; again nothing is new."""
    told = source("word", **{"a\udcff": 1})
    told.events = [event(1, EventKind.SAID, "word", folder="/x\udcfe")]
    assert index.refresh([told]).rows == 1
    assert index.refresh([told]).taken == 0
    (hit,) = found(index, "word")
    assert (hit.path, hit.folder) == ("/x/a\\udcff", "/x\\udcfe")


def test_ends_of_a_key_take_out_no_other_row(index: TranscriptIndex) -> None:
    """A beginning in one row, an end in another: what stands between is searched, and no key is."""
    middle = [f"keepsake{number} and a longer sentence around" for number in range(5)]
    texts = [
        "-----BEGIN PRIVATE KEY-----",
        *middle,
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "-----END PRIVATE KEY-----",
    ]
    index.refresh([source(*texts, a=len(texts))])
    assert [len(found(index, f"keepsake{number}")) for number in range(5)] == [1] * 5


@pytest.mark.parametrize("at", [2_985, 2_998, 3_000, 63_990])
def test_no_secret_that_a_cut_goes_through_stands_in_it(index: TranscriptIndex, at: int) -> None:
    """A row has a text's beginning and its end: neither has half of one."""
    secrets = f"{ADDRESS} {TOKEN} curl -u ada:{'Pa55w0rd' * 4} x"
    text = "w " * (at // 2) + secrets
    index.refresh([source(text + " y" * 40_000, text + " y" * 460, a=2)])
    data = b"".join(path.read_bytes() for path in index.path.parent.glob("index.db*"))
    assert b"Pa55" not in data
    assert TOKEN[:12].encode() not in data


def test_what_could_not_be_looked_into_is_not_forgotten(index: TranscriptIndex) -> None:
    """A database that is locked for a while, a folder that is closed: its rows stay; those of others go."""
    told = source("word", a=1, b=1)
    index.refresh([told])
    told.lengths = {}
    told.passed = (PassedOver(place="/x/a", why="is locked"),)
    index.refresh([told])
    assert [hit.session for hit in found(index, "word")] == ["a"]


def test_a_search_is_one_look(index: TranscriptIndex) -> None:
    """What another process takes out meanwhile is there until its end."""
    told = source("word", a=1)
    index.refresh([told])
    with index.opened() as searching:
        asked = searching.conn

        def forget(statement: str) -> None:
            if "MATCH" in statement and told.lengths:
                told.lengths.clear()
                index.refresh([told])

        asked.set_trace_callback(forget)
        assert [hit.session for hit in searching.search("word")] == ["a"]
        assert searching.search("word") == []


def test_a_database_that_breaks_off_is_told(index: TranscriptIndex) -> None:
    """In one line, whoever asks; not as a traceback."""
    index.refresh([source("word", a=1)])
    with closing(sqlite3.connect(index.path)) as conn, conn:
        conn.execute("DROP TABLE span")
        conn.execute("CREATE TABLE span (first INTEGER)")
    with pytest.raises(WrongSetting, match="cannot be used"):
        index.refresh([source("word", b=1)])
