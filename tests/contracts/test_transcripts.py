"""What does the port of transcripts promise, whichever program wrote them?

The shapes are those of `orchestrator.bench.transcript_samples`; `tests/agents/test_transcripts.py` holds the readers to
what the real programs write.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.adapters.transcripts.json_records import cut
from orchestrator.app.factories.past_factory import SOURCES
from orchestrator.bench.transcript_samples import WRITERS, write_samples
from orchestrator.core.foreign_files import PassedOver, find_files
from orchestrator.core.ports.transcripts import EventKind, TranscriptEvent, TranscriptRef, TranscriptSource
from orchestrator.workflow.past.session_digest import SessionDigest, digest

PROGRAMS = tuple(WRITERS)
OF_LINES = ("claude", "codex", "gemini")
SESSIONS = 3
LONG = 10 * 1024 * 1024


@dataclass(frozen=True)
class Shelf:
    """A home folder with sessions of one program."""

    program: str
    home: Path

    def source(self, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> TranscriptSource:
        """What reads them."""
        return SOURCES[self.program](environ or {}, self.home, folder)

    def refs(self) -> list[TranscriptRef]:
        """The sessions, oldest first."""
        return sorted(self.source().find().refs, key=lambda ref: ref.session)

    def read(self, ref: TranscriptRef, after: int = 0) -> tuple[list[TranscriptEvent], list[tuple[int, str]]]:
        """Events, and odd lines."""
        odd: list[tuple[int, str]] = []
        return list(self.source().read(ref, lambda line, why: odd.append((line, why)), after=after)), odd

    def digest(self, ref: TranscriptRef) -> SessionDigest:
        """What a session comes to."""
        return digest(ref, self.source().read(ref, lambda line, why: None))


@pytest.fixture(params=PROGRAMS)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """Three sessions of each program."""
    write_samples(request.param, tmp_path, SESSIONS)
    return Shelf(request.param, tmp_path)


@pytest.fixture(params=OF_LINES)
def lines(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """The same, of programs that write JSON lines."""
    write_samples(request.param, tmp_path, SESSIONS)
    return Shelf(request.param, tmp_path)


def test_each_session_is_found_once(shelf: Shelf) -> None:
    """With a mark that begins with its size, and a name that fits an entry's id."""
    refs = shelf.refs()
    assert len(refs) == len({ref.session for ref in refs}) == SESSIONS
    assert all(ref.size > 0 and len(ref.session) <= 80 and ref.program == shelf.program for ref in refs)


def test_what_was_asked_done_and_answered_is_read(shelf: Shelf) -> None:
    """The same of each program, in the order of lines; aider tells no exit codes."""
    made = shelf.digest(shelf.refs()[0])
    assert (made.questions, made.end, len(made.commands)) == (2, "with an answer", 2)
    assert len(made.failed) == (0 if shelf.program == "aider" else 1)
    assert [path.rpartition(".")[2] for path in made.files] == ["py"]
    assert made.answer is not None
    assert made.answer.text.startswith("Done: ")
    assert made.models
    assert made.tokens_in >= 2000
    assert made.tokens_out >= 100
    assert made.folder.rpartition("/")[2] == "shop-0"
    assert made.first[:10] == "2026-08-01"
    events, odd = shelf.read(shelf.refs()[0])
    assert odd == []
    assert [event.line for event in events] == sorted(event.line for event in events)


def test_what_stands_behind_a_line_is_read_alone(shelf: Shelf) -> None:
    """Whatever the line: the events behind it, and none that stands before."""
    ref = shelf.refs()[1]
    every = [event for event in shelf.read(ref)[0] if event.kind is not EventKind.FACT]
    for after in {event.line for event in every}:
        behind = [event for event in shelf.read(ref, after)[0] if event.kind is not EventKind.FACT]
        assert [(one.line, one.kind, one.text) for one in behind] == [
            (one.line, one.kind, one.text) for one in every if one.line > after
        ]


def test_no_link_is_followed(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Not to a file elsewhere; it is told. The folder at the top is a person's own, and may be one."""
    ref = shelf.refs()[0]
    elsewhere = tmp_path_factory.mktemp("elsewhere") / ref.path.name
    ref.path.rename(elsewhere)
    ref.path.symlink_to(elsewhere)
    found = shelf.source().find()
    assert ref.path not in {each.path for each in found.refs}
    assert [Path(one.place) for one in found.passed] == [ref.path]
    with pytest.raises(OSError):  # noqa: PT011 - whichever it is
        list(shelf.source().read(ref, lambda line, why: None))


def test_a_pipe_is_not_waited_for(shelf: Shelf) -> None:
    """Nor is anything else that is no plain file."""
    ref = shelf.refs()[0]
    ref.path.unlink()
    os.mkfifo(ref.path)
    assert ref.path not in {each.path for each in shelf.source().find().refs}
    with pytest.raises(OSError):  # noqa: PT011 - whichever it is
        list(shelf.source().read(ref, lambda line, why: None))


def test_somebody_elses_files_are_not_read(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever else could write one here could have its words in the journal."""
    ref, mine = shelf.refs()[0], os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    assert shelf.source().find().refs == ()
    with pytest.raises(OSError):  # noqa: PT011 - whichever it is
        list(shelf.source().read(ref, lambda line, why: None))


def test_a_transcript_that_is_gone_is_an_error_of_the_disk(shelf: Shelf) -> None:
    """Nothing else."""
    ref = shelf.refs()[0]
    ref.path.unlink()
    with pytest.raises(OSError):  # noqa: PT011 - whichever it is
        list(shelf.source().read(ref, lambda line, why: None))


def test_a_home_without_the_program_has_nothing(tmp_path: Path) -> None:
    """And nothing is told of it."""
    for program in PROGRAMS:
        found = SOURCES[program]({}, tmp_path / "nowhere", None).find()
        assert (found.refs, found.passed) == ((), ())


@pytest.mark.parametrize(
    ("program", "variable", "below"),
    [
        ("claude", "CLAUDE_CONFIG_DIR", ".claude"),
        ("codex", "CODEX_HOME", ".codex"),
        ("gemini", "GEMINI_CLI_HOME", ""),
        ("opencode", "XDG_DATA_HOME", ".local/share"),
        ("opencode", "OPENCODE_DB", ".local/share/opencode/opencode.db"),
        ("aider", "AIDER_CHAT_HISTORY_FILE", "projects/shop-0/.aider.chat.history.md"),
    ],
)
def test_the_programs_own_variable_says_where(program: str, variable: str, below: str, tmp_path: Path) -> None:
    """As the program takes it."""
    write_samples(program, tmp_path, 1)
    source = SOURCES[program]({variable: str(tmp_path / below)}, tmp_path / "nowhere", None)
    assert len(source.find().refs) == 1


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (b"{" * 100_000 + b"\n", "no JSON"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"\n", "no JSON"),
        (b"[" * 200_000 + b"]" * 200_000 + b"\n", "no JSON"),
        (b'{"type": "user", "message": ' + b"x" * LONG + b"}\n", "longer than"),
        (b'["user", "assistant"]\n', "no JSON object"),
        (b'"user" \xff\xfe\n', "no JSON"),
    ],
    ids=["open", "deep", "lists", "10 MB", "list", "bytes"],
)
def test_an_odd_line_is_told_and_passed_by(lines: Shelf, odd: bytes, why: str) -> None:
    """Wherever it stands: all else is read as before, a line later."""
    ref = lines.refs()[0]
    before, _ = lines.read(ref)
    ref.path.write_bytes(odd + ref.path.read_bytes())
    after, told = lines.read(lines.refs()[0])
    assert [line for line, _ in told] == [1]
    assert why in told[0][1]
    assert [(one.kind, one.text) for one in after] == [(one.kind, one.text) for one in before]


@pytest.mark.parametrize(
    "values",
    [None, "x", [1, None, "x"], {"a": {}}, -1, 1e400],
    ids=lambda value: str(value)[:8],
)
def test_values_of_another_kind_are_no_traceback(lines: Shelf, values: object) -> None:
    """In the place of each value of each record, one after the other."""
    ref = lines.refs()[0]
    whole = ref.path.read_text().splitlines()
    changed = [
        json.dumps({**record, key: values}) for record in map(json.loads, whole) for key in record if key != "type"
    ]
    inner = [
        json.dumps({**record, outer: {**record[outer], key: values}})
        for record in map(json.loads, whole)
        for outer in ("message", "payload")
        for key in (record.get(outer) or {})
    ]
    ref.path.write_text("\n".join([*changed, *inner]) + "\n")
    events, _ = lines.read(lines.refs()[0])
    assert all(isinstance(event.text, str) and event.tokens_in >= 0 for event in events)


def test_a_line_that_is_being_written_is_left_for_the_next_time(lines: Shelf) -> None:
    """Cut anywhere, it is neither read nor told; whole, it is read."""
    ref = lines.refs()[0]
    data = ref.path.read_bytes()
    whole, _ = lines.read(ref)
    last = data.rstrip(b"\n").rfind(b"\n") + 1
    for size in (last + 1, (last + len(data)) // 2, len(data) - 2):
        ref.path.write_bytes(data[:size])
        events, odd = lines.read(lines.refs()[0])
        assert odd == []
        assert events == [event for event in whole if event.line < data.count(b"\n")]
    ref.path.write_bytes(data)
    assert lines.read(lines.refs()[0])[0] == whole


def test_a_history_written_again_counts_where_it_stood_first(tmp_path: Path) -> None:
    """gemini writes all messages again when a session is resumed: none is new, and one that is new is."""
    write_samples("gemini", tmp_path, 1)
    shelf = Shelf("gemini", tmp_path)
    (ref,) = shelf.refs()
    before, _ = shelf.read(ref)
    messages = [record for record in map(json.loads, ref.path.read_text().splitlines()) if "id" in record]
    more = {"id": "new", "type": "user", "content": [{"text": "And now?"}]}
    with ref.path.open("a") as file:
        file.write(json.dumps({"sessionId": "again"}) + "\n")
        file.write(json.dumps({"$set": {"messages": [*messages, more]}}) + "\n")
    after, _ = shelf.read(shelf.refs()[0])
    assert after[: len(before)] == before
    assert [(one.kind, one.text) for one in after[len(before) :]] == [(EventKind.ASKED, "And now?")]


def test_tokens_of_a_message_that_is_repeated_count_once(tmp_path: Path) -> None:
    """claude repeats a message's id over several lines, each with its whole count."""
    write_samples("claude", tmp_path, 1)
    shelf = Shelf("claude", tmp_path)
    (ref,) = shelf.refs()
    before = shelf.digest(ref)
    said = [line for line in ref.path.read_text().splitlines() if '"assistant"' in line]
    with ref.path.open("a") as file:
        file.write("\n".join(said) + "\n")
    after = shelf.digest(shelf.refs()[0])
    assert (after.tokens_in, after.tokens_out) == (before.tokens_in, before.tokens_out)


def test_the_sum_of_a_thread_that_was_taken_anew_is_no_negative_count(tmp_path: Path) -> None:
    """codex' count is a running sum."""
    write_samples("codex", tmp_path, 1)
    shelf = Shelf("codex", tmp_path)
    made = shelf.digest(shelf.refs()[0])
    assert (made.tokens_in, made.tokens_out) == (5000, 250)


def test_older_records_of_codex_are_read(tmp_path: Path) -> None:
    """Calls and their outputs, where a version tells no items."""
    path = (
        tmp_path / ".codex/sessions/2026/08/01/rollout-2026-08-01T08-00-00-00000000-1111-4111-8111-000000000000.jsonl"
    )
    path.parent.mkdir(parents=True)
    payloads = [
        ("response_item", {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Do it"}]}),
        (
            "response_item",
            {
                "type": "function_call",
                "name": "shell",
                "call_id": "a",
                "arguments": '{"command":["bash","-lc","make"]}',
            },
        ),
        (
            "response_item",
            {"type": "function_call_output", "call_id": "a", "output": '{"output":"no","metadata":{"exit_code":2}}'},
        ),
        (
            "response_item",
            {"type": "custom_tool_call", "name": "apply_patch", "call_id": "b", "input": "*** Update File: src/a.py\n"},
        ),
        ("event_msg", {"type": "turn_aborted", "reason": "interrupted"}),
    ]
    path.write_text("".join(json.dumps({"type": kind, "payload": payload}) + "\n" for kind, payload in payloads))
    made = Shelf("codex", tmp_path).digest(Shelf("codex", tmp_path).refs()[0])
    assert (list(made.commands), list(made.failed), list(made.files)) == (["make"], ["make"], ["src/a.py"])
    assert made.end == "with an error"


def test_a_sub_agents_session_belongs_to_the_one_that_began_it(tmp_path: Path) -> None:
    """claude keeps it in a folder beside."""
    write_samples("claude", tmp_path, 1)
    shelf = Shelf("claude", tmp_path)
    (ref,) = shelf.refs()
    inner = ref.path.with_suffix("") / "subagents" / "agent-a1.jsonl"
    inner.parent.mkdir(parents=True)
    inner.write_bytes(ref.path.read_bytes())
    found = {each.path: each for each in shelf.refs()}
    assert found[inner].part_of == ref.session
    assert found[inner].session == f"{ref.session}.agent-a1"


def _change(home: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(home / ".local/share/opencode/opencode.db")) as conn, conn:
        conn.execute(sql, values)


def test_a_large_row_is_told_and_not_loaded(tmp_path: Path) -> None:
    """opencode keeps all in one database: a part of 10 MB is passed over."""
    write_samples("opencode", tmp_path, 1)
    shelf = Shelf("opencode", tmp_path)
    _change(tmp_path, "UPDATE part SET data = ? WHERE rowid = 1", json.dumps({"type": "text", "text": "x" * LONG}))
    events, odd = shelf.read(shelf.refs()[0])
    assert [line for line, _ in odd] == [1]
    assert len([event for event in events if event.kind is EventKind.ASKED]) == 1


def test_a_part_that_runs_is_left_for_the_next_time(tmp_path: Path) -> None:
    """opencode writes it anew when its tool has run."""
    write_samples("opencode", tmp_path, 1)
    shelf = Shelf("opencode", tmp_path)
    running = {"type": "tool", "tool": "bash", "callID": "z", "state": {"status": "running", "input": {"command": "x"}}}
    _change(
        tmp_path,
        "INSERT INTO part SELECT 'zz', id, session_id, 9000000000000, 1, ? FROM message LIMIT 1",
        json.dumps(running),
    )
    commands = [event.text for event in shelf.read(shelf.refs()[0])[0] if event.kind is EventKind.COMMAND]
    assert "x" not in commands


@pytest.mark.parametrize("data", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_told(tmp_path: Path, data: bytes) -> None:
    """And nothing is raised."""
    path = tmp_path / ".local/share/opencode/opencode.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    found = SOURCES["opencode"]({}, tmp_path, None).find()
    assert found.refs == ()
    assert [one.place for one in found.passed] == [str(path)]


def test_a_view_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes a database may have it count for ever: it is told as one that cannot be read."""
    monkeypatch.setattr("orchestrator.adapters.transcripts.opencode_sessions.MAX_STEPS", 1_000_000)
    path = tmp_path / ".local/share/opencode/opencode.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("CREATE TABLE part (id, message_id, session_id, time_created, time_updated, data)")
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id, '' AS directory,"
        conn.execute(f"CREATE VIEW session AS {endless} NULL AS parent_id, i AS time_updated FROM n")
    found = SOURCES["opencode"]({}, tmp_path, None).find()
    assert found.refs == ()
    assert "interrupted" in found.passed[0].why


CHATS = """
# aider chat started at 2026-08-01 08:00:00

> aider --message Do this
and that
> Model: gpt with diff edit format

#### Do this
#### and that

I do.
# aider chat started at noon

> Applied edit to a.py
> litellm.BadRequestError: no

# aider chat started at 2026-08-01 08:00:00

#### Again
"""


def test_chats_of_one_second_are_two(tmp_path: Path) -> None:
    """aider has no ids: each is called after its time and its file."""
    (tmp_path / ".aider.chat.history.md").write_text(CHATS)
    shelf = Shelf("aider", tmp_path)
    first, second = shelf.refs()
    assert second.session == f"{first.session}.2"
    made = shelf.digest(first)
    assert made.asked[0].text == "Do this\nand that"
    assert (list(made.files), made.end, made.asked[0].line) == (["a.py"], "with an error", 7)
    assert [one.text for one in shelf.digest(second).asked] == ["Again"]


def test_a_chat_that_began_on_no_day_has_no_time(tmp_path: Path) -> None:
    """Somebody has edited it; it did not begin in 1970."""
    text = "# aider chat started at 2026-02-31 08:00:00\n\n#### Do it\n"
    (tmp_path / ".aider.chat.history.md").write_text(text)
    shelf = Shelf("aider", tmp_path)
    assert {event.when for event in shelf.read(shelf.refs()[0])[0]} == {""}


def test_a_history_of_one_character_a_line_takes_no_time(tmp_path: Path) -> None:
    """What belongs together is gathered, and what is longer than an event is cut."""
    text = "\n# aider chat started at 2026-08-01 08:00:00\n\n" + "x\n" * 300_000
    (tmp_path / ".aider.chat.history.md").write_text(text)
    shelf = Shelf("aider", tmp_path)
    (said,) = [event for event in shelf.read(shelf.refs()[0])[0] if event.kind is EventKind.SAID]
    assert len(said.text) <= 64 * 1024


def test_a_line_of_one_digit_takes_no_time(tmp_path: Path) -> None:
    """What aider says of tokens is looked for in the beginning of a line: twice as long a line takes no longer."""
    line = "> Tokens: 1 sent," + "1" * 250_000
    (tmp_path / ".aider.chat.history.md").write_text(f"\n# aider chat started at 2026-08-01 08:00:00\n\n{line}\n")
    shelf = Shelf("aider", tmp_path)
    began = time.process_time()
    assert [event for event in shelf.read(shelf.refs()[0])[0] if event.kind is not EventKind.FACT] == []
    assert time.process_time() - began < 5, "read in a moment; a search that begins at each digit takes minutes"


def test_a_chats_lines_are_counted_from_its_heading(tmp_path: Path) -> None:
    """So a place stays, whoever takes older chats out; a line that is being written is left, and a long one is told."""
    path = tmp_path / ".aider.chat.history.md"
    last = "# aider chat started at 2026-08-02 08:00:00\n\n#### Do it\n\n" + "x" * 300_000 + "\n"
    path.write_text("# aider chat started at 2026-08-01 08:00:00\n\n#### Old\n" + last)
    shelf = Shelf("aider", tmp_path)
    events, odd = shelf.read(shelf.refs()[1])
    assert odd == [(5, "the line is longer than 256 KiB")]
    path.write_text(last)
    assert shelf.read(shelf.refs()[0])[0] == events
    path.write_text(last + "\nI beg")
    assert "I beg" not in {event.text for event in shelf.read(shelf.refs()[0])[0]}
    path.write_text(last + "\nI begin.\n")
    assert "I begin." in {event.text for event in shelf.read(shelf.refs()[0])[0]}


@pytest.mark.parametrize("program", ["claude", "codex", "gemini"])
def test_a_session_in_two_folders_is_one(program: str, tmp_path: Path) -> None:
    """The newest counts, and the other is told: a name is one session's."""
    write_samples(program, tmp_path, 1)
    shelf = Shelf(program, tmp_path)
    (ref,) = shelf.refs()
    top = ref.path.parent if program == "gemini" else ref.path.parent.parent
    copy = top / ("2" if program == "codex" else "copy") / ref.path.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(ref.path.read_bytes())
    os.utime(copy, (1, 1))
    found = shelf.source().find()
    assert [each.path for each in found.refs] == [ref.path]
    assert [Path(one.place) for one in found.passed] == [copy]


@pytest.mark.parametrize(
    ("program", "tops"),
    [
        ("gemini", (".gemini", ".gemini/tmp", ".gemini/tmp/shop-0", ".gemini/tmp/shop-0/chats")),
        ("aider", ("", "projects/shop-0")),
    ],
)
def test_a_session_is_called_the_same_from_wherever_one_looks(
    program: str, tops: tuple[str, ...], tmp_path: Path
) -> None:
    """A citation opens whether a folder above was named, one below, or a link to it."""
    write_samples(program, tmp_path / "home", 1)
    (tmp_path / "link").symlink_to(tmp_path / "home")
    shelf = Shelf(program, tmp_path / "home")
    found = [shelf.source(folder=tmp_path / way / top).find().refs for way in ("home", "link") for top in tops]
    assert {(ref.session, ref.folder) for refs in found for ref in refs} == {
        (ref.session, ref.folder) for ref in shelf.refs()
    }
    assert all(found)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_folder_that_nobody_may_look_at_is_told(program: str, tmp_path: Path) -> None:
    """Python raises what the system says of it: here that the name is too long, elsewhere that it is root's."""
    found = SOURCES[program]({}, tmp_path, tmp_path / ("x" * 300)).find()
    assert found.refs == ()
    assert len(found.passed) == 1


def test_parts_behind_one_that_runs_are_left_too(tmp_path: Path) -> None:
    """Tools of one message run side by side, and one behind may end first; one that never ended holds up nothing."""
    write_samples("opencode", tmp_path, 1)
    shelf = Shelf("opencode", tmp_path)
    first, last = "SELECT min(id) FROM message", "SELECT max(id) FROM message"
    for place, (message, ident, status) in enumerate(
        [(first, "a", "running"), (last, "b", "running"), (last, "c", "completed")]
    ):
        state = {"status": status, "input": {"command": f"run {ident}"}}
        part = json.dumps({"type": "tool", "tool": "bash", "callID": ident, "state": state})
        _change(
            tmp_path,
            f"INSERT INTO part SELECT 'z' || ?, ({message}), session_id, ?, 1, ? FROM message LIMIT 1",
            ident,
            1 if ident == "a" else 9_000_000_000_000 + place,
            part,
        )

    def commands() -> list[str]:
        return [event.text for event in shelf.read(shelf.refs()[0])[0] if event.text.startswith("run ")]

    assert commands() == ["run a"]
    _change(tmp_path, "UPDATE part SET data = replace(data, 'running', 'completed')")
    assert commands() == ["run a", "run b", "run c"]


def test_no_more_files_are_looked_at_than_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where all are in one folder."""
    monkeypatch.setattr("orchestrator.core.foreign_files.MAX_FILES", 2)
    for number in range(5):
        (tmp_path / f"{number}.jsonl").write_text("{}\n")
    passed: list[PassedOver] = []
    found = list(find_files(tmp_path, lambda parts: True, passed, depth=1))
    assert ([each.path.name for each in found], len(passed)) == (["0.jsonl", "1.jsonl"], 1)


@pytest.mark.parametrize("text", ["w " * 32_760 + "ghp_" + "a1B2" * 9, "w" * 65_530 + ":Pa55w0rd@host", "x" * 70_000])
def test_a_text_is_cut_between_words(text: str) -> None:
    """Half a word may be half a secret."""
    made = cut(text)
    assert len(made) <= 64 * 1024
    assert text.startswith(made)
    assert not set(made) & set("P5_B")
    assert cut(made) == made
