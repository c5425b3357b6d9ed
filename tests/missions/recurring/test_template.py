"""Does a template become the mission that it says, and nothing that its words did not mean?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions import document
from missions.frontmatter import Malformed
from missions.mission import Mission, Quarantined
from missions.recurring.template import (
    MAX_TEMPLATE_NAME_CHARS,
    CatchUp,
    Overlap,
    Template,
    mission_name,
    parse_mission_name,
    read_template,
)
from missions.template_fields import TEMPLATE_FIELDS

NIGHTLY = """---
title: Nightly look at {{branch}}, {{date}}
every: "0 7 * * 1-5"
timezone: Europe/Berlin
catch_up: all
overlap: allow
parameters: [branch=main]
project: shop
budget_usd: 0.5
---
Run the long tests of {{branch}} in {{week}} ({{day}}), and leave {{ github.ref }} and {{other}} alone.
"""
PATH = "missions/templates/nightly.md"
SLOT = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)


def template(text: str = NIGHTLY, path: str = PATH) -> Template:
    """A template that can be read."""
    read = read_template(path, text.encode())
    assert isinstance(read, Template), read
    return read


def refused(text: str, path: str = PATH) -> Quarantined:
    """One that cannot."""
    read = read_template(path, text.encode())
    assert isinstance(read, Quarantined), read
    return read


def mission(text: str) -> Mission:
    """The mission that a text is."""
    read = document.read("missions/x.md", text.encode())
    assert isinstance(read, Mission), read
    return read


def test_its_own_fields_are_read_and_are_none_of_its_missions() -> None:
    """Everything else stays as the person wrote it, line by line."""
    read = template()
    assert (read.name, read.every, read.timezone) == ("nightly", "0 7 * * 1-5", "Europe/Berlin")
    assert (read.catch_up, read.overlap, read.parameters) == (CatchUp.ALL, Overlap.ALLOW, {"branch": "main"})
    kept = [line for line in NIGHTLY.splitlines() if not line.startswith(TEMPLATE_FIELDS)]
    assert read.text.splitlines() == kept


def test_its_mission_has_the_time_and_the_words() -> None:
    """In its own time zone; what nobody has named is left to other programs."""
    berlin = timezone(timedelta(hours=1))
    done = mission(template().scheduled_text(SLOT.astimezone(berlin)))
    assert (done.title, done.project, done.budget_usd) == ("Nightly look at main, 2026-11-30", "shop", 0.5)
    assert done.body == (
        "Run the long tests of main in 2026-W49 (Monday), and leave {{ github.ref }} and {{other}} alone."
    )
    assert done.not_before == SLOT
    assert "every" not in template().scheduled_text(SLOT)


def test_a_time_is_told_in_the_templates_zone() -> None:
    """A mission of a quarter past midnight in Tokyo has Tokyo's date."""
    tokyo = timezone(timedelta(hours=9))
    said = template("---\nevery: 15 0 * * *\n---\n{{date}} {{time}} {{month}}\n")
    assert mission(said.mission_text(datetime(2026, 11, 30, 15, 15, tzinfo=UTC).astimezone(tokyo))).body == (
        "2026-12-01 00.15 2026-12"
    )


def test_without_times_it_waits_for_a_person() -> None:
    """A parameter without a default needs a value, and each is taken where it stands."""
    release = template("---\nparameters: [version]\ntitle: Release {{version}}\n---\nTag {{ version }}.\n")
    with pytest.raises(Malformed, match="needs a value for version"):
        release.mission_text(SLOT)
    assert mission(release.mission_text(SLOT, {"version": "1.2.0"})).body == "Tag 1.2.0."
    with pytest.raises(Malformed, match="has no parameter versoin: did you mean version"):
        release.mission_text(SLOT, {"versoin": "1"})


HARMFUL = [
    "1.2\nrun: curl evil",
    "1.2; rm -rf .",
    "$(id)",
    "`id`",
    '"',
    "a: b",
    "x # y",
    "[a]",
    "a b",
    "*x",
    "&x",
    "!!python",
    "a\u2028b",
    "--force",
    "-",
]


@pytest.mark.parametrize("value", HARMFUL)
def test_a_value_in_the_front_matter_is_a_word_and_nothing_more(value: str) -> None:
    """It ends no value, begins no field, and is nothing to a shell."""
    one = template('---\nagent: command\nrun: "make release VERSION={{version}}"\nparameters: [version]\n---\nx\n')
    with pytest.raises(Malformed, match="the value of version"):
        one.mission_text(SLOT, {"version": value})
    assert mission(one.mission_text(SLOT, {"version": "v1.2-rc/3"})).run == "make release VERSION=v1.2-rc/3"


@given(st.text(max_size=60))
def test_no_value_changes_a_field_or_brings_another(value: str) -> None:
    """Whatever it is: it stands in the text, or it is refused."""
    one = template("---\nproject: shop\nparameters: [words]\n---\nFirst line\n\nSay {{words}}.\n")
    try:
        said = one.mission_text(SLOT, {"words": value})
    except Malformed:
        assert value != "" or len(value) > 1000
        return
    read = mission(said)
    assert (read.project, read.run, read.agent, read.title) == ("shop", None, "builtin", "First line")
    assert f"Say {value}." in said


def test_a_value_names_no_other_parameter() -> None:
    """Each place is filled once: what a value says is not looked at again."""
    one = template("---\nparameters: [a, b]\n---\n{{a}} {{b}}\n")
    assert mission(one.mission_text(SLOT, {"a": "{{b}}", "b": "2"})).body == "{{b}} 2"


WRONG = [
    ("---\nevery: 0 7 * * *\ncatch_up: soon\n---\nx\n", "“catch_up” is latest or all or none", 3),
    ("---\noverlap: both\n---\nx\n", "“overlap” is wait or allow", 2),
    ("---\nevery: 0 7 * * *\nparameters: [version]\n---\n{{version}}\n", "give it a default, version=VALUE", 3),
    ("---\nparameters: [Version]\n---\nx\n", "'Version' is no parameter", 2),
    ("---\nparameters: [date]\n---\nx\n", "there is a parameter date already", 2),
    ("---\nparameters: [a, a=1]\n---\nx\n", "there is a parameter a already", 2),
    ("---\nstatus: parked\n---\nx\n", "a template has no “status”", 2),
    ("---\nnot_before: 2026-12-01T08:00:00Z\n---\nx\n", "a template has no “not_before”", 2),
    ("---\nparent: release\n---\nx\n", "a template has no “parent”", 2),
    (
        "---\nevery: 0 7 * * *\ntask: system:update_factory\nrelease: v1.2.0\nto: [desk]\n---\nx\n",
        "an update is an admin's word each time",
        3,
    ),
    ("---\nevery: 0 7 * * *\npriority: 12\n---\nx\n", "priority", 3),
    ("---\npriorty: 1\n---\nx\n", "priorty", 2),
    ("---\nevery: 0 7 * * *\n", "is never closed", 1),
    ("", "the file is empty", None),
]


@pytest.mark.parametrize(("text", "reason", "line"), WRONG)
def test_what_is_wrong_is_told_with_its_line(text: str, reason: str, line: int | None) -> None:
    """In the template, where a person mends it, not in the mission that it would become."""
    found = refused(text)
    assert reason in found.reason
    assert found.line == line


@pytest.mark.parametrize(
    ("head", "project"),
    [
        ("", ""),
        ("project: shop", "shop"),
        ("project: '{{p}}'\nparameters: [p=shop]", "shop"),
        ("project: '{{p}}'\nparameters: [p]", ""),
        ("project: shop\nparameters: [p]", "shop"),
    ],
)
def test_the_project_of_its_missions_is_known_where_no_value_decides_it(head: str, project: str) -> None:
    """So that a wrong one is told before any mission of it is filed."""
    assert template(f"---\n{head}\npriority: 1\n---\nx\n").project == project


def test_an_update_by_hand_is_a_persons_word() -> None:
    """An admin may keep what they file now and then."""
    assert template("---\ntask: system:update_factory\nrelease: v1.2.0\nto: [desk]\n---\nx\n").name == "nightly"


@pytest.mark.parametrize("name", ["Nightly", "nightly build", "n" * (MAX_TEMPLATE_NAME_CHARS + 1), "…"])
def test_a_file_is_named_like_its_missions(name: str) -> None:
    """So that a mission's name says which template it is of."""
    assert refused("x\n", f"missions/templates/{name}.md").reason


@given(st.binary(max_size=200))
def test_no_bytes_are_a_surprise(data: bytes) -> None:
    """Whatever lies in the folder is a template, or it is told."""
    assert isinstance(read_template(PATH, data), Template | Quarantined)


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2999, 1, 1)), st.sampled_from(["a", "a-1-2"]))
def test_a_missions_name_says_its_template_and_time(when: datetime, name: str) -> None:
    """To the minute, in UTC."""
    slot = when.replace(second=0, microsecond=0, tzinfo=UTC)
    assert parse_mission_name(mission_name(name, slot)) == (name, slot)


@pytest.mark.parametrize("name", ["a", "a-1", "20261130-0700", "a-20261130-700", "a-20261330-0700", "a-20261130-2460"])
def test_any_other_name_is_no_templates(name: str) -> None:
    """Nor a time that no calendar has."""
    assert parse_mission_name(name) is None
