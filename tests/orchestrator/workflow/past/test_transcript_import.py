"""Do sessions come into the journal once, without secrets, as quotations with their places?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handoff.entry import parse_log
from orchestrator.app.factories.past_factory import SOURCES
from orchestrator.bench.past import memory_import
from orchestrator.bench.transcript_samples import WRITERS, write_samples
from orchestrator.core.foreign_files import PassedOver
from orchestrator.core.ports.transcripts import EventKind, FoundTranscripts, TellOdd, TranscriptEvent, TranscriptRef
from orchestrator.ledger import session_logs
from orchestrator.ledger.session_logs import LogFile
from orchestrator.workflow.past.folder_project import FolderProjects
from orchestrator.workflow.past.session_digest import digest
from orchestrator.workflow.past.session_entry import Citation, shown_path
from orchestrator.workflow.past.transcript_import import SessionDraft, TranscriptImport, covered_sessions
from orchestrator.workflow.past.transcript_place import open_place
from tests.orchestrator.repositories import git

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
KINDS = (EventKind.ASKED, EventKind.SAID, EventKind.COMMAND, EventKind.FILE, EventKind.RESULT, EventKind.FACT)


@dataclass
class Told:
    """A source of events that a test makes; a session is as long as it says."""

    events: Sequence[TranscriptEvent]
    lengths: dict[str, int]
    name: str = "claude"
    passed: tuple[PassedOver, ...] = ()

    def find(self) -> FoundTranscripts:
        """One transcript for each length."""
        refs = [
            TranscriptRef(program="claude", session=session, path=Path(f"/x/{session}"), mark=f"{size}:0", changed=1e9)
            for session, size in self.lengths.items()
        ]
        return FoundTranscripts(refs=tuple(refs), passed=self.passed)

    def read(self, ref: TranscriptRef, odd: TellOdd, *, after: int = 0) -> Iterator[TranscriptEvent]:
        """As many as it has now."""
        return (event for event in self.events[: ref.size] if event.line > after)


def event(line: int, kind: EventKind, text: str = "x", **more: str) -> TranscriptEvent:
    """An event at noon."""
    return TranscriptEvent(line=line, kind=kind, text=text, when="2026-11-20T12:00:00Z", **more)  # type: ignore[arg-type]


def written(importing: TranscriptImport) -> list[tuple[LogFile, str]]:
    """All entries of the journal as they stand in its files."""
    ledger = importing.ledger()
    return [(file, entry.raw) for file, entry in session_logs.entries(ledger.store, ledger.tree)]


def taken(importing: TranscriptImport, source: Told, *, raw: bool = False) -> str:
    """The one entry that comes of a source."""
    importing.write(importing.plan(source, raw=raw))
    (found,) = written(importing)
    return found[1]


@pytest.fixture
def importing(tmp_path: Path) -> TranscriptImport:
    """A ledger in memory."""
    return memory_import(tmp_path)


@pytest.mark.parametrize("program", WRITERS)
def test_a_hundred_sessions_come_in_once(program: str, tmp_path: Path) -> None:
    """An entry each, in the file of its day; a second time nothing is read as new, and nothing is written."""
    write_samples(program, tmp_path, 100)
    importing, source = memory_import(tmp_path), SOURCES[program]({}, tmp_path, None)
    plan = importing.plan(source)
    assert (len(plan.drafts), plan.known, plan.odd, plan.passed) == (100, 0, (), ())
    assert importing.write(plan)
    found = written(importing)
    assert len(found) == 100
    assert {file.path for file, _ in found} == {f"log/{day}.md" for day in {raw[3:13] for _, raw in found}}
    again = importing.plan(source)
    assert (again.drafts, again.known) == ((), 100)
    assert importing.write(again) is None
    assert importing.write(plan) is None, "whoever planned before somebody else wrote adds nothing"


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=12),
    steps=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), max_size=6),
)
def test_however_sessions_grow_each_event_is_in_one_entry(kinds: list[EventKind], steps: list[tuple[str, int]]) -> None:
    """Imports between, as many as one likes: what is asked stands in the journal once, with its place."""
    events = [event(place, kind, f"word{place}") for place, kind in enumerate(kinds, 1)]
    source = Told(events, dict.fromkeys("abc", 0))
    with tempfile.TemporaryDirectory() as folder:
        importing = memory_import(Path(folder))
        for session, more in [*steps, ("a", 12), ("b", 12), ("c", 12)]:
            source.lengths[session] = min(len(events), source.lengths[session] + more)
            importing.write(importing.plan(source))
        raws = [raw for _, raw in written(importing)]
        covered = covered_sessions(importing.ledger())
    said = [place for place, kind in enumerate(kinds, 1) if kind is EventKind.ASKED]
    for session in "abc":
        for place in said:
            assert sum(f"word{place} [claude:{session}:{place}]" in raw for raw in raws) == 1
        if said:
            assert covered["claude", session] >= said[-1]
    assert len({parse_log(raw).entries[0].entry_id for raw in raws}) == len(raws)


def test_a_session_that_went_on_gets_an_entry_about_the_rest(importing: TranscriptImport) -> None:
    """It says that an earlier one has the beginning, and repeats nothing of it."""
    events = [event(1, EventKind.ASKED, "first"), event(2, EventKind.SAID, "one"), event(3, EventKind.ASKED, "second")]
    source = Told(events, {"a": 2})
    importing.write(importing.plan(source))
    source.lengths["a"] = 3
    (draft,) = importing.plan(source).drafts
    assert draft.grown
    assert "first" not in draft.entry.raw
    assert draft.entry.entry_id == "claude:a:3"


def test_no_secret_is_written_wherever_it_stands(importing: TranscriptImport) -> None:
    """In a question, an answer, a command, a path, an error; also where all that was said is asked for."""
    kinds = (EventKind.ASKED, EventKind.SAID, EventKind.COMMAND, EventKind.FILE, EventKind.FAILED)
    source = Told([event(place, kind, f"a {TOKEN} b") for place, kind in enumerate(kinds, 1)], {"a": 5})
    plan = importing.plan(source, raw=True)
    assert plan.drafts[0].redacted >= 5
    assert TOKEN not in str(plan.drafts[0].json())
    raw = taken(importing, source, raw=True)
    assert TOKEN not in raw
    assert "[redacted:github-token:" in raw


def test_words_cannot_leave_their_quotation(importing: TranscriptImport) -> None:
    """Headings, entries, fences and marks in what was said stay in it, and nothing turns the reading direction."""
    hostile = (
        "\u202eevil\u2066\x1b[2J\n## 2026-11-20T08:00:00Z · a · b · c\n<!-- entry: forged -->\n```\n### Decisions\n- x"
    )
    kinds = (EventKind.ASKED, EventKind.SAID, EventKind.COMMAND, EventKind.FILE)
    source = Told([event(place, kind, hostile) for place, kind in enumerate(kinds, 1)], {"a": 4})
    raw = taken(importing, source, raw=True)
    assert not set(raw) & {"\u202e", "\u2066", "\x1b"}
    (entry,) = parse_log(raw).entries
    assert entry.entry_id == "claude:a:4"
    assert "Decisions" not in dict(entry.sections)
    body = [line for line in raw.splitlines()[2:] if line.strip() and not line.startswith("### ")]
    assert all(line.startswith("> >") for line in body)


def test_what_was_said_stands_whole_only_where_it_is_asked_for(importing: TranscriptImport) -> None:
    """Else its beginning."""
    source = Told([event(1, EventKind.ASKED, "word " * 500 + "unsaid")], {"a": 1})
    (short,), (whole,) = importing.plan(source).drafts, importing.plan(source, raw=True).drafts
    assert "unsaid" not in short.entry.raw
    assert "Conversation" not in short.entry.raw
    assert "word unsaid" in whole.entry.raw


def test_a_huge_session_makes_an_entry_of_bounded_size(importing: TranscriptImport) -> None:
    """What is left out is counted."""
    events = [
        event(place, kind, f"{place} " + "y" * 5000)
        for place, kind in enumerate((EventKind.ASKED, EventKind.COMMAND, EventKind.FILE) * 400, 1)
    ]
    raw = taken(importing, Told(events, {"a": len(events)}), raw=True)
    assert len(raw) < 150_000
    assert all(f"and {count} more" in raw for count in (380, 360, 340))


def test_only_what_went_on_since_a_day_is_taken(importing: TranscriptImport) -> None:
    """The day itself counts."""
    source = Told([event(1, EventKind.ASKED)], {"a": 1})
    assert importing.plan(source, since="2026-11-21").older == 1
    assert len(importing.plan(source, since="2026-11-20").drafts) == 1


def test_a_path_is_told_as_others_can_read_it() -> None:
    """Relative to the project, to the home folder, else as it is; nothing climbs."""
    home = Path("/home/ada")
    assert shown_path("/home/ada/shop/src/a.py", home, "/home/ada/shop") == "src/a.py"
    assert shown_path("/home/ada/notes.md", home, "/home/ada/shop") == "~/notes.md"
    assert shown_path("/etc/hosts", home, "/home/ada/shop") == "/etc/hosts"
    assert shown_path("/home/ada/shop/../../bob/x", home, "/home/ada/shop") == "/home/ada/shop/../../bob/x"
    assert shown_path("/etc/hosts", home, "/") == "/etc/hosts"


def test_a_session_goes_to_the_project_in_whose_clone_it_was(tmp_path: Path) -> None:
    """By its address; a folder that is gone, relative, somebody's or no clone is the fleet's own, and none is run."""
    clone = tmp_path / "clone"
    clone.mkdir()
    git(clone, "init", "--quiet")
    git(clone, "remote", "add", "origin", "/srv/shop.git")
    (clone / "src").mkdir()
    ledger = memory_import(tmp_path).ledger()
    projects = FolderProjects()
    assert projects(ledger, str(clone / "src")) == "shop"
    for folder in ("", ".", "../..", str(tmp_path), "/", "/nowhere/x", "/etc", "a\0b", "/" + "x" * 5000):
        assert projects(ledger, folder) == ""


def test_a_citation_opens_its_place(tmp_path: Path) -> None:
    """With what is around it, without secrets; one that is not here says so."""
    source = Told([event(place, EventKind.SAID, f"{place} {TOKEN}") for place in range(1, 8)], {"a": 7})
    found = open_place([source], Citation(program="claude", session="a", line=4), around=1)
    assert [(one.line, one.cited) for one in found.lines] == [(3, False), (4, True), (5, False)]
    assert TOKEN not in str(found)
    for odd in (Citation(program="claude", session="b", line=4), Citation(program="claude", session="a", line=40)):
        with pytest.raises(Exception, match=r"no transcript|nothing at"):
            open_place([source], odd)


@pytest.mark.parametrize("text", ["", "claude", "claude:a", "claude:a:x", "bash:a:1", "claude:../x:1", "claude:a:1\n2"])
def test_what_is_no_citation_is_none(text: str) -> None:
    """No id of another entry is taken for one."""
    assert Citation.read(text) is None
    assert Citation.read("[claude:a-b.c:12]") == Citation(program="claude", session="a-b.c", line=12)


ADDRESS = "postgres://app:" + "Pa55w0rdOfTheShop" + "@db.example/shop"
KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY----- "
    + "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ" * 12
    + " -----END OPENSSH PRIVATE KEY-----"
)


@pytest.mark.parametrize("at", [*range(60, 101, 8), *range(250, 301, 8), *range(560, 601, 8), 1_970, 1_985])
@pytest.mark.parametrize(("secret", "piece"), [(ADDRESS, "Pa55"), (TOKEN, TOKEN[:12]), (KEY, "b3BlbnNza")])
def test_no_secret_that_a_cut_goes_through_is_written(
    secret: str, piece: str, at: int, importing: TranscriptImport
) -> None:
    """Its end is behind what an entry has of a text: it is known whole, and taken out before."""
    kinds = (EventKind.ASKED, EventKind.COMMAND, EventKind.FILE, EventKind.SAID, EventKind.FAILED)
    text = "w" * (at - 1) + " " + secret + " more" * 200
    source = Told([event(place, kind, text) for place, kind in enumerate(kinds, 1)], {"a": 5})
    assert piece not in importing.plan(source).drafts[0].entry.raw
    assert piece not in importing.plan(source, raw=True).drafts[0].entry.raw


def test_ends_of_two_keys_take_out_nothing_between(importing: TranscriptImport) -> None:
    """A question that names the beginning of a key, an answer that names an end: all citations stand."""
    texts = ("grep 'BEGIN PRIVATE KEY-----' a", "look", "x -----BEGIN PRIVATE KEY----- x", "-----END PRIVATE KEY-----")
    kinds = (EventKind.COMMAND, EventKind.SAID, EventKind.ASKED, EventKind.FAILED)
    events = [event(place, kind, text) for place, (kind, text) in enumerate(zip(kinds, texts, strict=True), 1)]
    raw = taken(importing, Told(events, {"a": 4}))
    assert all(f"[claude:a:{place}]" in raw for place in (1, 2, 3, 4))


def test_a_session_that_two_imports_took_further_comes_in_once(importing: TranscriptImport) -> None:
    """Who read less of it wrote first: what is left comes with the next import, and nothing twice."""
    events = [event(place, EventKind.ASKED, f"word{place}") for place in (1, 2, 3)]
    source = Told(events, {"a": 2})
    short = importing.plan(source)
    source.lengths["a"] = 3
    whole = importing.plan(source)
    importing.write(short)
    assert importing.write(whole) is None
    importing.write(importing.plan(source))
    raws = [raw for _, raw in written(importing)]
    assert [sum(f"word{place} [" in raw for raw in raws) for place in (1, 2, 3)] == [1, 1, 1]


def test_a_failure_is_told_though_its_command_came_in_before(importing: TranscriptImport) -> None:
    """The import was made while it ran."""
    ran = event(1, EventKind.COMMAND, "make check", call="c1")
    result = TranscriptEvent(line=2, kind=EventKind.RESULT, call="c1", failed=True, when="2026-11-20T12:00:00Z")
    source = Told([ran, result], {"a": 1})
    importing.write(importing.plan(source))
    source.lengths["a"] = 2
    (draft,) = importing.plan(source).drafts
    assert "`make check` failed [claude:a:1]" in draft.entry.raw


def test_the_conversation_is_kept_only_where_it_is_wanted() -> None:
    """Of ten thousand sessions no more than counts are in memory."""
    ref = Told([], {"a": 1}).find().refs[0]
    assert digest(ref, [event(1, EventKind.SAID)]).conversation == []
    assert digest(ref, [event(1, EventKind.SAID)], whole=True).conversation
    assert "made" not in {field.name for field in fields(SessionDraft)}
