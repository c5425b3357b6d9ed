"""At which commit did this machine first trust its ledger?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sync.remote import Oid


@dataclass(frozen=True)
class Pins:
    """One pinned commit for each ledger, in a file of the home folder. `init` and `join` set it."""

    path: Path

    def anchor(self, ledger: str, tip: Oid) -> Oid:
        """The pinned commit; `tip` becomes it when there is none yet (trust on first use)."""
        pins: dict[str, Oid] = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        if ledger not in pins:
            pins[ledger] = tip
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(pins, indent=1) + "\n", encoding="utf-8")
        return pins[ledger]
