"""Who is a member of the fleet, how are people and machines let in, and out again?"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.ledger.trust.files import SIGNERS_PATH, admin_lines
from orchestrator.policy.authorization import Trust
from sync.signatures import ROLES, Principal, read_signers


def admit_command(name: str, key: str, *roles: str) -> str:
    """The line with which an admin lets a key in."""
    return f"shiftbook fleet admit {name} {' '.join(f'--role {role}' for role in roles)} --key '{key}'"


def free_node_name(wanted: str, taken: Collection[str]) -> str:
    """The wanted name, or the first of wanted-2, wanted-3, … that nobody has."""
    names = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def admission_problem(name: str, key: str, principals: Iterable[Principal]) -> str:
    """Why a node of this name and key may not work for the fleet, with what changes that; empty where it may.

    The key decides. What another machine is called is taken, whatever this one calls itself.
    """
    nodes = [principal for principal in principals if "node" in principal.roles]
    mine = next((principal for principal in nodes if principal.key == key), None)
    if mine is not None and mine.name == name:
        return ""
    if mine is not None:
        return f"this machine's key is that of the node {mine.name}, not of {name}: set SHIFTBOOK_NODE_ID={mine.name}"
    taken = {principal.name for principal in nodes}
    if name in taken:
        free = free_node_name(name, taken)
        return (
            f"{name} is another node, with another key. If this is another machine, set SHIFTBOOK_NODE_ID={free} here,"
            f" and an admin lets it in with: {admit_command(free, key, 'node')} - if it is {name} with a new key, an"
            f" admin says `shiftbook fleet revoke {name}` and then: {admit_command(name, key, 'node')}"
        )
    there = ", ".join(sorted(taken)) or "none"
    line = admit_command(name, key, "node")
    return f"{name} is not a node of this fleet (it has: {there}). An admin lets it in with: {line}"


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
            add = admit_command(self.bus.name or "NAME", self.bus.key, "author")
            raise Refused(f"this machine's key is not in {SIGNERS_PATH}; an admin adds it with: {{}}", add)
        if rights and not principal.roles & set(rights):
            has = ", ".join(sorted(principal.roles)) or "no role"
            raise Refused("{} has {}; this takes role={}", principal.name, has, " or role=".join(rights))
        return principal

    def admit(self, name: str, roles: frozenset[str], key: str) -> None:
        """Adds a key, or roles to those that it has.

        Raises WrongSetting for what is no key or role, Refused for who is no admin and for somebody else's key.
        """
        words = key.split()
        if len(words) < 2 or not words[0].startswith(("ssh-", "ecdsa-", "sk-")):
            raise WrongSetting("--key", "that is not a public SSH key (it starts with ssh-ed25519, for example)")
        unknown = ", ".join(sorted(roles - ROLES)) or ("" if roles else "none")
        if unknown:
            raise WrongSetting("--role", "one of {}, not {}", ", ".join(sorted(ROLES)), unknown)
        new = Principal(name=name, roles=roles, key=" ".join(words[:2]))

        def added(text: str) -> str:
            listed = read_signers(text)
            there = listed.get(new.key, new)
            if there.name != name:
                raise Refused(
                    "that key is {0}'s already, and a key is one principal's: say `shiftbook fleet revoke {0}` first,"
                    " or make a key of its own for {1}",
                    there.name,
                    name,
                )
            _require_one_key(new, listed.values())
            if there is new:
                return text.rstrip("\n") + f"\n{new.line}\n"
            return "".join(_with_roles(line, new) for line in text.splitlines(True))

        self._change(added, f"Admit {name}")

    def revoke(self, name: str) -> None:
        """Takes every key of a principal out. Raises NotFound, and Refused for who is no admin."""

        def without(text: str) -> str:
            lines = text.splitlines(True)
            gone = [_written(p.key) for line in lines for p in read_signers(line).values() if p.name == name]
            if not gone:
                raise NotFound(f"nobody called {{!r}} is in {SIGNERS_PATH}", name)
            return "".join(line for line in lines if not any(key.search(line) for key in gone))

        self._change(without, f"Revoke {name}")

    def replace(self, old: str, new: str) -> None:
        """Puts a new key in an old one's place, on its line. Raises NotFound, and Refused for who is no admin."""

        def instead(text: str) -> str:
            if old not in read_signers(text):
                raise NotFound(f"that key is not in {SIGNERS_PATH}")
            return _written(old).sub(lambda _: new, text)

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


def _require_one_key(new: Principal, listed: Collection[Principal]) -> None:
    """Two machines under one name would each speak for the other. Raises Refused."""
    nodes = [principal for principal in listed if "node" in principal.roles]
    if "node" in new.roles and any(each.name == new.name and each.key != new.key for each in nodes):
        free = free_node_name(new.name, {each.name for each in nodes})
        raise Refused(
            "{0} is a node already, with another key. For another machine take another name: set SHIFTBOOK_NODE_ID={1}"
            " there, and admit {1}. For a new key of the same machine say `shiftbook fleet revoke {0}` first",
            new.name,
            free,
        )


def _written(key: str) -> re.Pattern[str]:
    """A key as a line may have it: whoever wrote the line by hand, a tab or two blanks may stand in it."""
    words = r"[^\S\n]+".join(map(re.escape, key.split()))
    return re.compile(rf"(?<!\S){words}(?!\S)")


def _with_roles(line: str, wanted: Principal) -> str:
    """A line with the roles that it lacks, if it is that key's; what else stands in it stays."""
    there = read_signers(line).get(wanted.key)
    more = sorted(wanted.roles - there.roles) if there is not None else ()
    names = line.split(maxsplit=1)[0] if more else ""
    return line.replace(names, ",".join([names, *(f"role={role}" for role in more)]), 1) if more else line
