"""What do people see of accounts, and when is the queue said to stand still?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from orchestrator.core.quota_window import QuotaWindow
from orchestrator.ledger.accounts.account_windows import AccountWindow, render_windows
from orchestrator.ledger.node_pages import announced_nodes
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.assignment.account_status import account_statuses
from orchestrator.workflow.assignment.queue_outlook import QueueOutlook, queue_outlooks
from orchestrator.workflow.mission_view import mission_views
from orchestrator.workflow.reading.fleet_rows import account_page, node_rows
from tests.ledgers import FLEET, NOON, Town
from tests.orchestrator.workflow.assignment.test_unserved import beating

ACCOUNTS = '[accounts.team-max]\nagents = ["claude"]\n'


def told(
    account: str = "team-max", *, hours: float = 2.0, used: float = 100.0, exhausted: bool = True, seen: float = 0.0
) -> AccountWindow:
    """A five-hour window that ends so many hours after noon, of which a node heard at noon."""
    window = QuotaWindow(
        kind="five_hour", resets_at=NOON + timedelta(hours=hours), used_percent=used, exhausted=exhausted
    )
    return AccountWindow(account=account, window=window, seen=NOON + timedelta(hours=seen))


def page(agents: str, *windows: AccountWindow) -> str:
    """A node's page."""
    closed, opened = render_windows(windows, exhausted=True), render_windows(windows, exhausted=False)
    fields = {"role": "LOCAL_WORKER", "agents": agents, "quota_closed": closed, "quota_open": opened}
    return "\n".join(["---", *(f"{key}: {value}" for key, value in fields.items() if value), "---", ""])


def queue(**agents: int) -> Mapping[str, str]:
    """So many missions for each agent; `any` is a list of two, `free` for the model on the machine."""
    words = {"any": "[claude, codex]", "free": "builtin"}
    return {
        f"missions/{name}-{number}.md": f"---\nagent: {words.get(name, name)}\n---\nDo it.\n"
        for name, many in agents.items()
        for number in range(many)
    }


def ledger(pages: Mapping[str, str], missions: Mapping[str, str], rules: str = ACCOUNTS) -> LedgerSnapshot:
    """A fleet whose nodes are up and have these pages."""
    files = {f"heartbeats/{name}.md": text for name, text in pages.items()}
    town = Town({"fleet.toml": FLEET.format(trust="remote") + rules, **files, **missions})
    return beating(town.peer("ada").ledger(), *pages)


def outlooks(found: LedgerSnapshot, when: datetime = NOON) -> list[QueueOutlook]:
    """What is said at noon."""
    return list(queue_outlooks(found, when))


def test_an_account_with_its_agents_its_nodes_and_its_windows() -> None:
    """Each once, whoever tells of it; one of which nothing is known is open."""
    found = ledger({"desk": page("claude, builtin", told()), "vps": page("claude, codex")}, {})
    first, second = account_statuses(found, NOON)
    assert (first.account, first.agents, first.nodes) == ("codex@vps", ("codex",), ("vps",))
    assert (first.says, first.closed) == ("codex@vps: open", None)
    assert (second.account, second.agents, second.nodes) == ("team-max", ("claude",), ("desk", "vps"))
    assert second.says == "the five_hour window of team-max is used up until 2026-11-21 14:00 UTC"
    half = ledger({"desk": page("claude", told(used=62.0, exhausted=False))}, {})
    assert account_statuses(half, NOON)[0].says == "team-max: five_hour 62 % until 2026-11-21 14:00 UTC"


def test_a_queue_stands_still_until_its_account_is_back() -> None:
    """With how many missions, which account, and until when."""
    found = ledger({"desk": page("claude", told())}, queue(claude=3))
    (one,) = outlooks(found)
    assert (len(one.missions), one.accounts, one.begins, one.ends) == (
        3,
        ("team-max",),
        NOON,
        NOON + timedelta(hours=2),
    )
    assert one.says == "3 missions of the queue stand still until 2026-11-21 14:00 UTC: team-max is used up"
    assert outlooks(found, NOON + timedelta(hours=2)) == []


def test_a_list_stands_still_only_where_all_its_accounts_are_used_up() -> None:
    """From when the last is used up to when the first is back."""
    missions = queue(any=2)
    assert outlooks(ledger({"desk": page("claude, codex", told())}, missions)) == []
    both = page("claude, codex", told(hours=3), told("codex@desk", hours=1))
    (one,) = outlooks(ledger({"desk": both}, missions))
    assert (one.accounts, one.ends) == (("codex@desk", "team-max"), NOON + timedelta(hours=1))
    assert one.says.endswith("codex@desk and team-max are used up")


def test_what_costs_nothing_never_stands_still() -> None:
    """The model on the machine has no window, and a mission that it may do waits for none."""
    found = ledger({"desk": page("claude, builtin", told())}, queue(free=2))
    assert outlooks(found) == []


def test_a_rate_is_carried_on() -> None:
    """Half of five hours for 80 %: the window is used up after another 37 minutes, and the queue stands still then."""
    (one,) = outlooks(ledger({"desk": page("claude", told(hours=2.5, used=80.0, exhausted=False))}, queue(claude=9)))
    assert one.begins == NOON + timedelta(minutes=37, seconds=30)
    assert one.ends == NOON + timedelta(hours=2.5)
    assert one.says == (
        "at this rate 9 missions of the queue stand still from 2026-11-21 12:37 to 2026-11-21 14:30 UTC,"
        " when team-max will be used up"
    )


@pytest.mark.parametrize(
    "window",
    [
        told(hours=2.5, used=49.0, exhausted=False),
        told(hours=4.9, used=30.0, exhausted=False),
        told(used=3.0, exhausted=False),
    ],
    ids=["it lasts", "too early to say", "hardly used"],
)
def test_what_lasts_or_cannot_be_told_is_no_outlook(window: AccountWindow) -> None:
    """Nothing is guessed from a window's first minutes."""
    assert outlooks(ledger({"desk": page("claude", window)}, queue(claude=9))) == []


def test_a_mission_says_why_it_waits() -> None:
    """In the list and on the page, as long as it does."""
    found = Town(
        {
            "fleet.toml": FLEET.format(trust="remote") + ACCOUNTS,
            "heartbeats/desk.md": page("claude, codex", told()),
            **queue(claude=1, any=1),
        }
    )
    ada = found.peer("ada")
    seen = beating(ada.ledger(), "desk")

    def reasons(when: datetime) -> dict[str, str]:
        return {one.name: one.reason or "" for one in mission_views(seen, ada.trust, when, archived=False)}

    assert reasons(NOON) == {
        "claude-0": "the five_hour window of team-max is used up until 2026-11-21 14:00 UTC",
        "any-0": "",
    }
    views = mission_views(seen, ada.trust, NOON, archived=False)
    assert {one.name: one.agent for one in views} == {"claude-0": "claude", "any-0": "claude, codex"}
    assert reasons(NOON + timedelta(hours=2)) == {"claude-0": "", "any-0": ""}


def test_plain_data_for_programs() -> None:
    """What `fleet accounts --json` and the API tell, and the rows of `fleet --json`."""
    found = ledger({"desk": page("claude", told())}, queue(claude=1))
    told_page = account_page(found, NOON)
    (account,), (outlook,) = told_page["accounts"], told_page["outlooks"]
    assert told_page["mode"] == "wait"
    assert account["closed_until"] == "2026-11-21T14:00:00+00:00"
    assert account["windows"] == [
        {
            "kind": "five_hour",
            "used_percent": 100.0,
            "exhausted": True,
            "resets_at": "2026-11-21T14:00:00+00:00",
            "seen": "2026-11-21T12:00:00+00:00",
        }
    ]
    assert (outlook["missions"], outlook["ends"]) == (["claude-0"], "2026-11-21T14:00:00+00:00")
    (row,) = node_rows(found, list(announced_nodes(found).values()), NOON)
    assert row["accounts"] == [account]
    assert "windows" not in row


def test_a_fleet_that_follows_no_accounts_tells_of_none() -> None:
    """Whatever pages say."""
    found = ledger({"desk": page("claude", told())}, queue(claude=1), ACCOUNTS + '[quotas]\nmode = "off"\n')
    assert account_page(found, NOON) == {"mode": "off", "accounts": [], "outlooks": []}


def test_a_page_of_a_stranger_closes_no_other_nodes_account() -> None:
    """It says what it likes of accounts that are not its own."""
    found = ledger({"desk": page("claude"), "odd": page("codex", told())}, queue(claude=1))
    assert outlooks(found) == []
