"""Where does this machine stand in its ledger's history of rules, while no process runs?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from orchestrator.core.errors import WrongSetting
from orchestrator.ledger.trust_root import RejectedChange, TrustState
from sync import files
from sync.remote import Oid


@dataclass(frozen=True, kw_only=True)
class TrustPins:
    """A stand for each ledger, in a file of the home folder. `init` and `join` set the commit that it begins at."""

    path: Path
    ledger: str

    def anchor(self, tip: Oid) -> Oid:
        """The commit at which this machine first trusted the ledger; `tip` becomes it when there is none yet."""
        with self._open() as pins:
            kept = pins.setdefault(self.ledger, tip)
            self._write(pins)
        return kept if isinstance(kept, str) else str(kept["commit"])

    def load(self) -> TrustState | None:
        """The stand as it was kept last."""
        kept = self._read().get(self.ledger)
        if kept is None or isinstance(kept, str):
            return None
        refused = tuple(RejectedChange(**each) for each in kept["refused"])
        return TrustState(**{**kept, "refused": refused, "vouched": tuple(kept.get("vouched", ()))})

    def keep(self, stand: TrustState, later: Callable[[Oid], bool]) -> None:
        """Keeps a stand, unless another process has kept one that `later` does not call an earlier one."""
        with self._open() as pins:
            kept = pins.get(self.ledger)
            if isinstance(kept, dict) and not later(kept["commit"]):
                return
            self._write(pins | {self.ledger: asdict(stand)})

    @contextmanager
    def _open(self) -> Iterator[dict[str, Any]]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock")):
            yield self._read()

    def _read(self) -> dict[str, Any]:
        """Raises WrongSetting for a damaged file: to trust anew is for a person to decide."""
        try:
            return json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        except ValueError as error:
            why = f"{self.path} is damaged ({error}): restore it from a backup, or delete it to trust the ledger anew"
            raise WrongSetting("pin.json", why) from error

    def _write(self, pins: dict[str, Any]) -> None:
        """Whole or not at all: half a file would be a machine that trusts nothing, or anything."""
        files.replace(self.path, json.dumps(pins, indent=1) + "\n")
