"""How does a person resolve a conflict: two values of which a merge could keep one?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from missions import document
from missions.frontmatter import Malformed
from missions.merging.file_diff import FILE, HEAD, RESULT, TEXT
from missions.merging.parsed_file import with_text, with_value
from missions.mission import Quarantined
from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.ledger import conflicts
from orchestrator.ledger.conflicts import UnresolvedConflict
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from orchestrator.policy.membership import Membership

ValueChooser = Callable[[UnresolvedConflict], str | None]
"""Which value a person wants, of the two or a third one."""


@dataclass(frozen=True, kw_only=True)
class ConflictResolution:
    """The ledger's conflicts as one person looks at them. `ledger` gives the newest state."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    ledger: Callable[[], LedgerSnapshot]

    def every(self, mission: str = "") -> list[UnresolvedConflict]:
        """What waits for a person, on one mission or on all."""
        ledger = self.ledger()
        return [one for one in conflicts.list_conflicts(ledger.store, ledger.tree) if mission in ("", one.mission)]

    def find(self, ident: str) -> UnresolvedConflict:
        """One conflict by its name, or by the end of it. Raises NotFound."""
        return _find_conflict(self.ledger(), ident)

    def keep(self, ident: str) -> UnresolvedConflict:
        """Leaves the mission as it is. Raises NotFound and Refused."""
        return self._resolve(ident, None)

    def put(self, ident: str, choice: ValueChooser) -> UnresolvedConflict:
        """Puts another value in the place of the one that was kept.

        Raises NotFound, Refused for what a person must do by hand, and WrongSetting for what cannot stand there.
        """
        return self._resolve(ident, choice)

    def _resolve(self, ident: str, choice: ValueChooser | None) -> UnresolvedConflict:
        done: list[UnresolvedConflict] = []

        def draft(ledger: LedgerSnapshot) -> LedgerChange:
            one = _find_conflict(ledger, ident)
            Membership(bus=self.bus, reader=self.reader, trust=self.trust).require_member(ledger, "author", "admin")
            files: dict[str, bytes | None] = dict.fromkeys(_conflict_paths(ledger, one))
            if choice is not None:
                self._must_be_signed(ledger, one)
                filed = _open_mission(ledger, one)
                word = self.trust.authorize(ledger, filed)
                if not word.trusted:  # the change would put this person's name under all of it
                    hint = f"read it, then `shiftbook mission trust {one.mission}`"
                    raise Refused(f"{filed.path} is not trusted: {word.why}; {hint}")
                files[filed.path] = _file_with_value(ledger, filed, one, choice(one))
            done[:] = [one]
            which = "as it is" if choice is None else "the other way"
            return LedgerChange(files=files, message=f"Resolve {one.ident}: {which}")

        commit_change(self.bus, self.reader, draft)
        return done[0]

    def _must_be_signed(self, ledger: LedgerSnapshot, one: UnresolvedConflict) -> None:
        """Whoever may push may write a conflict that never was; a person must not sign its value unawares."""
        if self.bus.sign is None or ledger.charter.trust.missions == "remote":
            return
        commits = list(ledger.store.history(ledger.tip, one.path))
        if not commits or any(self.trust.signer(ledger, commit) is None for commit in commits):
            raise Refused(f"{one.path} was not written by anybody in allowed_signers: edit the mission by hand instead")


def _find_conflict(ledger: LedgerSnapshot, ident: str) -> UnresolvedConflict:
    every = conflicts.list_conflicts(ledger.store, ledger.tree)
    found = [one for one in every if one.ident == ident] or [one for one in every if one.ident.endswith(f"-{ident}")]
    if len(found) != 1:
        raise NotFound(f"no conflict {ident!r}: `shiftbook conflicts list` names them")
    return found[0]


def _conflict_paths(ledger: LedgerSnapshot, one: UnresolvedConflict) -> list[str]:
    """Every file of that name: two clones that merged in different months each wrote one."""
    return [path for path in conflicts.conflict_paths(ledger.store, ledger.tree) if path.endswith(f"/{one.ident}.md")]


def _open_mission(ledger: LedgerSnapshot, one: UnresolvedConflict) -> MissionFile:
    filed = ledger.open.get(one.mission)
    if filed is None:
        raise Refused(f"{one.mission} is no open mission any more; `--kept` puts the conflict away")
    return filed


def _file_with_value(ledger: LedgerSnapshot, filed: MissionFile, one: UnresolvedConflict, value: str | None) -> bytes:
    data = ledger.store.get(filed.blob, document.MAX_FILE_BYTES)
    if one.part in (HEAD, RESULT):
        raise Refused(f"{one.part} of {filed.path} is changed by hand; then `--kept` puts the conflict away")
    try:
        if one.part == FILE:
            new = ((value or "").rstrip("\n") + "\n").encode()
        elif one.part == TEXT:
            new = with_text(data, one.kept, value)
        else:
            new = with_value(data, one.part, value)
    except Malformed as error:
        raise Refused(f"{filed.path}: {error.reason}; change it by hand, then `--kept`") from error
    read = document.read(filed.path, new)
    if isinstance(read, Quarantined):
        raise WrongSetting(one.part, f"with this value {filed.path} could not be read: {read.reason}")
    return new
