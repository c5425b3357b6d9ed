"""shiftbook project queue: which approved results wait to be merged, in which order, and what is tested now?"""

from __future__ import annotations

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings


@click.command("queue")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the queue as JSON.")
def queue(name: str, as_json: bool) -> None:
    """Shows a project's merge queue: the approved results in their order, what is tested now, why it stands still."""
    from orchestrator.workflow.merge_queue.queue_places import queue_state
    from orchestrator.workflow.projects.enrol import require_project
    from orchestrator.workflow.reading.queue_page import queue_row

    fleet = wiring.fleet(load_settings())
    ledger = fleet.ledger()
    part = require_project(ledger, name)
    terminal.warn(fleet)
    state = queue_state(ledger, fleet.trust, name, now=fleet.now(), nodes=fleet.nodes)
    if as_json:
        terminal.print_json(queue_row(name, part, state))
        return
    if not part.merge_queue:
        click.echo(f"{name} has no merge queue: each result is merged at once when it is approved")
        terminal.say(f"`shiftbook project edit {name} --merge-queue` gives it one")
        return
    if not state.missions:
        click.echo(f"nothing waits in the merge queue of {name}")
        return
    now = {"testing": "tested now", "landing": "merged now"}
    rows = [
        (
            str(place),
            mission.name,
            (mission.commit or "")[:10],
            f"by {mission.decided_by or 'hand'}",
            now.get(state.state(mission.name), ""),
        )
        for place, mission in enumerate(state.missions, 1)
    ]
    terminal.print_columns(rows)
    terminal.say(state.holder_says)
