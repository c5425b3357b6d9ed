"""Does the check find what is wrong with handoff documents, and nothing that is right?"""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff import symbols
from handoff.checking.check import check
from handoff.encoding import decode
from handoff.marks.model_mark import PROPOSED, ModelMark

REAL = Path(os.environ.get("SHIFTBOOK_SHARED") or Path(__file__).parents[4] / "shared") / "data" / "handoff-real"
TODAY = "2026-11-21"
WORDS = "This project turns pages into sheets for print shops, and it is sold to them.\n"
CONTEXT = f"# Context\n\n{WORDS}\n**Version:** 0.4.1\n**License:** MIT\n"
BRIEFING = f"# Briefing\n\n{WORDS}\n**Version:** 0.4.1\n"
LOG = f"# Log\n\n{WORDS}"
NONE: Mapping[str, str] = {}


def rules(
    context: str = CONTEXT,
    briefing: str = BRIEFING,
    log: str = LOG,
    files: tuple[str, ...] = (),
    others: Mapping[str, str] = NONE,
) -> list[tuple[str, int, str]]:
    """(file, line, rule) of every finding in a project with these documents."""
    documents = {"PROJECT_CONTEXT.md": context, "SESSION_BRIEFING.md": briefing, "SESSION_LOG.md": log}
    documents = {file: text for file, text in (documents | dict(others)).items() if text}
    found = check(documents, files={*documents, *files}, today=TODAY)
    return [(one.file, one.line, one.rule) for one in found]


@pytest.mark.skipif(not REAL.is_dir(), reason="the real documents are not at hand")
def test_the_real_documents_have_exactly_these_problems() -> None:
    """Read with our own eyes, this is what is wrong in the documents of another team; all else there is right."""
    read = {str(path.relative_to(REAL)): decode(path.read_bytes()) for path in REAL.rglob("*.md")}
    found = check(
        {file: text for file, (text, _) in read.items()},
        files=[str(path.relative_to(REAL)) for path in REAL.rglob("*") if path.is_file()],
        today="2025-12-20",
        encodings={file: encoding for file, (_, encoding) in read.items()},
    )
    context = "projects/imposer/PROJECT_CONTEXT.md"
    assert [(one.file, one.line, one.rule) for one in found] == [
        ("PORTFOLIO_CONTEXT.md", 1, "missing-tier"),  # the log says that it was written; the folder lacks it
        ("SESSION_LOG.md", 139, "untaken-step"),  # "Test with real projects", which two later sessions did not take
        (context, 1, "encoding"),  # UTF-16
        (context, 39, "machine-path"),  # a folder of somebody's own machine
        (context, 78, "contradiction"),  # "Current Features (v0.4.0-beta)" under "Current Version: 0.4.1-beta"
        (context, 185, "log-in-wrong-tier"),  # four sessions in the context, none of them in the log
        (context, 272, "out-of-date"),  # "Last Updated: December 4", and a section of December 5 below
        (context, 272, "repeated"),  # the lines of 269 and 270 again
        (context, 273, "out-of-date"),  # the next milestone is v0.4.0, the version is 0.4.1
    ]


@pytest.mark.skipif(not REAL.is_dir(), reason="the real documents are not at hand")
def test_a_year_later_the_real_briefing_is_out_of_date_too() -> None:
    """A briefing that says what is current in December 2025 does not do so in November 2026."""
    text = decode((REAL / "projects/imposer/SESSION_BRIEFING.md").read_bytes())[0]
    found = check({"SESSION_BRIEFING.md": text}, files=["SESSION_BRIEFING.md"], today=TODAY)
    assert ("SESSION_BRIEFING.md", 1, "out-of-date") in [(one.file, one.line, one.rule) for one in found]


def test_sound_documents_have_no_findings() -> None:
    """Three plain documents that agree are right."""
    assert rules() == []


def test_every_finding_says_why_and_what_to_do() -> None:
    """A finding without a way out is of no use in a commit hook."""
    for one in check({"PROJECT_CONTEXT.md": ""}, files=[], today=TODAY):
        assert one.why
        assert one.what_to_do


def test_missing_and_empty_tiers() -> None:
    """A project's sister documents are wanted; a document of headings only is empty; none at all is said once."""
    assert rules(briefing="") == [("SESSION_BRIEFING.md", 1, "missing-tier")]
    assert rules(log="") == [("SESSION_LOG.md", 1, "missing-tier")]
    assert rules(briefing="# Briefing\n\n## Now\n") == [("SESSION_BRIEFING.md", 1, "empty-tier")]
    assert [one.rule for one in check({}, files=[], today=TODAY)] == ["missing-tier"]
    projects = {
        "projects/a/PROJECT_CONTEXT.md": CONTEXT,
        "projects/a/SESSION_BRIEFING.md": BRIEFING,
        "SESSION_LOG.md": LOG,
    }
    assert [one.file for one in check(projects, files=projects, today=TODAY)] == ["PORTFOLIO_CONTEXT.md"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"- Port: 1 {PROPOSED}", False),
        (f"- Port: 1 {PROPOSED} <!-- item: f1; log: e1 -->", False),
        ("- Port: 1 (proposed by a model)", True),
        (f"- Port: 1 {PROPOSED}, we think", True),
        (f"## Standing rules\n\n- Always squash {PROPOSED}", True),
        (f"## Standing rules\n\n- Always squash {ModelMark(confirmed_by='ana')}", False),
    ],
)
def test_a_mark_of_a_model_can_be_read_and_is_no_rule(line: str, found: bool) -> None:
    """A slip would make a model's proposal somebody's word, and a rule is followed by every instance."""
    told = [one for one in rules(briefing=f"{BRIEFING}\n{line}\n") if one[2] == "model-mark"]
    number = BRIEFING.count("\n") + 2 + line.count("\n")
    assert told == ([("SESSION_BRIEFING.md", number, "model-mark")] if found else [])


def test_a_fleet_is_not_blamed_for_what_it_writes_itself() -> None:
    """A project's page of its own kind, before any digest; sessions in a log that say the same. Elsewhere both are."""
    page = "# Shop\n\nWhat it is for stands in its README, which every instance reads.\n"
    said = "The tests of the shop were run again, and all of them passed as they did before.\n"
    entry = "## 2026-08-0{day}T10:00:00Z · n1 · command\n<!-- entry: e-{day} -->\n\n### Work Accomplished\n\n" + said
    log = "# Session log\n\n" + "\n".join(entry.format(day=day) for day in (1, 2))
    documents = {
        "PORTFOLIO_CONTEXT.md": "# Portfolio\n\nOne shop, and how it is run by its fleet.\n",
        "projects/shop/PROJECT_CONTEXT.md": page,
        "projects/shop/SESSION_LOG.md": log,
        "SESSION_LOG.md": log,
    }
    assert check(documents, files=[*documents, "fleet.toml"], today=TODAY) == []
    assert [one.rule for one in check(documents, files=documents, today=TODAY)] == ["missing-tier"]
    twice = documents | {"projects/shop/PROJECT_CONTEXT.md": f"{page}\n{said}\n{said}"}
    assert [one.rule for one in check(twice, files=[*twice, "fleet.toml"], today=TODAY)] == ["repeated"]


def test_over_budget_counts_four_characters_a_token() -> None:
    """The default budget of a briefing is 2,000 tokens; the caller may set another."""
    long = BRIEFING + "\n".join(f"- point {number} of many" for number in range(500))
    assert ("SESSION_BRIEFING.md", 1, "over-budget") in rules(briefing=long)
    documents = {"PROJECT_CONTEXT.md": CONTEXT, "SESSION_BRIEFING.md": long, "SESSION_LOG.md": LOG}
    assert check(documents, files=documents, today=TODAY, budgets={"SESSION_BRIEFING.md": 9999}) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("## Current state (2026-08-01)", True),
        ("## Status as of August 1, 2026", True),
        ("## Current state (2026-11-01)", False),
        ("## Moved to Electron (2026-08-01)", False),
        ("Current since 2026-08-01", False),
        ("```\n## Current state (2020-08-01)\n```", False),
        ("### Session: December 2, 2025 - Current state", False),
    ],
)
def test_a_current_section_of_long_ago_is_out_of_date(line: str, found: bool) -> None:
    """Only a heading that says that it is about now, outside examples and entries, can be out of date."""
    assert ("out-of-date" in [rule for *_, rule in rules(briefing=f"{BRIEFING}\n{line}\n\n- x\n")]) is found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("See `src/gone.py`.", True),
        ("See src/gone.py for more", True),
        ("`src/gone.py:12` raises", True),
        ("See `src/main.py` and `main.py`.", False),
        ("`src/*.py`, `<name>/x.py`, `~/x.py`, `/etc/x.py`, `https://x.io/a/b.py`", False),
        ("`npm run build.js`, and Node.js, e.g. React.createElement, v1.2.md", False),
        ("either and/or, his/her.", False),
        ("```\nsrc/gone.py\n```", False),
    ],
)
def test_a_named_path_must_exist(line: str, found: bool) -> None:
    """Only what clearly is a path of this repository is judged."""
    context = f"{CONTEXT}\nCode is in `src/main.py`, `src/page.py` and `docs/use.md`.\n\n{line}\n"
    files = ("src/main.py", "src/page.py", "docs/use.md")
    assert ("missing-path" in [rule for *_, rule in rules(context, files=files)]) is found


def test_paths_of_another_repository_are_not_judged() -> None:
    """Where most of the named paths are missing, the document speaks of files that are kept elsewhere."""
    context = f"{CONTEXT}\nSee `src/a.py`, `src/b.py`, `src/c.py` and `README.md`.\n"
    assert rules(context, files=("README.md",)) == []


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("[a](docs/gone.md)", True),
        ("[a](./docs/use.md#part)", False),
        ("[a](docs/)", False),
        ("[a](https://x.io/gone.md) [b](#here) [c](mailto:a@b.c)", False),
        ("`[a](docs/gone.md)`", False),
        ('![pic](docs/gone.png "title")', True),
    ],
)
def test_a_relative_link_must_lead_somewhere(link: str, found: bool) -> None:
    """Files and folders count, addresses and anchors are not looked at."""
    assert ("broken-link" in [rule for *_, rule in rules(f"{CONTEXT}\n{link}\n", files=("docs/use.md",))]) is found


@pytest.mark.parametrize(
    ("briefing", "found"),
    [
        ("**Version:** 0.3.0", True),
        ("Version: v0.4.1", False),
        ("**Current Version:** 0.4.1-beta", True),
        ("**License:** Proprietary", True),
        ("**License:** MIT (since 2024)", False),
        ("**License:** MIT for the core, proprietary for the rest", False),
        ("## Current Features (v0.4.0)\n\n- x", True),
        ("## Features (v0.4.0)\n\n- x", False),
        ("**Next milestone:** 0.4.0 - new look", True),
        ("**Next milestone:** 0.5.0 - new look", False),
        ("```\n**Version:** 0.3.0\n```", False),
    ],
)
def test_two_values_for_one_fact(briefing: str, found: bool) -> None:
    """Short values that exclude each other, and versions, are held against those of the context."""
    assert bool(rules(briefing=f"# Briefing\n\n{WORDS}\n{briefing}\n")) is found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Working on [Project Name] now", True),
        ("- **Version:** X.Y.Z", True),
        ("[1-2 sentence summary of the status]", True),
        ("- [ ] open", False),
        ("- [x] done, see [the notes](https://x.io)", False),
        ("`git add [files]`", False),
        ("see [12] and [What it does](https://x.io)", False),
    ],
)
def test_a_placeholder_left_unfilled(line: str, found: bool) -> None:
    """What a template left to be filled in is found; brackets of other kinds stay in peace."""
    assert ("placeholder" in [rule for *_, rule in rules(briefing=f"# Briefing\n\n{WORDS}\n{line}\n")]) is found


def test_a_template_is_not_a_tier() -> None:
    """A file that calls itself a template may hold placeholders, old dates and dead links."""
    template = "# Template: SESSION_BRIEFING.md\n\n## Current state (2020-01-01)\n\n[Project Name] [a](gone.md)\n"
    assert rules(others={"SESSION_BRIEFING.template.md": template, "docs/SESSION_BRIEFING.md": template}) == []


def test_steps_that_later_sessions_did_not_take() -> None:
    """Two later entries must have passed; work, and a file of that name, take a step."""
    log = """# Log

### Session: November 1, 2026 - Instance #1 (Start)

**Next Steps:**
1. Test on a real printer
2. Write the release notes
3. Create USER_GUIDE

### Session: November 2, 2026 - Instance #2 (Notes)

**What We Accomplished:**
- Wrote the release notes

### Session: November 3, 2026 - Instance #3 (More)

**What We Accomplished:**
- Mended the preview
"""
    assert rules(log=log, files=("docs/USER_GUIDE.md",)) == [("SESSION_LOG.md", 6, "untaken-step")]


def test_text_that_lost_characters() -> None:
    """NUL and U+FFFD stand where a wrong decoding was saved; another encoding is named by the caller."""
    assert rules(context=CONTEXT + "\n\nbro\ufffdken\n") == [("PROJECT_CONTEXT.md", 9, "encoding")]
    text, encoding = decode(CONTEXT.encode("utf-16"))
    assert (text, encoding) == (CONTEXT, "utf-16")
    assert decode("naïve".encode("latin-1")) == ("naïve", "windows-1252")
    assert decode(b"\xef\xbb\xbfx") == ("x", "utf-8-sig")


@given(st.dictionaries(st.sampled_from(["PROJECT_CONTEXT.md", "SESSION_LOG.md", "a/b.md"]), st.text(max_size=200)))
def test_any_text_can_be_checked(documents: dict[str, str]) -> None:
    """No text makes the check fail, and it says the same every time."""
    found = check(documents, files=list(documents), today=TODAY)
    assert found == check(documents, files=list(documents), today=TODAY)


def test_a_symbol_that_is_gone_is_reported_where_most_are_there() -> None:
    """Calls, snake_case and CamelCase in backticks are looked up in the sources; plain words never are."""
    text = "# Shop\n\nUse `Cart.total()`, `add_item` and `OrderBook`; `drop_cart` is gone. Say `hello` to the `cart`.\n"
    documents = {"PROJECT_CONTEXT.md": text, "SESSION_BRIEFING.md": "# Now\n\nNothing special is happening.\n"}
    source = "class OrderBook:\n    def add_item(self): ...\n    def total(self): ...\n"
    held = symbols.present_symbols(source, symbols.wanted_symbols(documents))
    found = check(documents, files={"shop.py"}, today="2026-11-21", symbols=held)
    assert [(one.line, one.why) for one in found if one.rule == "missing-symbol"] == [
        (3, "it names drop_cart, and no source file has that")
    ]
    for unknown in (None, frozenset[str]()):  # nobody looked; or it speaks of other code altogether
        silent = check(documents, files={"shop.py"}, today="2026-11-21", symbols=unknown)
        assert not any(one.rule == "missing-symbol" for one in silent)


@pytest.mark.parametrize(
    ("hidden", "found"),
    [
        (
            "<!--\n## Current state (2020-01-01)\n\n[a](gone.md) `/home/tess/shop/notes.txt`\n**Version:** 0.3\n-->",
            False,
        ),
        ("<!-- [a](gone.md) -->", False),
        ("Words <!-- [a](gone.md) --> and words", False),
        ("Words <!-- that go\non [a](gone.md) --> and [b](gone.md)", True),
        ("<!-- closed --> [a](gone.md)", True),
        ("`<!--` opens a comment, [a](gone.md), and `-->` ends it", True),
        ("<!-- never closed\n\n[a](gone.md)", True),
        ("```\n<!--\n```\n\n[a](gone.md) -->", True),
        ("<!--\n```\n-->\n\n[a](gone.md)\n\n```\ncode\n```", True),
        ("Words\n\n    [a](gone.md)\n\n    [b](gone.md)", False),
        ("Words\n\n\t[a](gone.md)", False),
        ("# Heading\n    [a](gone.md)", False),
        ("Words that go on\n    with [a](gone.md)", True),
        ("- A point\n\n    with [a](gone.md)", True),
        ("1. A point\n\n    with [a](gone.md)", True),
        ("- A point\n\n      [a](gone.md)", False),
        ("- A point\n  - and one in it\n\n      with [a](gone.md)", True),
        ("- A point\n\nWords\n\n    [a](gone.md)", False),
    ],
)
def test_what_nobody_is_shown_is_not_read(hidden: str, found: bool) -> None:
    """Comments and indented code speak of nothing, as fenced blocks do; what only looks like them is read."""
    assert bool(rules(f"{CONTEXT}\n{hidden}\n")) is found


def test_an_entry_in_a_comment_is_no_entry() -> None:
    """A template that was commented out puts no session into the document."""
    entry = "## Session: November 1, 2026 - Instance #1 (Start)\n\n**Next Steps:**\n1. Test on a printer\n"
    assert rules(f"{CONTEXT}\n<!--\n{entry}-->\n") == []
    assert [rule for *_, rule in rules(f"{CONTEXT}\n{entry}")] == ["log-in-wrong-tier"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("The code is in /home/tess/shop.", True),
        ("cd /Users/tess/shop/api", True),
        ("See `/home/tess/Documents/plan`", True),
        ("**Root:** /home/tess/work", True),
        ("Logs: /Users/tess/app.log", True),
        (r"It lies in C:\Users\tess\work\shop", True),
        ("Routes: `GET /Users/123/Groups`, `/home/feed/latest`", False),
        ("`PATCH /Users/tess/Groups` changes the groups", False),
        ("`/Users/me/photo` and /Users/{id}/photo", False),
        ("| `/home/feed/latest` | the newest posts |", False),
        ("`curl https://x.io/home/feed/latest`", False),
        ("In the image the code lies in /home/node/app/src.", False),
        ("CI works in /home/runner/work/shop and /Users/runner/work/shop", False),
        (r"The cache is in C:\Users\runneradmin\AppData\Local", False),
        ("In the container it is mounted at /home/shop/src/main.py", False),
        ("/home/you/shop and /home/<name>/shop", False),
    ],
)
def test_a_path_of_one_machine(line: str, found: bool) -> None:
    """A person's home is found; routes, and homes that every image or runner has, are not taken for one."""
    assert ("machine-path" in [rule for *_, rule in rules(f"{CONTEXT}\n{line}\n")]) is found


def test_routes_are_told_from_folders_by_their_heading() -> None:
    """Below a heading that speaks of routes, a path without any sign of a file is one."""
    assert rules(f"{CONTEXT}\n## Routes\n\n- the newest are at /home/feed/latest\n") == []
    assert rules(f"{CONTEXT}\n## Set-up\n\n- the newest are at /home/feed/latest\n") != []


def _long_log(lines: int, entry: str) -> str:
    count = lines // entry.count("\n")
    return "# Log\n\n" + "".join(entry.replace("NUMBER", str(n)).replace("DAY", str(n % 28 + 1)) for n in range(count))


ENTRIES = [
    "## 2026-03-DAY - Session NUMBER\n\n**What we accomplished**\n\n- Worked on NUMBER\n\n```\nprint(NUMBER)\n```\n\n",
    "### Session: March DAY, 2026 - Instance #NUMBER (Title)\n\n**What We Accomplished:**\n- Wrote part NUMBER\n\n"
    "**Next Steps:**\n1. Test part NUMBER on a printer\n\n<!-- NUMBER\n-->\n\n    code NUMBER\n\n",
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_log_of_four_times_the_length_takes_about_four_times_the_time(entry: str) -> None:
    """A hook before each commit may not become slower with every session: the work grows with the log's length."""

    def seconds(lines: int) -> float:
        documents = {"PROJECT_CONTEXT.md": CONTEXT, "SESSION_LOG.md": _long_log(lines, entry)}
        began = time.process_time()
        check(documents, files=documents, today=TODAY)
        return time.process_time() - began

    # by turns: a processor that others share is as slow for the one as for the other
    short, long = zip(*((seconds(6_000), seconds(24_000)) for _ in range(3)), strict=True)
    assert min(long) < 8 * min(short)
