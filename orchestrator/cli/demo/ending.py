"""The ending of the demo: what does a person read then, of the diff, of what was shown, of their own next step?"""

from __future__ import annotations

from orchestrator.app.demo import DemoStep
from orchestrator.app.demo_fleet import DemoFleet
from orchestrator.cli import terminal
from orchestrator.cli.console import console
from orchestrator.cli.mission import diff_page


def print_ending(stage: DemoFleet, steps: list[DemoStep], seconds: float, *, ledger: str, page: bool) -> None:
    """The end of the story. `ledger`: the one that this machine works for already, if it does; `page`: one follows."""
    out = console()
    out.rule("The diff that you approved", style="dim")
    diff = stage.show("fix-the-limit")["diff"]
    diff_page.print_lines([line for line in diff_page.diff_lines(diff) if not line.plain.startswith("index ")])
    out.rule("What was shown, and checked", style="dim")
    words = {True: "done", False: "failed"}
    terminal.print_rows(("", step.name, step.detail, words[step.ok]) for step in steps)
    more = "" if page else " `shiftbook demo --keep` shows it on a page in your browser, too."
    out.print(f"\n{seconds:.0f} seconds.{more}")
    out.rule("Your turn", style="dim")
    first = "shiftbook project add ." if ledger else "shiftbook init ~/fleet"
    why = "in a project's folder" if ledger else "asks for agent, repository, where to tell you"
    second = 'shiftbook mission new "…"'
    out.print(f"  {first:<28}{why}\n  {second:<28}say what should be done")
