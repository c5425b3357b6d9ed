"""Enrolment from the command line: how do commands change `fleet.toml`, and how is a project told in lines?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from orchestrator.cli import terminal
from orchestrator.core.errors import WrongSetting

if TYPE_CHECKING:
    from orchestrator.ledger.config.fleet_toml import ProjectPart
    from orchestrator.ledger.config.service_tables import ServicePart
    from orchestrator.workflow.fleet import Fleet
    from orchestrator.workflow.projects.discovery import DiscoveredRepository
    from orchestrator.workflow.projects.enrol import Enrolment

DELIVERY_WORDS = {
    "merge": "approved branches are merged into {branch}",
    "push": "approved branches are pushed as approved/MISSION",
    "pull_request": "approved branches become pull requests to {branch}, merged on the forge",
    "nothing": "approved branches stay as they are",
}
FORGE_KINDS = ("github", "gitlab", "forgejo")


def open_enrolment(fleet: Fleet) -> Enrolment:
    """The projects of a fleet, as the person here changes them."""
    from orchestrator.workflow.projects.enrol import Enrolment

    return Enrolment(bus=fleet.bus, reader=fleet.reader, membership=fleet.membership)


def print_added(added: Sequence[DiscoveredRepository], as_json: bool) -> None:
    """Says what is a project now."""
    if as_json:
        terminal.print_json([asdict(one) for one in added])
        return
    for one in added:
        test = f", tested with `{one.test}`" if one.test else ""
        terminal.say(f"{one.name} is a project: {one.url}, branch {one.branch}{test}")
        if one.local:
            terminal.say("its address is a path, so only nodes on this machine can work on it (`to:` one of them)")
        if one.runs:
            terminal.say(
                f"it {describe_runs(one)}: in the sandbox only;"
                f" `shiftbook project edit {one.name} --trust-hooks` lets it run as you"
            )


def describe_runs(one: DiscoveredRepository) -> str:
    """What of a repository on this machine would run, in words."""
    return f"brings along what runs when it is pushed to ({', '.join(one.runs)})"


def project_lines(name: str, part: ProjectPart) -> Iterator[str]:
    """A project, a fact a line."""
    yield f"{name} · {part.url} · {part.branch}"
    if part.aliases:
        yield f"  also called   {', '.join(part.aliases)}"
    yield f"  setup         {part.setup or '-'}"
    yield f"  test          {part.test or '- (work comes back untested)'}"
    yield f"  tools         {', '.join(part.tools) or '-'}"
    if part.evidence:
        yield f"  evidence      {', '.join(part.evidence)}"
    if part.test_files:
        yield f"  test files    {', '.join(part.test_files)}"
    if part.services:
        yield f"  services      {', '.join(_service_words(*each) for each in part.services.items())}"
    yield f"  on approval   {part.on_approval}: {DELIVERY_WORDS[part.on_approval].format(branch=part.branch)}"
    if part.merge_queue:
        yield f"  merge queue   up to {part.merge_queue_batch} at once, each batch tested before it is merged"
    if part.forge:
        yield f"  forge         {part.forge}{f' at {part.forge_url}' if part.forge_url else ''}"
        people = ", ".join(part.forge_people) or "- (nobody: no word comes back)"
        alone = "  by git alone  pull requests are pushed; comments, CI and issues do not come back"
        yield alone if part.forge_by == "git" else f"  people there  {people}"
    if part.issue_label or part.issue_assignee:
        yield f"  issues        {' and '.join(filter(None, [part.issue_label, part.issue_assignee]))} become missions"
    if part.trust_hooks:
        yield "  hooks         run unconfined, as the node's user"
    if part.budget_usd is not None:
        yield f"  budget        ${part.budget_usd:.2f} a day"


def _service_words(name: str, one: ServicePart) -> str:
    ports = f" ({', '.join(one.ports)})" if one.ports else ""
    return f"{name}{ports}{' beside agents, too' if one.agents else ''}"


def read_pairs(pairs: Sequence[str]) -> dict[str, str]:
    """`TREE=FILE` as given on the command line. Raises WrongSetting."""
    for pair in pairs:
        if not all(pair.partition("=")):
            raise WrongSetting("--test-file", f"write PATH=FILE, such as .env.test=~/shop.env, not {pair!r}")
    return {pair.partition("=")[0]: pair.partition("=")[2] for pair in pairs}
