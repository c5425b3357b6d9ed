"""Does a mission file mean what the person wrote, does a broken one say why, and do nodes leave their part alone?"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.document import (
    MAX_FILE_BYTES,
    RESULT_MARK,
    append_result,
    body_of,
    read,
    requested_content,
    with_fields,
)
from missions.fields import NODE_FIELDS
from missions.mission import PAID_AGENTS, Mission, Quarantined, Status
from tests.missions.matters import Written, matters

PATH = "missions/Fix the bug.md"


def mission(text: str) -> Mission:
    """The mission that a text is, or a failure with the reason."""
    found = read(PATH, text.encode())
    assert isinstance(found, Mission), found
    return found


def refused(text: str | bytes) -> Quarantined:
    """The quarantined file that a text is."""
    found = read(PATH, text.encode() if isinstance(text, str) else text)
    assert isinstance(found, Quarantined), found
    return found


def front(lines: str, body: str = "do it\n") -> str:
    """A file with this front matter."""
    return f"---\n{lines}\n---\n{body}"


def test_a_sentence_is_a_mission() -> None:
    """Everything but the body is optional."""
    found = mission("Fix the log-in.\nIt fails.\n")
    assert (found.name, found.title, found.body) == ("fix-the-bug", "Fix the log-in.", "Fix the log-in.\nIt fails.")
    assert (found.task, found.priority, found.agent, found.approve) == ("general_task", 1, "builtin", "policy")
    assert (found.status, found.attempt, found.epoch) == (Status.QUEUED, 0, 0)


def test_the_example_of_the_specification_is_read_whole() -> None:
    """Every field that a mission may have."""
    found = mission(
        """---
task: coding_task          # task type; default general_task
title: Fix the auth bug
project: shop              # a name from fleet.toml
priority: 5                # 0..9, higher first; default 1
agent: claude              # claude, codex, gemini, opencode, aider, builtin, command
to: desktop                # a node, a role, or capabilities: [gpu, local-files]
depends_on: [add-login]
not_before: 2026-12-01T08:00:00Z
timeout_seconds: 3600
max_retries: 3             # default 3; 1 for agents that cost money
budget_usd: 2.00
scope: ["src/auth/**", "tests/**"]
approve: policy            # policy (default), always (a person must), auto (nobody needs to)
---
Log-in fails when the token has expired. Reproduce, fix, add a test.
"""
    )
    assert found == Mission(
        name="fix-the-bug",
        title="Fix the auth bug",
        body="Log-in fails when the token has expired. Reproduce, fix, add a test.",
        task="coding_task",
        project="shop",
        priority=5,
        agent="claude",
        to=("desktop",),
        depends_on=("add-login",),
        not_before=datetime(2026, 12, 1, 8, tzinfo=UTC),
        timeout_seconds=3600,
        max_retries=3,
        budget_usd=2.0,
        scope=("src/auth/**", "tests/**"),
    )


@pytest.mark.parametrize("agent", sorted(PAID_AGENTS))
def test_agents_that_cost_money_try_once(agent: str) -> None:
    """max_retries is 1 for them and 3 for the others, unless the file says so."""
    assert mission(front(f"agent: {agent}")).max_retries == 1
    assert mission(front(f"agent: {agent}\nmax_retries: 2")).max_retries == 2
    assert mission("do it").max_retries == 3


def test_a_command_is_an_agent_of_its_own() -> None:
    """`run:` alone is enough; it does not go with another agent, and `agent: command` not without it."""
    found = mission(front("run: make test", body=""))
    assert (found.agent, found.run, found.title) == ("command", "make test", "fix-the-bug")
    assert "run" in refused(front("agent: command")).reason
    assert "run" in refused(front("agent: builtin\nrun: ls")).reason


def test_one_word_is_a_list_of_one() -> None:
    """`to`, `depends_on` and `scope` take a word or a list; names are slugged and may end in .md."""
    found = mission(front("to: gpu\ndepends_on: Add Login.md\nscope: src/**"))
    assert (found.to, found.depends_on, found.scope) == (("gpu",), ("add-login",), ("src/**",))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-12-01T08:00:00Z", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("2026-12-01 08:00:00", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("2026-12-01T08:00:00+02:00", datetime(2026, 12, 1, 6, tzinfo=UTC)),
        ("'2026-12-01T08:00:00-05:00'", datetime(2026, 12, 1, 13, tzinfo=UTC)),
    ],
)
def test_times_are_utc(written: str, meant: datetime) -> None:
    """A time with another zone is the same moment in UTC; one without a zone is UTC."""
    found = mission(front(f"not_before: {written}")).not_before
    assert found == meant
    assert found is not None
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "value", ["20261201", "'20261201'", "5", "1.5", "true", "0001-01-01T00:00:00+10:00", "soon", "[1]"]
)
def test_what_is_no_time_is_not_taken_for_one(value: str) -> None:
    """A number is not read as seconds since 1970, which would start the mission at once."""
    bad = refused(front(f"not_before: {value}"))
    assert "not_before" in bad.reason
    assert bad.line == 2


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("---\ntitle: x\npriorty: 5\n---\nx", 3, "unknown field “priorty”"),
        ("---\n\n# c\npriority: 11\n---\nx", 4, "priority"),
        ("---\npriority: high\n---\nx", 2, "priority"),
        ("---\npriority: 5.0\n---\nx", 2, "priority"),
        ("---\npriority: true\n---\nx", 2, "priority"),
        ("---\ntask: cooking\n---\nx", 2, "unknown task type 'cooking'"),
        ("---\nagent: hal\n---\nx", 2, "unknown agent 'hal'"),
        ("---\napprove: never\n---\nx", 2, "approve"),
        ("---\nstatus: started\n---\nx", 2, "status"),
        ("---\ntimeout_seconds: 0\n---\nx", 2, "timeout_seconds"),
        ("---\nbudget_usd: -1\n---\nx", 2, "budget_usd"),
        ("---\nbudget_usd: .nan\n---\nx", 2, "budget_usd"),
        ("---\nscope: ['../other']\n---\nx", 2, "leaves the project"),
        ("---\nscope: /etc\n---\nx", 2, "leaves the project"),
        ("---\ndepends_on: ['???']\n---\nx", 2, "depends_on"),
        ("---\nto: {1: a, b: c}\n---\nx", 2, "to"),
        ("---\nto: {2026-01-01: a}\n---\nx", 2, "to"),
        ("---\n1: x\nb: y\n---\nx", 2, "1"),
        ("---\n2026-01-01: x\n---\nx", 2, "2026"),
        ('---\ntitle: "\\ud800"\n---\nx', 2, "title"),
        ("---\ntitle: [a\n---\nx", 3, "cannot be read"),
        ("---\ntitle: x\nx", 1, "never closed"),
        ("", None, "empty"),
        ("   \n\n", None, "empty"),
        ("---\npriority: 3\n---\n", None, "empty"),
        (f"{RESULT_MARK}\n\n## Result\n", None, "empty"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_where(text: str, line: int | None, words: str) -> None:
    """Quarantine names the reason and the line, in a text that every terminal can show."""
    bad = refused(text)
    assert words in bad.reason
    assert bad.line == line
    assert (bad.name, bad.path) == ("fix-the-bug", PATH)
    assert (bad.reason + bad.hint).encode()


def test_bytes_that_are_no_text_are_quarantined() -> None:
    """Binary, other encodings (with the line), and files that are too large."""
    assert "binary" in refused(b"PK\x03\x04\0\0").reason
    bad = refused("one\ntwo\ncafé".encode("latin-1"))
    assert (bad.line, "0xe9" in bad.reason) == (3, True)
    assert "262,144" in refused(b"x" * (MAX_FILE_BYTES + 1)).reason
    assert isinstance(read(PATH, b"x" * MAX_FILE_BYTES), Mission)


def test_a_name_that_leaves_nothing_is_quarantined() -> None:
    """A file whose name has no letter or digit has no identity; the hint says what to do."""
    found = read("missions/???.md", b"do it")
    assert isinstance(found, Quarantined)
    assert (found.name, found.hint) == ("???", "rename the file")


def test_windows_files_are_read_like_others() -> None:
    """A byte-order mark and CRLF change nothing."""
    text = "---\ntitle: x\npriority: 5\n---\ndo it\n"
    assert read(PATH, ("\ufeff" + text.replace("\n", "\r\n")).encode()) == mission(text)


@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda t: t.encode("utf-8", "surrogatepass"))))
def test_no_bytes_make_the_reader_fail(data: bytes) -> None:
    """Any bytes are a mission or quarantined; the same for the essence."""
    found = read(PATH, data)
    assert isinstance(found, (Mission, Quarantined))
    assert requested_content(data) is None or isinstance(requested_content(data), str)


ODD = ["1", "1.5", ".nan", "~", "on", "2026-01-01", "2026-01-01T00:00:00Z", "!!binary aGk=", '"\\ud800"']
KEYS = st.sampled_from([*NODE_FIELDS, "title", "run", "to", "scope", *ODD])
SHAPES = ["x", "{1: a, b: c}", "{2026-01-01: a}", "[1, [2]]", "!!set {a, b}", "!!omap [a: 1]", "|\n  x"]
YAMLS = st.sampled_from([*SHAPES, *ODD, "0001-01-01T00:00:00+10:00"])


@given(st.lists(st.tuples(KEYS, YAMLS), max_size=4))
def test_no_yaml_makes_the_reader_fail(pairs: list[tuple[str, str]]) -> None:
    """Whatever types the front matter has as keys and values, the file is a mission or quarantined with a reason."""
    data = front("\n".join(f"{key}: {value}" for key, value in pairs)).encode()
    found = read(PATH, data)
    assert isinstance(found, Mission) or (found.reason.encode() and found.path == PATH)
    requested_content(data)


FIELDS = st.dictionaries(
    st.sampled_from(NODE_FIELDS), st.one_of(st.none(), st.text(max_size=10), st.integers(), st.booleans()), max_size=5
)
SECTIONS = st.text(alphabet="ab #\n\r-<>!", max_size=40).map(lambda text: f"### Attempt\n{text}")


@given(matters(), FIELDS, st.lists(SECTIONS, max_size=3))
def test_what_nodes_write_never_changes_what_the_person_asks_for(
    written: Written, changes: dict[str, str | int | None], sections: list[str]
) -> None:
    """The essence, which decides whom to trust, is the same after any node fields and any number of attempts."""
    text = written.text
    before = requested_content(text.encode())
    assert before is not None
    for section in ["", *sections]:
        text = with_fields(append_result(text, section), changes) if section else with_fields(text, changes)
        assert requested_content(text.encode()) == before


@given(st.text(alphabet="ab \t\n\r-#\ufeff", max_size=30), SECTIONS)
def test_a_plain_text_keeps_its_meaning_too(text: str, section: str) -> None:
    """The same for files without front matter, also with spaces at the end, or a byte-order mark."""
    before = requested_content(text.encode())
    if before is not None:
        assert requested_content(append_result(with_fields(text, {"status": "failed"}), section).encode()) == before


@pytest.mark.parametrize("ending", ["", "\n", "  \n", " \t", "\n\n\n", "\r\n", "  \r\n  \r\n"])
def test_spaces_at_the_end_are_the_persons(ending: str) -> None:
    """An attempt written below does not strip what ends the body: the mission would count as changed by the node."""
    text = f"do it{ending}"
    assert requested_content(append_result(text, "### Attempt 1").encode()) == requested_content(text.encode())


def test_attempts_stand_one_below_the_other() -> None:
    """Each attempt adds its section under one `## Result`; the person's text above and notes below stay."""
    one = append_result("do it\n", "### Attempt 1\n\nfailed\n")
    assert one == f"do it\n\n{RESULT_MARK}\n## Result\n\n### Attempt 1\n\nfailed\n"
    noted = one + "\nA person's note.\n"
    assert append_result(noted, "### Attempt 2") == noted + "\n### Attempt 2\n"


def test_an_attempt_is_written_in_the_files_own_line_breaks() -> None:
    """A CRLF file stays one."""
    new = append_result("---\r\ntitle: x\r\n---\r\ndo it\r\n", "### Attempt 1\n\nfine")
    assert "\n" not in new.replace("\r\n", "")


def test_the_mark_in_a_title_is_no_mark() -> None:
    """A front matter that quotes the mark does not hide the body, nor swallow results."""
    text = front(f"title: '{RESULT_MARK}'")
    new = append_result(text, "### Attempt 1")
    assert requested_content(new.encode()) == requested_content(text.encode())
    assert body_of(new.rpartition("---\n")[2]) == "do it"


def test_essence_tells_apart_what_is_asked() -> None:
    """Another body, field or word is another essence; node fields, comments, order and quotes are not."""
    base = requested_content(front("title: x\npriority: 2").encode())
    assert requested_content(front("# c\npriority: 2\ntitle: 'x'\nstatus: done\nepoch: 3").encode()) == base
    others = ["title: y\npriority: 2", "title: x\npriority: 02", "title: x", "title: x\npriority: 2\nrun: ls"]
    found = {requested_content(front(lines).encode()) for lines in others} | {
        requested_content(front("title: x\npriority: 2", "b").encode())
    }
    assert len(found) == 5
    assert base not in found
    assert requested_content(front("title: x\npriority: '2'").encode()) == base
    words = [requested_content(front(f"run: {word}").encode()) for word in ("yes", "true", "on", "True")]
    assert len(set(words)) == len(words)  # to YAML all four are one


def test_essence_of_what_cannot_be_read_is_none() -> None:
    """So a broken file is never the same as another."""
    assert requested_content(b"---\nx") is None
    assert requested_content(b"\0") is None


def test_fields_on_a_broken_file_keep_every_word_of_it() -> None:
    """The person's text is all there, and the node's words can be read."""
    text = "---\ntitle: [a\n---\ndo it\n"
    new = with_fields(text, {"status": "done", "epoch": 2})
    assert text in new
    found = read(PATH, new.encode())
    assert isinstance(found, Mission)
    assert (found.status, found.epoch) == (Status.DONE, 2)


def test_reasons_name_the_field_as_it_stands_in_the_file() -> None:
    """Every field that can be wrong is explained in words, with what was found."""
    for key in ("priority", "timeout_seconds", "max_retries", "budget_usd", "to", "depends_on", "scope", "title"):
        reason = refused(front(f"{key}: {{a: x}}")).reason
        assert f"“{key}”" in reason
        assert json.dumps({"a": "x"}) in reason


@pytest.mark.parametrize("field", ["priority", "note", "not_before", "budget_usd"])
def test_a_number_that_cannot_be_printed_is_quarantined(field: str) -> None:
    """Python reads a hexadecimal number of any length and raises when it is printed: no fold may stop at that."""
    for number in ("0x" + "F" * 5000, "9" * 5000, "!!int 0x" + "F" * 5000):
        data = front(f"{field}: {number}").encode()
        assert isinstance(read("m.md", data), Quarantined)
        requested_content(data)


MEANT = {
    "title: 2026-12-01": ("title", "2026-12-01"),
    "title: Yes": ("title", "Yes"),
    "title: 1.10": ("title", "1.10"),
    "title: 007": ("title", "007"),
    "title: Fix C#": ("title", "Fix C#"),
    "title: x  # short": ("title", "x"),
    "title: “Fix it”": ("title", "“Fix it”"),
    "title:": ("title", "do it"),
    'title: ""': ("title", "do it"),
    "to:": ("to", ()),
    "scope:": ("scope", ()),
    "depends_on:": ("depends_on", ()),
    "depends_on:\n  -": ("depends_on", ()),
    "priority:": ("priority", 1),
    "status:": ("status", Status.QUEUED),
    "tags:": ("title", "do it"),
    "project: ''": ("project", None),
    "project: None": ("projectless", True),
    "project: “shop”": ("project", "shop"),
    'priority: "5"': ("priority", 5),
    "priority: “5”": ("priority", 5),
    "timeout_seconds: '600'": ("timeout_seconds", 600),
    'budget_usd: "2.50"': ("budget_usd", 2.5),
    "budget_usd: 1e1": ("budget_usd", 10.0),
    "agent: Claude": ("agent", "claude"),
    "agent: ‘claude’": ("agent", "claude"),
    "task: Coding task": ("task", "coding_task"),
    "approve: ALWAYS": ("approve", "always"),
    "status: Done": ("status", Status.DONE),
    "depends_on: a, b": ("depends_on", ("a", "b")),
    'depends_on: "a, b"': ("depends_on", ("a", "b")),
    "depends_on: a,b,": ("depends_on", ("a", "b")),
    "depends_on: |\n  a\n  b": ("depends_on", ("a", "b")),
    'depends_on: ["a, b"]': ("depends_on", ("a-b",)),
    "depends_on: [“a”, ‘b’]": ("depends_on", ("a", "b")),
    "depends_on: “a”, “b”": ("depends_on", ("a", "b")),
    "depends_on: [2026-12-01, 1.10, yes]": ("depends_on", ("2026-12-01", "1-10", "yes")),
    "depends_on: 2026-12-01": ("depends_on", ("2026-12-01",)),
    "depends_on: [[add-login]]": ("depends_on", ("add-login",)),
    'depends_on: ["[[missions/add-login|Log-in]]"]': ("depends_on", ("add-login",)),
    "depends_on: missions/add-login.md": ("depends_on", ("add-login",)),
    "depends_on: [CI/CD set-up]": ("depends_on", ("ci-cd-set-up",)),
    "to: gpu, desktop": ("to", ("gpu", "desktop")),
    "to: [1, yes]": ("to", ("1", "yes")),
    "scope: src/**, docs/**": ("scope", ("src/**", "docs/**")),
    "scope: [“src/**”]": ("scope", ("src/**",)),
    "scope: “src/**”, “docs/**”": ("scope", ("src/**", "docs/**")),
    "scope: 'src/[a,b].c'": ("scope", ("src/[a,b].c",)),
    'scope: ["docs/a, b.md"]': ("scope", ("docs/a, b.md",)),
    "not_before: 2026-12-01T08:00": ("not_before", datetime(2026, 12, 1, 8, tzinfo=UTC)),
    "not_before: 2026-12-01 8:00": ("not_before", datetime(2026, 12, 1, 8, tzinfo=UTC)),
    "not_before: 2026-12-01": ("not_before", datetime(2026, 12, 1, tzinfo=UTC)),
    "not_before: 2026-12-01 08:00 UTC": ("not_before", datetime(2026, 12, 1, 8, tzinfo=UTC)),
    "not_before: 2026-12-01 08:00:00 +2": ("not_before", datetime(2026, 12, 1, 6, tzinfo=UTC)),
    "not_before: “2026-12-01T08:00:00.5-05:30”": ("not_before", datetime(2026, 12, 1, 13, 30, 0, 500000, tzinfo=UTC)),
}
"""Front matter as people and their editors write it, with the field that it is about and what it means."""


@pytest.mark.parametrize("lines", MEANT)
def test_what_is_plainly_meant_is_read(lines: str) -> None:
    """YAML's dates, truths and numbers, typographic quotes, lists on one line, properties without a value."""
    field, value = MEANT[lines]
    assert getattr(mission(front(lines)), field) == value


UNCLEAR = {
    "timeout_seconds: 0600": "write 600",
    "priority: '05'": "write 5",
    "budget_usd: 010": "write 10",
    "timeout_seconds: 1:30": "such as 5400",
    "timeout_seconds: 0x10": "such as 5400",
    "timeout_seconds: 1h": "such as 5400",
    "budget_usd: 1:30": "such as 2.50",
    "budget_usd: yes": "such as 2.50",
    "budget_usd: 2,50": "such as 2.50",
    "budget_usd: .inf": "such as 2.50",
    "not_before: 10:00": "write a time",
    "not_before: 2026-02-30": "“not_before”",
    "run: “make test”": "typographic quote",
    "scope: [“a, b”]": "typographic quote",
    'scope: "*,v"': "would cover everything",
    'scope: ["**", "!secrets/**"]': "nothing can be taken out",
    "scope: .": "leave “scope” out",
    "title: [Fix] it": "in quotes",
    "title: [Fix]": "in quotes",
    "priority: #5": "put it in quotes",
    "title: #42 is broken": 'title: "#42 is broken"',
    "title: Fix bug #42": 'title: "Fix bug #42"',
    "title: &x y": 'title: "&x y"',
    "depends-on: a": "write depends_on",
    "Priority: 5": "write priority",
    "agent: hal": "one of",
}


@pytest.mark.parametrize("lines", UNCLEAR)
def test_what_may_mean_something_else_is_told_with_what_to_write(lines: str) -> None:
    """One line, with its place in the file; nothing is silently read as another value."""
    bad = refused(front(lines))
    assert UNCLEAR[lines] in bad.reason
    assert "\n" not in bad.reason
    assert bad.line == 2


FREE_WORDS = st.text(alphabet=" ab0159:.,-#'\"“”[]{}&*!|>%@`yYesno", min_size=1, max_size=14)


@given(st.sampled_from(["title", "priority", "timeout_seconds", "budget_usd", "depends_on", "to"]), FREE_WORDS)
def test_no_word_is_silently_read_as_something_else(field: str, word: str) -> None:
    """Whatever stands on a line is read as it stands there, or refused; YAML's own quotes and comments apart."""
    found = read(PATH, front(f"{field}: {word}").encode())
    plain = word.partition(" #")[0].strip()
    if isinstance(found, Quarantined) or plain[:1] in ("", "~", *"#'\"|>[{"):
        return
    value = getattr(found, field)
    if isinstance(value, tuple):
        assert len(value) <= plain.count(",") + 1
    elif isinstance(value, str):
        assert value == plain
    else:
        assert value == float(plain.strip(" “”"))


REST = "project: shop\napprove: always\nscope: [docs]\n---\nDo it.\n"


@pytest.mark.parametrize(
    ("opening", "line"),
    [
        ("\n---\n", 2),
        ("<!-- note -->\n---\n", 2),
        ("<!-- of two\nlines -->\n\n --- \n", 4),
        (" ---\n", 1),
        ("—-\n", 1),
        ("--\n", 1),
        ("+++\n", 1),
        ("```yaml\n", 1),
        ("---yaml\n", 1),
        ("--- # settings\n", 1),
        ("---\u200b\n", 1),
        ("\u200b---\n", 1),
        ("\xa0---\n", 1),
        ("\ufeff\ufeff---\n", 1),
        ("---\r", 1),
        ("\r---\r", 1),
    ],
)
def test_front_matter_that_was_plainly_meant_is_not_a_question(opening: str, line: int) -> None:
    """A mission whose project, scope and approval would not count is quarantined with the cure."""
    found = read("missions/a.md", (opening + REST).encode())
    assert isinstance(found, Quarantined)
    assert found.line == line
    assert "at the very top" in found.reason


@pytest.mark.parametrize(
    "text",
    ["Do it.\n\n---\nfoo: x\n", "- item: a\n- b\n", "Fix: the log-in\n"],
)
def test_a_text_with_rules_and_colons_is_a_text(text: str) -> None:
    """A rule further down, a list, a sentence with a colon."""
    found = read("missions/a.md", text.encode())
    assert isinstance(found, Mission)
    assert found.project is None


@pytest.mark.parametrize(
    "head",
    [
        "budget_usd: " + "0" * 16_000 + "x",
        "depends_on: ['a" + " " * 16_000 + "]b']",
        "depends_on: ['a#" + " " * 16_000 + "\\n]b']",
        "title: a: b" + " " * 16_000 + "c",
    ],
    ids=["amount", "name", "link", "remedy"],
)
def test_a_long_value_is_read_as_quickly_as_it_is_long(head: str) -> None:
    """Nobody who may file a mission keeps every reader busy for minutes with one line."""
    began = time.process_time()
    read("missions/a.md", f"---\n{head}\n---\nx".encode())
    assert time.process_time() - began < 2


def test_a_number_with_zeros_before_it_is_refused_with_the_one_to_write() -> None:
    """Zeros alone are a zero."""
    for said, write in (("007.5", "7.5"), ("-00", "0"), ("00.5", "0.5"), ("000", "0")):
        found = read("missions/a.md", f"---\nbudget_usd: {said}\n---\nx".encode())
        assert isinstance(found, Quarantined)
        assert found.reason.endswith(f"write {write}")
