"""A conversation hears a line once over all its turns, as `fleet.toml` has it at that moment."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from handoff.warnings.warning_index import SaidWarning
from orchestrator.chat.conversation_warners import MAX_CONVERSATIONS, ConversationWarners
from orchestrator.ledger.config.fleet_toml import FleetConfig, read
from tests.journal_warnings import journal_of, look_up_in

FAILS = "make all"
LOOK = look_up_in(journal_of("`make all` is killed"))


def ledger(*lines: str) -> Any:
    """As much of a ledger as is asked here: its fleet.toml."""
    charter: FleetConfig = read("\n".join(["[handoff]", *lines]).encode())
    return SimpleNamespace(charter=charter)


def look_up(project: str, action: str, said: Sequence[str], limit: int) -> Sequence[SaidWarning]:
    return LOOK(action, said, limit) if project == "shop" else []


@pytest.fixture
def warners() -> ConversationWarners:
    """Those of one process."""
    return ConversationWarners(look_up=look_up)


def test_each_conversation_hears_it_once(warners: ConversationWarners) -> None:
    """Whichever turn it is; another conversation hears it, too, and another project does not."""
    assert warners.of("a", ledger(), "shop").before(FAILS).lines
    assert not warners.of("a", ledger(), "shop").before(FAILS).lines
    assert warners.of("b", ledger(), "shop").before(FAILS).lines
    assert not warners.of("c", ledger(), "other").before(FAILS).lines


def test_what_fleet_toml_says_counts_at_once(warners: ConversationWarners) -> None:
    """Off, another form, another limit; and where there is no ledger, nothing is said."""
    assert not warners.of("a", ledger('warnings = "off"'), "shop").active
    assert not warners.of("a", ledger("warnings_a_run = 0"), "shop").active
    assert not warners.of("a", None, "shop").active
    assert warners.of("a", ledger('warnings = "refuse-once"'), "shop").before(FAILS).refuses


def test_a_conversation_keeps_lines_and_no_ledger(warners: ConversationWarners) -> None:
    """Of a turn that is over nothing else stays in memory: a ledger is large."""

    class Ledger(SimpleNamespace):
        """One that can be looked for."""

    seen = Ledger(charter=ledger().charter)
    gone = weakref.ref(seen)
    assert warners.of("a", seen, "shop").before(FAILS).lines  # type: ignore[arg-type]
    del seen
    gc.collect()
    assert gone() is None


def test_each_turn_hears_as_many_as_a_run() -> None:
    """What earlier turns heard is not said again, and takes nobody's place."""
    lessons = look_up_in(journal_of(*(f"`make part{number}` fails" for number in range(1, 7))))
    warners = ConversationWarners(look_up=lambda project, action, said, limit: lessons(action, said, limit))
    for first in (1, 4):
        turn = warners.of("a", ledger("warnings_a_run = 2"), "shop")
        heard = [turn.before(f"make part{number}").lines for number in range(first, first + 3)]
        assert [len(lines) for lines in heard] == [1, 1, 0]


def test_only_so_many_are_remembered(warners: ConversationWarners) -> None:
    """Those used last."""
    for number in range(MAX_CONVERSATIONS + 1):
        warners.of(str(number), ledger(), "shop").before(FAILS)
    assert warners.of("0", ledger(), "shop").before(FAILS).lines
    assert not warners.of(str(MAX_CONVERSATIONS), ledger(), "shop").before(FAILS).lines
