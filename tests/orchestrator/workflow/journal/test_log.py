"""Does the journal take what people write, find it again, and give it away as a fine-tuning set?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from handoff.entry import parse_log
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.ledger import session_logs
from orchestrator.workflow.journal.entry_places import entry_places
from orchestrator.workflow.journal.log import ExternalAgent, parse_sections
from tests.journals import SHOP_LOG, entry, log, logbook
from tests.ledgers import Town

AWS = "AKIAQ3EGRLR7ZCW5JT2K"


def test_an_entry_is_appended_to_the_project_and_to_the_fleets_log(tmp_path: Path) -> None:
    """What was there stays byte for byte; the entry names the person, and its secrets are gone."""
    town = Town({SHOP_LOG: log(entry("old"))})
    ada = town.peer("ada")
    before = ada.text(SHOP_LOG)
    made = logbook(ada, tmp_path).add({"Decisions": "- Use tabs", "Lessons": f"the key is {AWS}"}, project="shop")
    assert ada.text(SHOP_LOG).startswith(before)
    (old, new) = parse_log(ada.text(SHOP_LOG)).entries
    assert (old.entry_id, new.entry_id, new.node, new.agent) == ("old", made.entry_id, "ada", "person")
    assert made.redacted == 1
    assert AWS not in ada.text(SHOP_LOG)
    logbook(ada, tmp_path).add({"Work Accomplished": "Moved house"})
    assert "Moved house" in ada.text("SESSION_LOG.md")


def test_two_people_write_at_once_and_neither_entry_is_lost(tmp_path: Path) -> None:
    """The slower push is worked out again on the log that the faster one left."""
    town = Town()
    ada, bob = town.peer("ada"), town.peer("bob")
    ada.line.before_push.append(lambda: logbook(bob, tmp_path).add({"Work Accomplished": "Bob was here"}))
    logbook(ada, tmp_path).add({"Work Accomplished": "Ada was here"})
    assert [one.node for one in parse_log(ada.text("SESSION_LOG.md")).entries] == ["bob", "ada"]


def test_wrong_use_is_refused(tmp_path: Path) -> None:
    """Nothing to say and an unknown project are errors, and nothing is written."""
    ada = Town().peer("ada")
    with pytest.raises(WrongSetting):
        logbook(ada, tmp_path).add({"Decisions": "  \n"})
    with pytest.raises(NotFound, match=r"unknown project 'shpo': fleet\.toml has shop"):
        logbook(ada, tmp_path).add({"Decisions": "x"}, project="shpo")
    assert "person" not in ada.text("SESSION_LOG.md")


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("Fixed it", {"Work Accomplished": "Fixed it"}),
        ("Fixed it\n\n### Decisions\n\n- tabs", {"Work Accomplished": "Fixed it", "Decisions": "- tabs"}),
        ("### Lessons\n\nnone", {"Lessons": "none"}),
        ("### My heading\n\nx", {"Work Accomplished": "### My heading\n\nx"}),
        ("# Top\n\n### Decisions\n\nx", {"Work Accomplished": "# Top\n\n### Decisions\n\nx"}),
        ("## 2026-11-01T00:00:00Z\n\nx", {"Work Accomplished": "## 2026-11-01T00:00:00Z\n\nx"}),
    ],
)
def test_headings_of_our_own_head_sections(text: str, sections: dict[str, str]) -> None:
    """What a person types with our headings is cut there; any other text is work accomplished as a whole."""
    assert parse_sections(text) == sections


def test_search_looks_into_older_months_and_knows_where_it_found_something(tmp_path: Path) -> None:
    """All logs of root and projects are searched; a project narrows it down."""
    town = Town(
        {
            SHOP_LOG: log(entry("new", did="The zebra cache is warm")),
            "projects/shop/log/2026-09.md": log(entry("older", "2026-09-03T08:00:00Z", did="A zebra was bought")),
            "log/2026-08.md": log(entry("oldest", "2026-08-03T08:00:00Z", did="The zebra farm opened")),
        }
    )
    book = logbook(town.peer("ada"), tmp_path)
    found = book.search("where are zebras", limit=9)
    assert {one.entry_id: one.path for one in found} == {
        "new": SHOP_LOG,
        "older": "projects/shop/log/2026-09.md",
        "oldest": "log/2026-08.md",
    }
    assert {one.entry_id for one in book.search("zebra", project="shop")} == {"new", "older"}
    assert {one.entry_id for one in book.search("zebra", project="")} == {"oldest"}
    assert book.search("what is it") == []


def test_the_journal_warns_at_an_action_in_the_project_that_it_is_about(tmp_path: Path) -> None:
    """Its own log and the fleet's warn, another project's and an outsider's do not; a new entry warns at once."""
    town = Town(
        {
            SHOP_LOG: log(entry("ours", blocked="- `make all` fails: the disk is full")),
            "projects/mill/SESSION_LOG.md": log(entry("theirs", blocked="- `make all` grinds")),
            "SESSION_LOG.md": log(entry("fleets", "2026-11-19T08:00:00Z", blocked="- `make all` takes an hour")),
        }
    )
    ada = town.peer("ada")
    book = logbook(ada, tmp_path)
    assert [one.entry_id for one in book.warnings("make all -j2", project="shop")] == ["ours", "fleets"]
    assert {one.entry_id for one in book.warnings("make all")} == {"ours", "theirs", "fleets"}
    assert book.warnings("make clean", project="shop") == []
    outsider = ExternalAgent(agent="visitor", node="elsewhere")
    other = logbook(town.peer("bob"), tmp_path / "bob")
    other.add({"Lessons": "- `make all` must be run as root"}, project="shop", by=outsider)
    book.add({"Lessons": "- `make all` needs a clean tree"}, project="shop")
    said = [one.text for one in book.warnings("make all", project="shop", limit=9)]
    assert "`make all` needs a clean tree" in said
    assert not [text for text in said if "root" in text]
    with pytest.raises(NotFound, match="shpo"):
        book.warnings("make all", project="shpo")


def test_an_index_from_before_there_were_warnings_is_made_again(tmp_path: Path) -> None:
    """Nobody has to delete it."""
    book = logbook(Town({SHOP_LOG: log(entry("ours", blocked="- `make all` fails"))}).peer("ada"), tmp_path)
    book.search("all")
    with closing(sqlite3.connect(tmp_path / "recall.db")) as conn:
        conn.execute("DELETE FROM warning_line")
        conn.execute("UPDATE made SET what = '1 town'")
        conn.commit()
    assert [one.entry_id for one in book.warnings("make all")] == ["ours"]


def test_the_index_is_kept_up_and_is_only_a_cache(tmp_path: Path) -> None:
    """New entries are added, moved ones found where they are now, changed ones not found in their old words; a
    broken file, a missing one and one of another ledger are made again."""
    town = Town({SHOP_LOG: log(entry("one", did="alpha"), entry("two", did="beta"))})
    ada = town.peer("ada")
    book = logbook(ada, tmp_path)
    assert [one.entry_id for one in book.search("alpha", limit=1) if not one.neighbour] == ["one"]
    ada.push(
        {
            SHOP_LOG: log(entry("two", did="beta"), entry("three", did="gamma")),
            "projects/shop/log/2026-10.md": log(entry("one", did="alpha")),
        }
    )
    assert book.search("alpha")[0].path == "projects/shop/log/2026-10.md"
    assert [one.entry_id for one in book.search("gamma") if not one.neighbour] == ["three"]
    ada.push({SHOP_LOG: log(entry("two", did="delta"))})
    assert book.search("beta") == []
    assert book.search("gamma") == []
    (tmp_path / "recall.db").write_bytes(b"no database at all" * 99)
    assert book.search("delta")[0].entry_id == "two"
    (tmp_path / "recall.db").unlink()
    assert book.search("delta")[0].entry_id == "two"
    other = logbook(Town({SHOP_LOG: log(entry("else", did="delta"))}).peer("eve"), tmp_path)
    assert [one.entry_id for one in other.search("delta") if not one.neighbour] == ["else"]


def test_an_index_that_did_not_change_is_not_written(tmp_path: Path) -> None:
    """A second search reads the index and adds nothing."""
    book = logbook(Town({SHOP_LOG: log(entry("one", did="alpha"))}).peer("ada"), tmp_path)
    book.search("alpha")
    with sqlite3.connect(tmp_path / "recall.db") as conn:
        before = conn.execute("SELECT count(*), max(rowid) FROM recall_row").fetchall()
    book.search("alpha")
    with sqlite3.connect(tmp_path / "recall.db") as conn:
        assert conn.execute("SELECT count(*), max(rowid) FROM recall_row").fetchall() == before
    conn.close()


def test_the_export_is_a_conversation_for_each_entry_that_answers(tmp_path: Path) -> None:
    """Messages in order, redacted, with entry, log and commit; filters; entries without an answer are left out."""
    mission = "---\nstatus: done\nproject: shop\n---\nMend the door\n"
    town = Town(
        {
            SHOP_LOG: log(
                entry("mend-1", did=f"Mended it with {AWS}", decided="- Use glue"),
                entry("mute", "2026-11-21T08:00:00Z", did=" "),
            ),
            "log/2026-08.md": log(entry("oldest", "2026-08-03T08:00:00Z", did="Opened")),
            "missions/archive/2026-11/mend-1.md": mission,
        }
    )
    ada = town.peer("ada")
    book = logbook(ada, tmp_path)
    every = list(book.export())
    assert [one["source"]["entry"] for one in every] == ["oldest", "mend-1"]
    (one,) = book.export(project="shop", since="2026-11-01")
    assert [turn["role"] for turn in one["messages"]] == ["system", "user", "assistant"]
    assert one["messages"][1]["content"].startswith("Mend the door")
    assert "Use glue" in one["messages"][2]["content"]
    assert AWS not in str(one)
    assert one["source"]["log"] == SHOP_LOG
    assert one["source"]["commit"] == ada.ledger().tip
    with pytest.raises(NotFound):
        list(book.export(project="nope"))


def test_a_short_running_log_is_read_together_with_older_months() -> None:
    """On the first of a month a fresh instance still sees what was done last month."""
    months = {
        f"log/2026-{m:02}.md": log(*(entry(f"e{m}-{n}", f"2026-{m:02}-03T08:00:00Z") for n in range(30)))
        for m in (7, 8, 9)
    }
    town = Town(months | {"SESSION_LOG.md": log(entry("now"))})
    seen = [one.entry_id for one in session_logs.recent(town.peer("ada").ledger(), "").entries]
    assert seen[0] == "e8-0"
    assert seen[-1] == "now"
    assert len(seen) == 61


def test_a_fresh_instance_recalls_what_the_log_above_does_not_show(tmp_path: Path) -> None:
    """Lines of older entries stand before the task; an index that cannot be used is no reason to fail."""
    from orchestrator.workflow.journal import context

    old = [entry(f"old-{n}", f"2026-10-{1 + n % 28:02}T08:00:00Z", did="Nothing. " * 60) for n in range(60)]
    zebra = entry("zebra-1", "2026-10-01T07:00:00Z", did="The zebra cache must be cold at night")
    ada = Town({SHOP_LOG: log(zebra, *old)}).peer("ada")
    index = logbook(ada, tmp_path).recollection

    def given(task: str) -> str:
        made = context.assemble_context(
            ada.ledger(),
            "shop",
            task,
            now=ada.bus.now(),
            budget=2000,
            count=context.estimate_tokens,
            recall=index.lines,
        )
        return made.tail

    assert (
        "The zebra cache must be cold at night"
        in given("How warm is the zebra cache?").partition("<shiftbook:task>")[0]
    )
    assert "shiftbook:recalled" not in given("What is it?")
    (tmp_path / "recall.db").unlink()
    (tmp_path / "recall.db").mkdir()
    assert "shiftbook:recalled" not in given("How warm is the zebra cache?")


def test_the_newest_entries_of_all_logs_come_first(tmp_path: Path) -> None:
    """Of one project, or of all; older months are read where the running log has too few."""
    old = log(entry("older", "2026-10-01T10:00:00Z"))
    now = log(entry("a", "2026-11-01T10:00:00Z"), entry("b", "2026-11-03T10:00:00Z"))
    own = log(entry("c", "2026-11-02T10:00:00Z"))
    files = {SHOP_LOG: now, "projects/shop/log/2026-10.md": old, "SESSION_LOG.md": own}
    book = logbook(Town(files).peer("ada"), tmp_path)
    assert [one.entry_id for _, one in book.newest(limit=3)] == ["b", "c", "a"]
    assert [one.entry_id for _, one in book.newest(project="shop", limit=3)] == ["b", "a", "older"]
    assert [one.entry_id for _, one in book.newest(project="", limit=3)] == ["c"]
    with pytest.raises(NotFound):
        book.newest(project="shpo")


def test_an_entry_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    """A whole id counts before a longer one; several, or none, are errors that say how to go on."""
    files = {SHOP_LOG: log(entry("fix-1", "2026-11-01T10:00:00Z"), entry("fix-10", "2026-11-02T10:00:00Z"))}
    book = logbook(Town(files).peer("ada"), tmp_path)
    assert book.entry("fix-1")[1].entry_id == "fix-1"
    assert book.entry("fix-10")[1].entry_id == "fix-10"
    with pytest.raises(WrongSetting, match="2 entries begin with 'fix'"):
        book.entry("fix")
    for ident in ("fox", ""):
        with pytest.raises(NotFound, match="log tail"):
            book.entry(ident)


def test_an_entry_that_states_no_id_is_found_by_the_one_made_of_its_words(tmp_path: Path) -> None:
    """Whole, or its beginning."""
    book = logbook(
        Town({SHOP_LOG: "### Session: November 1, 2026 - Instance #1 (Start)\n\nWe shipped it.\n"}).peer("ada"),
        tmp_path,
    )
    ((_, one),) = book.newest()
    assert one.entry_id.encode() not in one.raw.encode()
    for ident in (one.entry_id, one.entry_id[:3]):
        assert book.entry(ident)[1] == one


def test_only_files_that_may_have_an_entry_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal of years is looked through, and not read whole."""
    files = {
        f"projects/shop/log/2025-{month:02}.md": log(entry(f"m-{month}", f"2025-{month:02}-01T10:00:00Z"))
        for month in range(1, 13)
    }
    peer, parsed = Town({**files, SHOP_LOG: log(entry("now", "2026-11-01T10:00:00Z"))}).peer("ada"), list[str]()
    monkeypatch.setattr(session_logs, "_parsed_logs", {})
    monkeypatch.setattr(session_logs, "parse_log", lambda text: (parsed.append(text), parse_log(text))[1])
    book = logbook(peer, tmp_path)
    assert book.entry("m-7")[1].when == "2025-07-01T10:00:00Z"
    assert len(parsed) == 1
    ledger = book.ledger()
    assert entry_places(ledger.store, ledger.tree, frozenset({"m-11", "m-7"})) == {
        "m-7": ("projects/shop/log/2025-07.md", 5),
        "m-11": ("projects/shop/log/2025-11.md", 5),
    }
    assert len(parsed) == 2


def test_a_look_at_an_unchanged_index_waits_for_no_writer(tmp_path: Path) -> None:
    """Somebody else holds the write lock of the file; what is said is said all the same."""
    book = logbook(Town({SHOP_LOG: log(entry("ours", blocked="- `make all` fails"))}).peer("ada"), tmp_path)
    assert [one.entry_id for one in book.warnings("make all")] == ["ours"]
    with closing(sqlite3.connect(tmp_path / "recall.db", isolation_level=None)) as conn:
        conn.execute("PRAGMA journal_mode")
        conn.execute("BEGIN IMMEDIATE")
        assert [one.entry_id for one in book.warnings("make all")] == ["ours"]


def test_a_log_that_was_deleted_warns_of_nothing(tmp_path: Path) -> None:
    """Also where no other log changed with it."""
    other = "projects/mill/SESSION_LOG.md"
    town = Town({SHOP_LOG: log(entry("ours", blocked="- `make all` fails")), other: log(entry("theirs"))})
    ada = town.peer("ada")
    book = logbook(ada, tmp_path)
    assert [one.entry_id for one in book.warnings("make all")] == ["ours"]
    ada.push({SHOP_LOG: None})
    assert book.warnings("make all") == []
    assert not [one for one in book.search("fails") if one.entry_id == "ours"]
