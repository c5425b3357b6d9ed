"""Who is a member of the fleet, how are people and machines let in, and out again?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.ledger.trust_files import SIGNERS_PATH, admin_lines
from orchestrator.policy.authorization import Trust
from sync.signatures import ROLES, Principal, read_signers


@dataclass(frozen=True, kw_only=True)
class Membership:
    """`allowed_signers` as one person changes it. Every change is a commit with their signature."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust

    def require_member(self, ledger: LedgerSnapshot, *rights: str) -> Principal:
        """The person at this machine, who must have one of `rights` if any are given. Raises Refused."""
        principal = self.trust.verifier(ledger).principals.get(self.bus.key)
        if principal is None:
            add = f"shiftbook fleet admit NAME --role author --key '{self.bus.key}'"
            raise Refused(f"this machine's key is not in {SIGNERS_PATH}; an admin adds it with: {{}}", add)
        if rights and not principal.roles & set(rights):
            has = ", ".join(sorted(principal.roles)) or "no role"
            raise Refused("{} has {}; this takes role={}", principal.name, has, " or role=".join(rights))
        return principal

    def admit(self, name: str, roles: frozenset[str], key: str) -> None:
        """Adds a key. Raises WrongSetting for what is no key or role, Refused for who is no admin."""
        words = key.split()
        if len(words) < 2 or not words[0].startswith(("ssh-", "ecdsa-", "sk-")):
            raise WrongSetting("--key", "that is not a public SSH key (it starts with ssh-ed25519, for example)")
        unknown = ", ".join(sorted(roles - ROLES)) or ("" if roles else "none")
        if unknown:
            raise WrongSetting("--role", "one of {}, not {}", ", ".join(sorted(ROLES)), unknown)
        line = Principal(name=name, roles=roles, key=" ".join(words[:2])).line
        self._change(lambda text: text if line in text else text.rstrip("\n") + f"\n{line}\n", f"Admit {name}")

    def revoke(self, name: str) -> None:
        """Takes every key of a principal out. Raises NotFound, and Refused for who is no admin."""

        def without(text: str) -> str:
            gone = {p.key for p in read_signers(text).values() if p.name == name}
            if not gone:
                raise NotFound(f"nobody called {{!r}} is in {SIGNERS_PATH}", name)
            return "".join(line for line in text.splitlines(True) if not any(key in line for key in gone))

        self._change(without, f"Revoke {name}")

    def replace(self, old: str, new: str) -> None:
        """Puts a new key in an old one's place, on its line. Raises NotFound, and Refused for who is no admin."""

        def instead(text: str) -> str:
            if old not in read_signers(text):
                raise NotFound(f"that key is not in {SIGNERS_PATH}")
            return "".join(line.replace(old, new) for line in text.splitlines(True))

        self._change(instead, "Replace a key")

    def _change(self, change: Callable[[str], str], message: str) -> None:
        """Changes what is in force. A change counts only on top of that, so it is put back on the branch first."""
        self._commit(lambda text: text, f"Put back what is in force, before: {message}")
        self._commit(change, message)

    def _commit(self, change: Callable[[str], str], message: str) -> None:
        def draft(ledger: LedgerSnapshot) -> LedgerChange:
            self.require_member(ledger, "admin")
            text = change(ledger.signers)
            if not admin_lines(text):
                raise Refused(
                    f"{SIGNERS_PATH} would name no admin, and nobody could change it: admit another one first"
                )
            return LedgerChange(files={SIGNERS_PATH: text.encode("utf-8", "surrogateescape")}, message=message)

        commit_change(self.bus, self.reader, draft)
