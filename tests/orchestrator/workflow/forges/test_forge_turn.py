"""Is each forge asked in its time, left alone when it says so, and does one that fails hold up no other?"""

from __future__ import annotations

import pytest

from orchestrator.core.ports.forge import Forge
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.forges.forge_turn import (
    ASKS_PER_HOUR,
    ASKS_PER_LOOK,
    HURRY_SECONDS,
    PULL_SECONDS,
    ForgeTurn,
    look_seconds,
)
from tests.forge_stand_in.state import Refusal
from tests.orchestrator.workflow.forges.forge_scene import ForgeScene


def turn_of(scene: ForgeScene, *, token: bool = True) -> ForgeTurn:
    """A machine's."""

    def forge(ledger: LedgerSnapshot, project: str) -> Forge | None:
        return scene.forge(ledger, project) if token else None

    pulls = scene.pulls()
    pulls.forge = forge
    return ForgeTurn(pulls=pulls, intake=None, forge=forge, clock=scene.ticks)


def look(turn: ForgeTurn, scene: ForgeScene) -> list[tuple[str, str, str]]:
    """What one look does."""
    return list(turn.look(scene.scene.peer("n1").ledger()))


def approved(scene: ForgeScene) -> None:
    """A result that has to become a pull request."""
    scene.scene.hand_in()
    scene.scene.door("anna", merges=False).approve("m")


def test_a_pull_request_is_opened_at_once_and_then_looked_at_now_and_then(scene: ForgeScene) -> None:
    """Each minute, or when a webhook came."""
    approved(scene)
    turn = turn_of(scene)
    (event,) = look(turn, scene)
    assert (event[0], event[2]) == ("pull request", "m")
    assert look(turn, scene) == []
    asked = len(scene.server.asked)
    assert not turn.is_due(scene.scene.peer("n1").ledger())
    assert look(turn, scene) == []
    assert len(scene.server.asked) == asked
    scene.server.state.merge(scene.pull.number)
    turn.hurry()
    assert look(turn, scene) == []
    scene.ticks.at += HURRY_SECONDS
    assert [each[0] for each in look(turn, scene)] == ["pull request"]


def test_a_storm_of_webhooks_spends_no_more_than_the_floor(scene: ForgeScene) -> None:
    """Whoever rings each second has it look once in ten."""
    approved(scene)
    turn = turn_of(scene)
    look(turn, scene)
    reads = []
    for _ in range(int(3 * HURRY_SECONDS)):
        before = len(scene.server.asked)
        turn.hurry()
        look(turn, scene)
        reads.append(len(scene.server.asked) > before)
        scene.ticks.at += 1
    assert sum(reads) <= 3


@pytest.mark.parametrize(("pulls", "seconds"), [(0, 60), (11, 60), (14, 75.6), (100, 540)])
def test_many_pull_requests_are_looked_at_less_often(pulls: int, seconds: float) -> None:
    """All looks of an hour stay within what a forge allows."""
    assert look_seconds(pulls) == pytest.approx(seconds)
    for least in (HURRY_SECONDS, PULL_SECONDS):
        assert pulls * ASKS_PER_LOOK * 3600 / look_seconds(pulls, least=least) <= ASKS_PER_HOUR + 1


def test_a_limit_ends_the_turn_that_met_it(scene: ForgeScene) -> None:
    """What else is on that host is not asked, and no success of another thing wipes it out."""
    scene.scene.file("other")
    for name in ("m", "other"):
        scene.scene.hand_in(name=name)
        scene.scene.door("anna", merges=False).approve(name)
    turn = turn_of(scene)
    scene.server.answers.append(("GET ", Refusal(429, {}, {"Retry-After": "200"})))
    assert [each[0] for each in look(turn, scene)] == ["forge"]
    assert len(scene.server.asked) == 1
    scene.ticks.at += 199
    assert not turn.is_due(scene.scene.peer("n1").ledger())
    scene.ticks.at += 1
    assert [each[0] for each in look(turn, scene)] == ["pull request", "pull request"]


def test_a_limit_of_rate_is_kept(scene: ForgeScene) -> None:
    """Whatever a webhook says meanwhile: nothing is asked before the time that the forge named."""
    approved(scene)
    turn = turn_of(scene)
    scene.server.answers.append(("GET ", Refusal(429, {}, {"Retry-After": "200"})))
    (event,) = look(turn, scene)
    assert event == ("forge", event[1], "")
    assert "again in 200 s" in event[1]
    asked = len(scene.server.asked)
    for _ in range(3):
        scene.ticks.at += PULL_SECONDS
        turn.hurry()
        assert look(turn, scene) == []
    assert len(scene.server.asked) == asked
    scene.ticks.at += PULL_SECONDS
    assert [each[0] for each in look(turn, scene)] == ["pull request"]


def test_one_that_fails_rests_ever_longer(scene: ForgeScene) -> None:
    """30 s, then 60, then 120; and not at all once it answers."""
    approved(scene)
    turn = turn_of(scene)
    for rest in (30, 60, 120):
        scene.server.answers.append(("GET ", Refusal(500, {})))
        assert [each[0] for each in look(turn, scene)] == ["forge"]
        scene.ticks.at += max(rest, PULL_SECONDS) - 1
        assert rest < PULL_SECONDS or look(turn, scene) == []
        scene.ticks.at += 1
    assert [each[0] for each in look(turn, scene)] == ["pull request"]


def test_without_a_token_nothing_is_asked(scene: ForgeScene) -> None:
    """Another machine has it."""
    approved(scene)
    assert look(turn_of(scene, token=False), scene) == []
    assert scene.server.asked == []
