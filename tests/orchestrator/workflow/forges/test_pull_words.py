"""Can an agent, or whoever wrote a mission's title, ring people, close issues or show pictures by a pull request?"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from missions.approval import ChangeFacts
from missions.mission import Mission
from orchestrator.workflow.forges.pull_words import PullEvidence, fenced, plain, pull_body, pull_title

MISSION = Mission(name="fix", title="Fix it", body="", node="desk", attempt=2, epoch=3, cost_usd=0.5, commit="c" * 40)
FACTS = ChangeFacts(files=("a", "b"), added=3, removed=1, tested=True)


def body(section: str = "Done.", **more: object) -> str:
    """A pull request's text."""
    told = "a" * 40
    evidence = PullEvidence(facts=FACTS, section=section, told=told, verdict="fix.2.verdict.json", by="anna")
    return pull_body(Mission(**vars(MISSION) | more), evidence)


def test_it_names_what_the_tests_left_and_leads_nowhere() -> None:
    """Names of the project's as plain words; the ledger is private, so there is no link."""
    files = ("shots/a.png", "`[x](http://evil.invalid)`@anna", *map(str, range(20)))
    told = pull_body(MISSION, PullEvidence(facts=FACTS, files=files))
    (line,) = [line for line in told.splitlines() if line.startswith("- the tests left")]
    assert "shots/a.png" in line
    assert "and 14 more" in line
    assert "`'[x](http://evil.invalid)'@anna`" in line, "code, in which nothing is a link or rings"
    assert "tests left" not in body()


def test_it_says_what_a_reviewer_wants_to_know() -> None:
    """Summary, tests, size, cost, who approved which commit, and where the handoff keeps it."""
    told = body()
    for words in (
        "Mission `fix`, attempt 2, by builtin on desk.",
        "~~~text\nDone.\n~~~",
        "- tests: passed",
        "- change: 2 files, +3 −1 lines",
        "- cost: $0.50 over all attempts",
        "- approved by anna, commit cccccccccc",
        "- handoff: entry `fix-3` of the session log, `fix.2.verdict.json` at ledger commit aaaaaaaaaa",
        "<!-- shiftbook:fix -->",
    ):
        assert words in told


@given(st.text(alphabet="~`@#<>![]()\n \tabcCloses1", max_size=200))
def test_what_an_agent_wrote_stays_in_its_block(section: str) -> None:
    """No line of it ends the block: outside are words of ours alone."""
    told = body(section)
    assert re.sub(r"(?ms)^(~{3,})text\n.*?\n\1$\n\n", "", told) == re.sub(r"(?ms)^~~~text\n.*?\n~~~$\n\n", "", body())


@given(st.text(max_size=100))
def test_a_fence_is_longer_than_any_in_it(text: str) -> None:
    """And nothing in the block moves a cursor."""
    fence, *_, last = fenced(text).split("\n")
    assert fence == f"{last}text"
    assert last not in text


@given(st.text(max_size=400))
def test_a_title_is_one_line_without_marks(title: str) -> None:
    """Whatever the mission is called; one that has no words is called by its name."""
    made = pull_title(Mission(**vars(MISSION) | {"title": title}))
    assert made.isprintable() or "\u200b" in made
    assert 0 < len(made) <= 420
    assert "\n" not in made
    assert not re.search(r"@\w", made)
    assert "`" not in made


def test_markup_in_a_line_stands_for_itself() -> None:
    """A node's or a person's name is no link, picture or call."""
    assert plain("![x](https://evil) @all <img> #1") == r"\!\[x\](https://evil) " + "\\@\u200ball " + r"\<img\> \#1"


def test_secrets_leave_neither_in_title_nor_text() -> None:
    """Not even where a person wrote them."""
    token = "ghp_Zk3Qw8Xr1Vt6Yb2Nc9Lm4Pd7Hs5Jf0GaUeRo"
    assert token not in body(f"the token is {token}")
    assert token not in pull_title(Mission(**vars(MISSION) | {"title": f"use {token}"}))
