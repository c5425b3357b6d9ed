"""Is a question about the ledger known as one, and everything else left alone?"""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from missions.mission import Status
from orchestrator.workflow.answers.question import WAITING, KnownNames, Topic, understand

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAMES = KnownNames(missions=("fix-login",), nodes=("desk", "vps"), projects=("shop", "site"))


@pytest.mark.parametrize(
    ("asked", "topic", "statuses"),
    [
        ("Which missions wait for my review?", Topic.MISSIONS, (Status.REVIEW,)),
        ("which missions are waiting for review", Topic.MISSIONS, (Status.REVIEW,)),
        ("What results are in review?", Topic.MISSIONS, (Status.REVIEW,)),
        ("Are there any missions to approve?", Topic.MISSIONS, (Status.REVIEW,)),
        ("List the missions that wait for approval.", Topic.MISSIONS, (Status.REVIEW,)),
        ("What waits for me?", Topic.MISSIONS, WAITING),
        ("Is anything waiting for me?", Topic.MISSIONS, WAITING),
        ("Which missions need a person?", Topic.MISSIONS, WAITING),
        ("How many missions are queued?", Topic.MISSIONS, (Status.QUEUED, Status.FAILED)),
        ("What is running right now?", Topic.MISSIONS, (Status.RUNNING,)),
        ("Which missions failed yesterday?", Topic.MISSIONS, (Status.FAILED, Status.DEAD)),
        ("Show me the broken missions", Topic.MISSIONS, (Status.QUARANTINED,)),
        ("Which missions were finished this week?", Topic.MISSIONS, (Status.DONE,)),
        ("Which missions are there?", Topic.MISSIONS, ()),
        ("list my missions", Topic.MISSIONS, ()),
        ("Who is up?", Topic.NODES, ()),
        ("Which nodes are online?", Topic.NODES, ()),
        ("Is desk up?", Topic.NODES, ()),
        ("What is vps doing?", Topic.NODES, ()),
        ("What is desk working on?", Topic.NODES, ()),
        ("Which machines are down?", Topic.NODES, ()),
        ("How much did we spend yesterday?", Topic.SPENDING, ()),
        ("What was spent this month?", Topic.SPENDING, ()),
        ("How much money did shop cost this week?", Topic.SPENDING, ()),
        ("What happened yesterday?", Topic.HAPPENED, ()),
        ("What happened on 2026-11-21?", Topic.HAPPENED, ()),
        ("What went on in shop on 21 November?", Topic.HAPPENED, ()),
        ("Which projects are there?", Topic.PROJECTS, ()),
        ("What is the status of fix-login?", Topic.MISSION, ()),
        ("Why does `fix-login` wait?", Topic.MISSION, ()),
        ("Is fix-login done?", Topic.MISSION, ()),
    ],
)
def test_a_question_about_the_ledger(asked: str, topic: Topic, statuses: tuple[Status, ...]) -> None:
    """However it is put."""
    found = understand(asked, NAMES, NOW)
    assert found is not None
    assert (found.topic, found.statuses) == (topic, statuses)


@pytest.mark.parametrize(
    "asked",
    [
        "How does a node take over a mission?",
        "What is a mission?",
        "What does a node do when it is offline?",
        "What happens when a node is down?",
        "How do I approve a mission?",
        "How are missions queued?",
        "Can a mission wait for another one?",
        "Write a story about a mission that failed",
        "Fix the login, and tell me how much it cost to run",
        "Make the nodes page show who is up",
        "What is running water?",
        "Why is the sky up there?",
        "What does the review of the shop's code say?",
        "How does fix-login change the table?",
        "Explain what happened to the Roman empire",
        "Who is the president of France?",
        "",
        "?",
        "Which missions wait for my review, which of them should I look at first, and what would you tell the author "
        "of each of them about the tests that do not pass?",
    ],
)
def test_anything_else_is_none(asked: str) -> None:
    """A list would be no answer to it."""
    assert understand(asked, NAMES, NOW) is None


@pytest.mark.parametrize(
    ("words", "days"),
    [
        ("today", (date(2026, 11, 22), date(2026, 11, 22))),
        ("yesterday", (date(2026, 11, 21), date(2026, 11, 21))),
        ("this week", (date(2026, 11, 16), date(2026, 11, 22))),
        ("last week", (date(2026, 11, 16), date(2026, 11, 22))),
        ("this month", (date(2026, 11, 1), date(2026, 11, 22))),
        ("on 2026-11-03", (date(2026, 11, 3), date(2026, 11, 3))),
        ("on November 3", (date(2026, 11, 3), date(2026, 11, 3))),
        ("on 31 February", None),
    ],
)
def test_days_are_utcs(words: str, days: tuple[date, date] | None) -> None:
    """A day that is none is not guessed."""
    found = understand(f"How much was spent {words}?", NAMES, NOW)
    assert found is not None
    assert found.days == days
