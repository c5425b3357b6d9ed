"""Which files is a mission that somebody files, and could each of them run? For several attempts it is several.

Whoever files them signs each, so nothing that was not asked for comes of a file that anybody pushed.
"""

from __future__ import annotations

from collections.abc import Mapping

from missions import document
from missions.declared.plain_values import WrongValues
from missions.errors import MissionError
from missions.mission import UPDATE_TASK, Quarantined
from missions.side_by_side.split import attempt_name, group_name, split_mission
from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.membership import Membership


def runnable_files(ledger: LedgerSnapshot, name: str, text: str) -> Mapping[str, str]:
    """The texts, by name, that a mission comes to. Raises WrongSetting and Refused for one that could not run."""
    try:
        found = split_mission(name, text, budget_usd=ledger.charter.budget.mission_usd)
    except (MissionError, WrongValues):
        found = {name: text}  # what is wrong is told where it is read
    for one, said in found.items():
        _must_run(ledger, f"{MISSIONS}/{one}.md", said)
    return found


def split_file(bus: Transport, reader: SnapshotReader, membership: Membership, name: str) -> list[str]:
    """Makes a mission of each attempt that a file in the ledger asks for; returns their names.

    Whoever says so signs them. Raises NotFound, Refused for a file that asks for one, and WrongSetting.
    """
    made = list[str]()

    def draft(ledger: LedgerSnapshot) -> LedgerChange:
        membership.require_member(ledger, "author", "admin")
        if name in ledger.open:
            raise Refused("{} asks for one attempt: nothing is to be split", ledger.open[name].path)
        path = next((bad.path for bad in ledger.quarantined if bad.name == name), f"{MISSIONS}/{name}.md")
        if ledger.read(path) is None:
            raise NotFound("no file {}", path)
        files = runnable_files(ledger, name, ledger.text(path))
        made[:] = files
        message = f"Mission: {made[0]}"
        return LedgerChange(files={path: None, **_encoded(files)}, message=message)

    commit_change(bus, reader, draft)
    return made


def _encoded(files: Mapping[str, str]) -> dict[str, bytes | None]:
    return {f"{MISSIONS}/{name}.md": text.encode() for name, text in files.items()}


def is_taken(ledger: LedgerSnapshot, name: str) -> bool:
    """Whether a mission has this name: an open or a finished one, or a file that cannot be read."""
    return name in ledger.open or ledger.archived(name) is not None or any(b.name == name for b in ledger.quarantined)


def filed_as(ledger: LedgerSnapshot, name: str) -> str:
    """As what a mission of this name was filed: itself, or its first attempt where it asked for several; empty where
    it was not."""
    return next((one for one in (name, attempt_name(group_name(name), 1)) if is_taken(ledger, one)), "")


def _must_run(ledger: LedgerSnapshot, path: str, text: str) -> None:
    read = document.read(path, text.encode())
    if isinstance(read, Quarantined):
        raise WrongSetting(path, f"line {read.line}: {read.reason}" if read.line else read.reason)
    if read.task == UPDATE_TASK:  # whoever writes through this door is not the admin whose signature it gets
        way = f"shiftbook update --fleet --to {read.release}"
        raise Refused(f"an update is filed on an admin's machine: {way}; or the admin pushes the file")
    if read.project is not None and read.project not in ledger.charter.projects:
        known = ", ".join(sorted(ledger.charter.projects)) or "none yet"
        raise WrongSetting("--project", "unknown project {!r}: fleet.toml has {}", read.project, known)
    if is_taken(ledger, read.name):
        raise WrongSetting("--name", "there is a mission {} already", read.name)
