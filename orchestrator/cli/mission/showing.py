"""shiftbook mission show: what is shown of one mission, and by which rules is it where it is?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.cli.mission.listing import mission_row

if TYPE_CHECKING:
    from orchestrator.workflow.approval.explain import Explanation
    from orchestrator.workflow.fleet import MissionDetail


@click.command("show")
@click.argument("name")
@click.option("--why", is_flag=True, help="Only each rule that fired, and how far its agent is trusted.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def show(name: str, why: bool, as_json: bool) -> None:
    """Shows one mission: its file with the result, the diff, the memo, late work."""
    fleet = wiring.fleet(load_settings())
    detail = fleet.mission(name)
    terminal.warn(fleet)
    if why:
        explanation = fleet.approval.why(detail.view.name)
        terminal.print_json(explanation.json()) if as_json else _print_explanation(explanation)
    elif as_json:
        terminal.print_json(_detail_json(detail))
    else:
        _print_detail(detail)


def _detail_json(detail: MissionDetail) -> dict[str, object]:
    parts = {key: getattr(detail, key) for key in ("text", "diff", "output", "memo", "memo_path")}
    late = [
        {"name": one.name, "ref": one.ref, "which": one.which, "node": one.node, "wrong": one.wrong}
        for one in detail.late
    ]
    disputes = [asdict(one) for one in detail.disputes]
    return detail.view.json() | parts | {"late": late, "conflicts": disputes}


def _print_detail(detail: MissionDetail) -> None:
    from orchestrator.cli.console import console, shift_lines

    out = console()
    out.print(shift_lines([mission_row(detail.view)]))
    for late in detail.late:
        adopt = f"`shiftbook mission adopt {detail.view.name} --late {late.which}` makes it the result"
        kept = f"late work of {late.node}" if late.node else "late work"
        words = f"\n{kept} is kept at {late.ref}\n{late.wrong or adopt}"
        out.print(words, soft_wrap=True)
    for one in detail.disputes:
        out.print(f"\nnot kept: {one.says}\n`shiftbook conflicts show {one.ident}`", soft_wrap=True)
    if detail.text:
        out.print("\n" + detail.text.rstrip())
    if detail.diff:
        from orchestrator.cli.mission import diff_page

        out.print("\nDiff")
        diff_page.print_lines(diff_page.diff_lines(detail.diff))
    if detail.memo:
        out.print(f"\nMemo ({detail.memo_path})\n\n{detail.memo.rstrip()}")


def _print_explanation(why: Explanation) -> None:
    """The rules that fired, as lines that a colleague would write."""
    from rich.text import Text

    from orchestrator.cli.console import STATUS_COLOURS, console

    out = console()
    for rule in why.rules:
        mark = Text(" ✓ ", style=STATUS_COLOURS["done"]) if rule.passed else Text(" ✗ ", style=STATUS_COLOURS["failed"])
        out.print(mark + Text(f"{rule.rule}: ", style="bold") + Text(rule.says), soft_wrap=True)
    if why.standing is not None:
        out.print(f"   the agent here is {why.standing.says}", style="dim", soft_wrap=True)
        for name in why.standing.missions:
            out.print(f"     {name}", style="dim", soft_wrap=True)
    if why.tools is not None:
        out.print(f"   it may use: {', '.join(why.tools) or 'no tool'}", style="dim", soft_wrap=True)
