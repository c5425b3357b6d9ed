"""Where does this machine stand in its ledger's history of rules, while no process runs: its trust pins."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from missions.declared.plain_values import read_values
from missions.plain_data import read_json
from orchestrator.core.errors import WrongSetting
from orchestrator.ledger.config import fleet_toml
from orchestrator.ledger.trust.files import SIGNERS_PATH
from orchestrator.ledger.trust.history import TrustState
from sync import files
from sync.disk.file_turn import file_turn
from sync.objects import object_id
from sync.remote import Oid


@dataclass(frozen=True, kw_only=True)
class TrustPins:
    """A stand for each ledger, in a file of the home folder. `init` and `join` set the commit that it begins at."""

    path: Path
    ledger: str

    def anchor(self, tip: Oid) -> Oid:
        """The commit at which this machine first trusted the ledger; `tip` becomes it when there is none yet."""
        known = self._read().get(self.ledger)
        if known is not None:
            return known.commit if isinstance(known, TrustState) else known
        with self._open() as pins:
            kept = pins.setdefault(self.ledger, tip)
            self._write(pins)
        return kept.commit if isinstance(kept, TrustState) else kept

    def load(self) -> TrustState | None:
        """The stand as it was kept last."""
        kept = self._read().get(self.ledger)
        return kept if isinstance(kept, TrustState) else None

    def keep(self, stand: TrustState, later: Callable[[Oid], bool]) -> None:
        """Keeps a stand, unless another process has kept one that `later` does not call an earlier one."""
        if self.load() == stand:  # as nearly every command finds it
            return
        with self._open() as pins:
            kept = pins.get(self.ledger)
            if not isinstance(kept, TrustState) or later(kept.commit):
                self._write(pins | {self.ledger: stand})

    @contextmanager
    def _open(self) -> Iterator[dict[str, Oid | TrustState]]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with file_turn(self.path.with_suffix(".lock")):
            yield self._read()

    def _read(self) -> dict[str, Oid | TrustState]:
        """Raises WrongSetting for a damaged file: to trust anew is for a person to decide."""
        if not self.path.exists():
            return {}
        try:
            kept = read_json(self.path.read_text(encoding="utf-8"), halves=True)
            return {ledger: _read_pin(pin) for ledger, pin in kept.items()}
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            why = f"{self.path} is damaged ({error}): restore it from a backup, or delete it to trust the ledger anew"
            raise WrongSetting("pin.json", why) from error

    def _write(self, pins: dict[str, Oid | TrustState]) -> None:
        """Whole or not at all: half a file would be a machine that trusts nothing, or anything."""
        plain = {ledger: pin if isinstance(pin, str) else asdict(pin) for ledger, pin in pins.items()}
        files.replace(self.path, json.dumps(plain, indent=1) + "\n")


def _read_pin(pin: Any) -> Oid | TrustState:
    """Of a ledger the commit at which its stand begins, then its stand. Raises ValueError, LookupError, TypeError."""
    found = _in_files(pin)
    return found if isinstance(found, str) else _stand(found)


def _stand(found: Mapping[str, Any]) -> TrustState:
    """The two texts are as they are, bytes that are no UTF-8 included, which no other value may have."""
    texts = {path: file["text"] for path, file in found["files"].items()}
    for text in texts.values():
        text.encode("utf-8", "surrogateescape")  # raises for what no file can have been
    others = {path: {**file, "text": ""} for path, file in found["files"].items()}
    stand = read_values(TrustState, {**found, "files": others})
    return replace(stand, files={path: replace(file, text=texts[path]) for path, file in stand.files.items()})


def _in_files(pin: Any) -> Any:
    """A pin as it is kept now. Before, a stand had two texts; what counts next is made on top of where it stood."""
    if isinstance(pin, str) or "files" in pin:
        return pin
    texts = {SIGNERS_PATH: pin["signers"], fleet_toml.PATH: pin["charter"]}
    blobs = {path: object_id("blob", text.encode("utf-8", "surrogateescape")) for path, text in texts.items()}
    both = {path: {"text": texts[path], "signed": blobs[path], "link": pin["commit"]} for path in texts}
    return {"commit": pin["commit"], "files": both}
