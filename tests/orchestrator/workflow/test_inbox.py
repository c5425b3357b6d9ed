"""What waits for a person is in the inbox with its next step, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime

from missions.document import append_result
from orchestrator.workflow.inbox import Inbox, InboxItem, read_inbox
from orchestrator.workflow.mission_view import mission_views
from tests.ledgers import Files, Peer, Town

FAILED = """### Attempt 1 · failed · n1 · 2 s

`make` ended with 2.

- error: ended with exit code 2

Output:

```text
No rule to make target
```"""
COMMIT = "c" * 40


def inbox(files: Files, *, hold: str = "", questions: tuple[InboxItem, ...] = ()) -> Inbox:
    """The inbox of a ledger with these files."""
    town = Town(files)
    ada = town.peer("ada")
    if hold:
        town.peer("n1").hold(hold)
    return read_inbox(ada.ledger(), views(ada), questions)


def views(ada: Peer) -> list:  # type: ignore[type-arg]
    """All that is open."""
    return list(mission_views(ada.ledger(), ada.trust, ada.bus.now(), archived=False))


def test_each_state_that_waits_says_what_is_next() -> None:
    """A result to look at, one without a diff, one that gave up and why, one that rests, one that cannot be read."""
    found = inbox(
        {
            "missions/fix.md": f"---\nstatus: review\ncommit: {COMMIT}\nreason: you decide\n---\nFix it\n",
            "missions/ask.md": "---\nstatus: review\n---\nAsk them\n",
            "missions/build.md": append_result("---\nstatus: dead\n---\nBuild it\n", FAILED),
            "missions/rest.md": "---\nstatus: parked\nreason: no quota\n---\nRest\n",
            "missions/odd.md": "---\nagent: comand\n---\nOdd\n",
        }
    )
    assert [(one.kind, one.name, one.says, one.step) for one in found.items] == [
        ("review", "ask", "", "`shiftbook mission show ask`, then approve or reject -m"),
        ("review", "fix", "you decide", "`shiftbook mission diff fix`, then approve or reject -m"),
        (
            "quarantined",
            "odd",
            "line 2: “agent”: unknown agent 'comand': did you mean command?",
            "mend the file and push: it runs as soon as it can be read",
        ),
        (
            "dead",
            "build",
            "ended with exit code 2: No rule to make target",
            "`shiftbook mission show build` says more; then retry or cancel",
        ),
        ("parked", "rest", "no quota", "`shiftbook mission resume rest`, or cancel"),
    ]


def test_the_longest_waits_first_and_what_needs_nobody_is_counted() -> None:
    """Within a state by when it ended; running, queued and failed missions are numbers, finished ones nothing."""
    review = "---\nstatus: review\nfinished: 2026-11-2{day}T10:00:00Z\n---\nx\n"
    found = inbox(
        {
            "missions/late.md": review.format(day=1),
            "missions/early.md": review.format(day=0),
            "missions/one.md": "one\n",
            "missions/two.md": "two\n",
            "missions/again.md": "---\nstatus: failed\nattempt: 1\n---\nx\n",
            "missions/archive/2026-11/over.md": "---\nstatus: done\n---\nx\n",
        },
        hold="two",
    )
    assert [one.name for one in found.items] == ["early", "late"]
    assert found.items[0].when == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert dict(found.under_way) == {"running": 1, "queued": 1, "failed": 1}


def test_an_empty_ledger_has_nothing_that_waits() -> None:
    """Nor anything under way."""
    assert inbox({}) == Inbox(items=(), under_way={})


def test_questions_come_first_and_proposals_last() -> None:
    """What a chat asks ends in minutes; a digest can wait."""
    asked = InboxItem(kind="question", name="q", title="A chat asks", says="", step="answer it")
    found = inbox(
        {
            "missions/fix.md": "---\nstatus: review\n---\nFix it\n",
            "projects/shop/SESSION_LOG.md": "# Session log\n",
            "projects/shop/REVIEW_PROPOSAL.md": "- [x] something\n",
        },
        questions=(asked,),
    )
    assert [one.kind for one in found.items] == ["question", "review", "digest"]
    assert "`shiftbook digest accept --project shop`" in found.items[-1].step
