"""Is everybody told that an attempt said more, wherever it runs, and is nobody asked about what nobody watches?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from missions.live_view import LiveView
from orchestrator.execution.live_output import PROGRESS_FILE
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs, AttemptLabel
from orchestrator.ledger.steering.live_refs import live_commit
from orchestrator.ledger.transport import LIVE
from orchestrator.workflow.output_events import WATCHED_SECONDS, OutputEvents
from sync.remote import RefUpdate
from tests.ledgers import Ticks, Town


def test_an_output_that_grows_is_told_once(tmp_path: Path) -> None:
    """What was there before is no news; each growth is one event with the mission's name."""
    told: list[tuple[str, Mapping[str, object]]] = []
    folder, _ = AttemptDirs(tmp_path).open(AttemptLabel(mission="m", epoch=1))
    (folder / PROGRESS_FILE).write_text("one\n")
    town = Town()
    events = OutputEvents(
        folder=tmp_path, publish=lambda *event: told.append(event), remote=lambda: town.peer("x").bus.remote
    )
    events.look_here()
    assert told == []
    for _ in range(2):
        with (folder / PROGRESS_FILE).open("a") as file:
            file.write("two\n")
        events.look_here()
        events.look_here()
    assert told == [("output", {"mission": "m", "epoch": 1})] * 2


def test_elsewhere_only_what_is_watched_is_asked_for(tmp_path: Path) -> None:
    """The line is opened by the first watcher, each new view is told, and nothing when nobody looks any more."""
    told: list[tuple[str, Mapping[str, object]]] = []
    opened: list[int] = []
    town, ticks = Town(), Ticks()
    vps = town.peer("vps")

    def remote() -> object:
        opened.append(1)
        return town.peer("x").bus.remote

    events = OutputEvents(
        folder=tmp_path,
        publish=lambda *event: told.append(event),
        remote=remote,
        clock=ticks,  # type: ignore[arg-type]
    )
    events.look_away()
    assert opened == []
    events.watched("m")
    for number in range(2):
        view = LiveView(mission="m", epoch=1, attempt=1, node="vps", agent="a", number=number)
        here = vps.bus.remote.fetch().get(LIVE + "m")
        vps.line.push([RefUpdate(ref=LIVE + "m", expect=here, new=live_commit(vps.bus, view))])
        events.look_away()
        events.look_away()
    assert told == [("output", {"mission": "m"})] * 2
    ticks.at += WATCHED_SECONDS + 1
    vps.line.push([RefUpdate(ref=LIVE + "m", expect=vps.bus.remote.fetch()[LIVE + "m"], new=None)])
    events.look_away()
    assert (len(told), len(opened)) == (2, 1)
