"""Of which ledger is this private clone? A file beside its refs says so; a person may turn to another ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sync import files
from sync.git import Git
from sync.remote import Oid

SEEN_PREFIX = "refs/seen/"
"""Where a clone keeps what it last saw of the remote: refs/heads/main is refs/seen/heads/main here."""
FORMER_PREFIX = "refs/former/"
"""Where a clone keeps what it saw of a ledger for which it no longer works, below its last commit's name."""
URL_RECORD = "shiftbook-url"


def seen_ledger(folder: Path) -> tuple[str, str]:
    """Of which ledger a private clone is: its address and its branch. Empty where it has never seen one."""
    record = folder / URL_RECORD
    heads = Git(folder).refs(f"{SEEN_PREFIX}heads/") if record.is_file() else {}
    if not heads:
        return "", ""
    return record.read_text(encoding="utf-8").strip(), min(heads).removeprefix(f"{SEEN_PREFIX}heads/")


@dataclass(frozen=True, kw_only=True)
class CloneOrigin:
    """The record of one clone, which works for the ledger at `url`."""

    git: Git
    url: str

    @property
    def noted(self) -> str:
        """The address from which a fetch has come to its end; empty while none has."""
        record = self.git.folder / URL_RECORD
        return record.read_text(encoding="utf-8").strip() if record.is_file() else ""

    def note(self) -> None:
        """A fetch from the ledger has come to its end."""
        if self.noted != self.url:
            files.replace(self.git.folder / URL_RECORD, f"{self.url}\n", durable=False)

    def is_another(self, before: Oid, now: Oid) -> bool:
        """Whether a person has turned to another ledger since: another address, and no commit in common."""
        if self.noted in {"", self.url}:
            return False
        return self.git.call("merge-base", before, now, codes=(0, 1))[0] == 1

    def keep(self, known: Mapping[str, Oid], tip: Oid) -> None:
        """Names what was seen of the ledger before, so that its objects stay: this may be the only copy of them."""
        prefix = f"{FORMER_PREFIX}{tip[:12]}/"
        lines = [f"update {prefix}{ref.removeprefix(SEEN_PREFIX)} {oid}\n" for ref, oid in known.items()]
        self.git.run("update-ref", "--stdin", stdin="".join(lines).encode())
