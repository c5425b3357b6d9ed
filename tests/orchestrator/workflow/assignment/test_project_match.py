"""Does a request that names no project find the one it means, and is it asked about where nobody could tell?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from orchestrator.workflow.assignment.project_match import (
    MIN_ASK_CONFIDENCE,
    MIN_SURE_CONFIDENCE,
    ProjectMatch,
    match_text,
)
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


@pytest.mark.parametrize("name", TABLES)
def test_hardly_ever_wrong(name: str) -> None:
    """Of all requests of a table at most one in fifty gets a wrong project; a question is no mistake."""
    wrong = [
        (text, label, verdict.project) for text, label, verdict in judged(name) if verdict.project not in ("", label)
    ]
    total = len(TABLES[name][0]) + len(TABLES[name][1])
    assert len(wrong) <= 0.02 * total, wrong


@pytest.mark.parametrize("name", TABLES)
def test_most_are_found(name: str) -> None:
    """Of the requests that mean a project at least three in four find it without a question."""
    made = score(name)
    assert made.right >= 0.75 * (made.right + made.missed), made


@pytest.mark.parametrize("name", TABLES)
def test_general_questions_are_left_alone(name: str) -> None:
    """Of the requests that belong to no project at most one in seven is asked about."""
    made = score(name)
    free = sum(label == "" for _, label in (*TABLES[name][0], *TABLES[name][1]))
    assert made.bothered <= free / 7, made


def test_each_verdict_says_why() -> None:
    """Whatever is chosen or asked about names what pointed there, in words from the request or its documents."""
    for name in TABLES:
        for text, _, verdict in judged(name):
            for candidate in verdict.candidates:
                assert candidate.because, text
                assert verdict.confidence >= MIN_ASK_CONFIDENCE
            if verdict.project:
                assert verdict.confidence >= MIN_SURE_CONFIDENCE
                assert verdict.project in verdict.looks


def test_why_is_told_in_the_persons_words() -> None:
    """Words as they were written, names as they were written, paths as they stand."""
    verdict = match_text("Refunds over Stripe fail; see shop/tax/vat.py", requests.PROJECTS, needs=True)
    assert verdict.project == "shop"
    assert "`shop/tax/vat.py` is in its documents" in verdict.because
    assert "“refunds”" in verdict.because
    unsure = match_text("Make the shop api faster", requests.PROJECTS, needs=True)
    assert unsure.project == ""
    assert "shop-api: it names “shop api”" in unsure.could_be


def test_a_word_counts_once() -> None:
    """Repeating a word, even a thousand times, makes nothing surer."""
    once = match_text("fix the checkout", requests.PROJECTS, needs=True)
    often = match_text("fix the checkout" + " checkout" * 1000, requests.PROJECTS, needs=True)
    assert not often.project
    assert often.confidence == once.confidence


def test_a_pasted_page_does_not_outvote_what_is_asked() -> None:
    """Quotations and fenced blocks bring no words; what is asked for does."""
    page = "\n".join(f"> {line}" for line in requests.LEDGERLINE.splitlines())
    verdict = match_text(f"kestrel: fix the uplink of the LoRa radio\n\n{page}", requests.PROJECTS, needs=True)
    assert verdict.project == "kestrel"
    words = "bank statements CAMT reconciliation payments invoices dunning letters quarterly return"
    fenced = match_text(f"Fix this\n\n```\n{words}\n```", requests.PROJECTS, needs=True)
    assert not fenced.project


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


def test_the_only_project_needs_little_more() -> None:
    """With one project a coding task that fits it goes there; one that fits nothing is still asked about."""
    one = (build_profile("shop", "git@example.com:me/shop.git", documents=[requests.SHOP]),)
    assert match_text("The voucher check in the checkout is wrong", one, needs=True).project == "shop"
    assert match_text("Rename my holiday photos", one, needs=True).project == ""
    assert match_text("Rename my holiday photos", one).candidates == ()


def test_no_projects_no_verdict() -> None:
    """A fleet without projects has nothing to say."""
    assert match_text("Fix the shop", (), needs=True) == ProjectMatch()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("git@example.com:me/shop.git", "https://example.com/me/shop"),
        ("ssh://git@example.com:2222/me/shop.git", "https://ada:x@example.com/me/shop/"),
        ("/srv/shop.git", "/srv/shop"),
    ],
)
def test_an_address_is_one_however_it_is_reached(one: str, other: str) -> None:
    """Scheme, user, port and ending make no other repository."""
    assert bare_address(one) == bare_address(other)
    assert repository_name(one) == repository_name(other) == "shop"


@pytest.mark.parametrize("text", ["", " ", "\0", "```", "> ", "ß" * 30_000, "`" * 5000, "shop-" * 4000, "a/b." * 4000])
def test_any_text_is_judged(text: str) -> None:
    """Nothing that a person may paste breaks it or takes long."""
    match_text(text, requests.PROJECTS, needs=True)


def report() -> str:
    """The figures, for docs/routing.md."""
    return "\n".join(f"{name}: {score(name)}" for name in TABLES)


if __name__ == "__main__":
    print(report())
