"""How is a repository enrolled: how does it get its lines in `fleet.toml`?

Lines are added at the end and nothing else is touched: comments, order and spacing stay as people left them. What comes
out is read again before it is signed, and must say what it said before and the new project besides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from handoff.tiers import Tier, path_of
from orchestrator.core.errors import BrokenLedger, NotFound, Refused, WrongSetting
from orchestrator.ledger.config import fleet_toml
from orchestrator.ledger.config.fleet_toml import FleetConfig, ProjectPart
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.membership import Membership
from orchestrator.workflow.assignment.project_profile import bare_address
from orchestrator.workflow.projects.discovery import DiscoveredRepository
from orchestrator.workflow.projects.project_lines import Value, toml_value, with_project, without_project

WRITTEN_KEYS = ("url", "aliases", "branch", "setup", "test", "tools", "on_approval", "forge", "forge_url")
PROJECT_PAGE_STUB = """\
# {name}

What this project is, how it is built and why. Every instance that works on it reads this page; keep it short.

## Architecture

## Decisions

## Constraints
"""


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """`[projects.…]` as one admin adds to it. Every change is one commit with their signature."""

    bus: Transport
    reader: SnapshotReader
    membership: Membership

    def add(self, repositories: Sequence[DiscoveredRepository]) -> list[DiscoveredRepository]:
        """Adds projects, and a page for each that has none; returns those that were not there yet.

        Raises WrongSetting for a name that another repository has, and Refused for who is no admin.
        """
        added: list[DiscoveredRepository] = []

        def draft(ledger: LedgerSnapshot) -> LedgerChange | None:
            self.membership.require_member(ledger, "admin")
            added[:] = new_repositories(ledger, repositories)
            if not added:
                return None
            files: dict[str, bytes | None] = {fleet_toml.PATH: _charter_with(ledger, added).encode("utf-8")}
            for one in added:
                path = path_of(Tier.PROJECT, one.name)
                if ledger.read(path) is None:
                    files[path] = PROJECT_PAGE_STUB.format(name=one.name).encode()
            return LedgerChange(files=files, message=f"Projects: {', '.join(one.name for one in added)}")

        commit_change(self.bus, self.reader, draft)
        return added

    def edit(self, name: str, values: Mapping[str, Value]) -> bool:
        """Changes a project's keys; None and what is empty take a key out. Returns whether it said otherwise before.

        Raises NotFound, WrongSetting for a value that cannot be one, and Refused for who is no admin.
        """
        return self._change(name, f"Project {name}: {', '.join(values)}", lambda text: with_project(text, name, values))

    def remove(self, name: str) -> None:
        """Takes a project out of the file; its pages and journal stay. Raises as `edit` does."""
        self._change(name, f"Project {name}: removed", lambda text: without_project(text, name))

    def _change(self, name: str, message: str, change: Callable[[str], str]) -> bool:
        changed = False

        def draft(ledger: LedgerSnapshot) -> LedgerChange | None:
            nonlocal changed
            self.membership.require_member(ledger, "admin")
            require_project(ledger, name)
            before, old = _own_text(ledger)
            text = change(old)
            changed = text != old
            if not changed:
                return None
            try:
                after = fleet_toml.read(text.encode("utf-8"))
            except BrokenLedger as error:
                raise WrongSetting(fleet_toml.PATH, str(error).removeprefix(f"{fleet_toml.PATH}, ")) from error
            _require_rest_is_same(before, after, {name})
            return LedgerChange(files={fleet_toml.PATH: text.encode("utf-8")}, message=message)

        commit_change(self.bus, self.reader, draft)
        return changed


def require_project(ledger: LedgerSnapshot, name: str) -> ProjectPart:
    """A project by its name. Raises NotFound with those that there are."""
    part = ledger.charter.projects.get(name)
    if part is None:
        known = ", ".join(sorted(ledger.charter.projects)) or "none yet"
        raise NotFound(f"no project {name!r}: fleet.toml has {known}")
    return part


def new_repositories(
    ledger: LedgerSnapshot, repositories: Sequence[DiscoveredRepository]
) -> list[DiscoveredRepository]:
    """Those that the fleet does not have. Raises WrongSetting for a name that is another repository's."""
    there = ledger.charter.projects
    new = [one for one in repositories if not is_known(ledger, one)]
    taken = next((one for one in new if one.name in there), None)
    if taken is not None:
        other = there[taken.name].url
        raise WrongSetting("--name", f"{taken.name} is a project already ({other}): give this one another name")
    return new


def is_known(ledger: LedgerSnapshot, one: DiscoveredRepository) -> bool:
    """Whether the fleet has this repository, under whatever name and by whatever way it is reached."""
    return bool(known_as(ledger, one))


def known_as(ledger: LedgerSnapshot, one: DiscoveredRepository) -> str:
    """The name of the project that this repository is already; "" where it is none."""
    projects = ledger.charter.projects.items()
    return next((name for name, part in projects if bare_address(part.url) == bare_address(one.url)), "")


def project_of(ledger: LedgerSnapshot, addresses: Collection[str]) -> str:
    """The one project whose repository has one of these addresses; "" where there is none, or more."""
    wanted = {bare_address(address) for address in addresses if address}
    found = [name for name, part in ledger.charter.projects.items() if bare_address(part.url) in wanted]
    return found[0] if len(found) == 1 else ""


def toml_lines(one: DiscoveredRepository) -> str:
    """A project's lines in TOML."""
    parts = {key: getattr(one, key) for key in WRITTEN_KEYS}
    body = "".join(f"{key} = {toml_value(value)}\n" for key, value in parts.items() if value)
    return f"[projects.{one.name}]\n{body}"


def _charter_with(ledger: LedgerSnapshot, added: Sequence[DiscoveredRepository]) -> str:
    """The file with the projects at its end. Raises WrongSetting where that would say something else."""
    before, old = _own_text(ledger)
    newline = "\r\n" if "\r\n" in old else "\n"
    text = old.rstrip() + "\n\n" + "\n".join(toml_lines(one) for one in added)
    text = text.replace("\r\n", "\n").replace("\n", newline) if newline == "\r\n" else text
    try:
        after = fleet_toml.read(text.encode("utf-8"))
    except BrokenLedger as error:
        why = f"its lines cannot stand at the end of the file ({error}); add them by hand"
        raise WrongSetting(fleet_toml.PATH, why) from error
    _require_only_added(before, after, added)
    return text


def _own_text(ledger: LedgerSnapshot) -> tuple[FleetConfig, str]:
    """The file, as it says and as it is written. Raises Refused where somebody else's change would be signed along."""
    data = ledger.read(fleet_toml.PATH) or b""
    if any(alarm.startswith(f"{fleet_toml.PATH}:") for alarm in ledger.alarms):
        raise Refused(f"{fleet_toml.PATH} has a change that no admin signed: put it in order first (`shiftbook fleet`)")
    return fleet_toml.read(data), data.decode("utf-8")


def _require_only_added(before: FleetConfig, after: FleetConfig, added: Sequence[DiscoveredRepository]) -> None:
    _require_rest_is_same(before, after, {one.name for one in added})
    if any(after.projects[one.name].url != one.url for one in added):
        raise WrongSetting(fleet_toml.PATH, "the new lines would change what it says otherwise; add them by hand")


def _require_rest_is_same(before: FleetConfig, after: FleetConfig, names: set[str]) -> None:
    def rest(config: FleetConfig) -> FleetConfig:
        kept = {name: part for name, part in config.projects.items() if name not in names}
        return config.model_copy(update={"projects": kept})

    if rest(after) != rest(before):
        raise WrongSetting(fleet_toml.PATH, "the change would change what it says otherwise; make it by hand")
