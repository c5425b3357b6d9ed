"""Does a request find the one project that it names, and is everything else asked about?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.workflow.assignment.project_match import ProjectMatch, match_text
from orchestrator.workflow.assignment.project_profile import (
    ProjectProfile,
    bare_address,
    build_profile,
    repository_name,
)
from tests.orchestrator.workflow.assignment import requests

Rows = Sequence[tuple[str, str]]
TABLES: dict[str, tuple[Rows, Rows, tuple[ProjectProfile, ...]]] = {
    "first": (requests.CODING, requests.GENERAL, requests.PROJECTS),
    "second": (requests.CODING_HELD, requests.GENERAL_HELD, requests.PROJECTS),
    "fresh": (requests.CODING_FRESH, requests.GENERAL_FRESH, requests.FRESH),
}


@dataclass
class Score:
    """How a table came out. `missed`: it was asked, or left without, where there was an answer."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    bothered: int = 0
    """Asked about a request that belongs to no project."""


def judged(name: str) -> Iterator[tuple[str, str, ProjectMatch]]:
    """Text, label and verdict of each row."""
    coding, general, projects = TABLES[name]
    for text, label in coding:
        yield text, label, match_text(text, projects, needs=True)
    for text, label in general:
        yield text, label, match_text(text, projects)


def score(*names: str) -> Score:
    """The sum over some tables."""
    made = Score()
    for name in names:
        for _, label, verdict in judged(name):
            if verdict.project:
                made.right += verdict.project == label
                made.wrong += verdict.project != label
            else:
                made.missed += label not in ("", "?")
                made.bothered += label == "" and bool(verdict.candidates)
    return made


def test_the_tables_are_large_enough() -> None:
    """At least forty labelled requests, over at least six projects, in each kind."""
    assert len(requests.CODING) + len(requests.GENERAL) >= 40
    assert len(requests.PROJECTS) == 6
    assert {label for _, label in (*requests.CODING, *requests.GENERAL)} >= {one.name for one in requests.PROJECTS}


EXPECTED = {
    "first": Score(right=19, wrong=0, missed=23, bothered=0),
    "second": Score(right=9, wrong=0, missed=18, bothered=0),
    "fresh": Score(right=8, wrong=0, missed=9, bothered=0),
}
"""As docs/routing.md tells them."""


@pytest.mark.parametrize("name", TABLES)
def test_none_is_wrong_and_nobody_is_bothered(name: str) -> None:
    """No request gets a project that it does not mean, and none that means no project is asked about."""
    assert score(name) == EXPECTED[name]
    wrong = [(text, label) for text, label, verdict in judged(name) if verdict.project not in ("", label)]
    assert wrong == []


def test_each_verdict_says_why() -> None:
    """Whatever is chosen or asked about names what pointed there, as the person wrote it."""
    for name in TABLES:
        for text, _, verdict in judged(name):
            assert all(candidate.because for candidate in verdict.candidates), text
            assert verdict.looks.startswith(f"{verdict.project} (because ") if verdict.project else verdict.looks == ""
    path = match_text("Refunds fail; see shop/tax/vat.py", requests.PROJECTS)
    assert path.looks == "shop (because `shop/tax/vat.py` is in its documents)"
    assert match_text("Clone git@example.com:me/shop.git.", requests.PROJECTS).project == "shop"


@pytest.mark.parametrize(
    "text",
    [
        "shop: fix the build",
        "# [shop] fix the build",
        "fix project shop",
        "fix project `shop`",
        "project: shop. Fix the build",
        "Fix the build of the shop project",
        "Fix the build of our “shop” repo",
        "shop repository: fix the build",
        "Fix the build of Shop",
        "Fix everything in shop/",
        "Fix shop/views.py",
    ],
)
def test_a_word_is_a_name_where_it_stands_as_one(text: str) -> None:
    """As a label, beside “project” or “repo”, with a capital amid small letters, as the root of a path."""
    assert match_text(text, requests.PROJECTS, needs=True).project == "shop"


@pytest.mark.parametrize(
    "text",
    [
        "Fix the shop",
        "Shop around for a parser",
        "Shop: fix the build",
        "Fix `shop`",
        "Fix the “shop” column",
        "Fix a shop project",
        "Fix The Shop Floor",
        "Repariere die Anmeldung im Shop und die Bilder",
        "Fix SHOP",
        "Fix shop/site",
        "Fix src/shop/views.py",
        "Fix coffee-shop",
        "Fix shop.py",
        "Fix @shop",
        "Fix me@shop.example.com",
        "Fix https://example.com/you/shop",
        "Write to the workshop project",
        "> project shop\n\nFix this",
        "```\nproject shop\n```\nFix this",
    ],
)
def test_a_word_that_may_be_an_ordinary_one_is_asked_about(text: str) -> None:
    """So is one in somebody else's words, in a longer word, in an address or deep in a path."""
    assert match_text(text, requests.PROJECTS, needs=True).project == ""


def test_another_name_anywhere_leaves_a_doubt() -> None:
    """However the one is named: the other may be what is meant."""
    unsure = match_text("shop: fix it as kestrel does", requests.PROJECTS)
    assert unsure.project == ""
    assert unsure.could_be == "it could be shop or kestrel (shop: it names “shop”; kestrel: it names “kestrel”)"
    assert match_text("shop-api: fix api/stock/levels.py", requests.PROJECTS).project == "shop-api"
    assert match_text("shop: fix api/stock/levels.py", requests.PROJECTS).project == ""


def test_a_longer_name_hides_a_shorter_one() -> None:
    """`shop-api` does not mention `shop`; apart, its words may be ordinary ones."""
    assert match_text("Speed up Shop-API", requests.PROJECTS).project == "shop-api"
    apart = match_text("Make the shop api faster", requests.PROJECTS, needs=True)
    assert [candidate.project for candidate in apart.candidates] == ["shop-api"]


def test_ordinary_words_are_no_question_where_no_project_is_needed() -> None:
    """Who asks for a recipe is left alone; what is named twice is not."""
    assert match_text("What should I buy at the shop?", requests.PROJECTS) == ProjectMatch()
    assert match_text("Compare project shop with project kestrel", requests.PROJECTS).could_be


def test_a_path_that_any_project_may_have_tells_nothing() -> None:
    """One folder is too little, and so is a path that two projects know."""
    two = (
        build_profile("red", "git@example.com:me/red.git", documents=["`src/main.py`, `src/core/main.py`, `lib/a/`"]),
        build_profile("blue", "git@example.com:me/blue.git", documents=["`src/core/main.py`, `src/map/layers/`"]),
    )
    named = {
        path: match_text(f"Fix {path}", two).project
        for path in ("src/main.py", "src/core/main.py", "src/map/layers/one.py", "lib/a/b/c.py", "lib/ab/c.py")
    }
    assert named == {
        "src/main.py": "",
        "src/core/main.py": "",
        "src/map/layers/one.py": "blue",
        "lib/a/b/c.py": "red",
        "lib/ab/c.py": "",
    }


def test_all_names_at_once_are_asked_about() -> None:
    """Naming every project decides for none, in whatever order."""
    names = [one.name for one in requests.PROJECTS]
    for shift in range(len(names)):
        said = " and ".join(names[shift:] + names[:shift])
        assert not match_text(f"Fix the tests of {said}", requests.PROJECTS, needs=True).project


def test_two_projects_with_one_alias_are_asked_about() -> None:
    """The same name for two is a name for neither."""
    two = (
        build_profile("web-old", "git@example.com:me/a.git", ["portal"]),
        build_profile("web-new", "git@example.com:me/b.git", ["portal"]),
    )
    verdict = match_text("portal: fix the log-in", two, needs=True)
    assert not verdict.project
    assert {candidate.project for candidate in verdict.candidates} == {"web-old", "web-new"}


ROWS = [text for coding, general, _ in TABLES.values() for text, _ in (*coding, *general)]


@given(st.lists(st.sampled_from([*ROWS, "project shop", "the kestrel repo", "in Site", "shop-api"]), max_size=4))
def test_what_is_chosen_is_named_and_nothing_else_is(texts: list[str]) -> None:
    """Whatever is put together: a project is only chosen by a text that mentions it and would not mention another."""
    text = ". ".join(texts)
    verdict = match_text(text, requests.PROJECTS, needs=True)
    if verdict.project:
        assert [candidate.project for candidate in verdict.candidates] == [verdict.project]
        others = tuple(each for each in requests.PROJECTS if each.name != verdict.project)
        assert match_text(text, others, needs=True).candidates == ()


def test_no_projects_no_verdict() -> None:
    """A fleet without projects has nothing to say."""
    assert match_text("Fix the shop", (), needs=True) == ProjectMatch()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("git@example.com:me/shop.git", "https://example.com/me/shop"),
        ("ssh://git@example.com:2222/me/shop.git", "https://ada:x@example.com/me/shop/"),
        ("/srv/shop/", "file:///srv/shop"),
    ],
)
def test_an_address_is_one_however_it_is_reached(one: str, other: str) -> None:
    """Scheme, user, port and ending make no other repository."""
    assert bare_address(one) == bare_address(other)
    assert repository_name(one) == repository_name(other) == "shop"


@pytest.mark.parametrize(("one", "other"), [("/srv/shop", "/srv/shop.git"), ("/srv/Shop", "/srv/shop")])
def test_two_folders_are_two(one: str, other: str) -> None:
    """A work tree is not the bare repository beside it, nor a folder of another spelling."""
    assert bare_address(one) != bare_address(other)


@pytest.mark.parametrize("text", ["", " ", "\0", "```", "> ", "ß" * 30_000, "`" * 5000, "shop-" * 4000, "a/b." * 4000])
def test_any_text_is_judged(text: str) -> None:
    """Nothing that a person may paste breaks it or takes long."""
    match_text(text, requests.PROJECTS, needs=True)
