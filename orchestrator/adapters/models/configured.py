"""Which backends are configured on this machine, and in which order are they asked?

What was chosen first: LLM_PROVIDER_OVERRIDE; else a file in SHIFTBOOK_MODEL; else SHIFTBOOK_OPENAI_URL. Without a
choice an Ollama that can be reached, then the embedded model. Other nodes come last. Backends that were not chosen are
still there for a request that names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.adapters.models.gguf import NotGguf, format_parameters, read_gguf_info
from orchestrator.adapters.models.llamacpp import LlamaCpp
from orchestrator.adapters.models.model_file import EmbeddedModel, ModelFile, ModelWeights
from orchestrator.adapters.models.ollama import OllamaServer
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.model_competence import unchosen
from orchestrator.core.ports.model import Model
from orchestrator.core.ports.model_backend import NODE_PREFIX, Backend, BackendCandidate, ListedModel
from orchestrator.core.settings import Settings
from sync import files
from sync.place_names import below


@dataclass(frozen=True, kw_only=True)
class InProcessBackend:
    """An engine in this process, with the GGUF files of this machine. `weights` is what it answers with by itself."""

    backend: str
    make: Callable[[ModelWeights, int], Model]
    weights: EmbeddedModel | ModelFile
    folder: Path
    context_tokens: int

    def models(self) -> tuple[ListedModel, ...]:
        """Its own first, then what was pulled. Raises ModelUnavailable."""
        if why := self.open("").missing():
            pulled_names = [path.stem for path in gguf_files(self.folder) if path != self.weights.source()]
            raise ModelUnavailable("; ".join([why, *map(unchosen, pulled_names[:1])]))
        own = self._listed(self.weights.name, self.weights.source())
        pulled = [self._listed(path.stem, path) for path in gguf_files(self.folder)]
        return (own, *(each for each in pulled if each.size and each.name != own.name))

    def open(self, name: str) -> Model:
        """Its own model, or a file that was pulled."""
        if name in ("", self.weights.name):
            return self.make(self.weights, self._context(self.weights.source()))
        path = below(self.folder, f"{Path(name).name}.gguf")
        return self.make(ModelFile(path=path), self._context(path))

    def _context(self, path: Path | None) -> int:
        """No more than the model was trained for: beyond that it writes nonsense."""
        try:
            trained = read_gguf_info(path).context_tokens if path else 0
        except (OSError, NotGguf):
            trained = 0
        return min(self.context_tokens, trained or self.context_tokens)

    def _listed(self, name: str, path: Path | None) -> ListedModel:
        found = ListedModel(name=name, backend=self.backend, context_tokens=self._context(path))
        try:
            card = read_gguf_info(path) if path else None
            size = path.stat().st_size if path else 0
        except (OSError, NotGguf):
            return found
        if card is None:
            return found
        weights = format_parameters(card.parameters)
        return replace(found, size=size, quantisation=card.quantisation, parameters=weights)


def gguf_files(folder: Path) -> list[Path]:
    """The files that were pulled, by name."""
    return sorted(folder.glob("*.gguf"))


def model_folder(settings: Settings) -> Path:
    """Where this machine keeps GGUF files."""
    return settings.home / "models"


def configured_model_file(settings: Settings) -> Path | None:
    """The GGUF file that SHIFTBOOK_MODEL names; None when it names something else."""
    path = files.expand_home(settings.model)
    return path if path.suffix.lower() == ".gguf" else None


def ollama_server(settings: Settings) -> OllamaServer:
    """The Ollama that OLLAMA_HOST names; else the one that may be on this machine."""
    chosen = "" if configured_model_file(settings) else settings.model
    return OllamaServer(host=settings.ollama_host, context_tokens=settings.context, chosen=chosen)


def configured_candidates(settings: Settings) -> list[BackendCandidate]:
    """Every backend, the preferred first."""
    chosen = settings.provider or (
        "xllamacpp" if configured_model_file(settings) else "openai" if settings.openai_url else ""
    )
    why = "LLM_PROVIDER_OVERRIDE names it" if settings.provider else "SHIFTBOOK_MODEL names a file"
    why = "SHIFTBOOK_OPENAI_URL is set" if not settings.provider and chosen == "openai" else why
    explicit = bool(settings.provider or configured_model_file(settings))
    found = dict(_all_candidates(settings))
    if settings.provider and settings.provider not in found:
        found[settings.provider] = BackendCandidate(backend=_unset_backend(settings), why=why)
    order = sorted(found, key=lambda name: name != chosen)
    here = [_with_rank(found[name], name == chosen, why, explicit) for name in order]
    return [*here, *_peers(settings)]


def _with_rank(candidate: BackendCandidate, chosen: bool, why: str, explicit: bool) -> BackendCandidate:
    if chosen:
        return replace(candidate, why=why, named=False)
    return replace(candidate, named=candidate.named or explicit)


def _all_candidates(settings: Settings) -> Iterator[tuple[str, BackendCandidate]]:
    """What could answer, by name, in the order without a choice."""
    if settings.openai_url:
        from orchestrator.adapters.models.openai import OpenAIServer

        key = settings.openai_key.get_secret_value()
        chosen = "" if configured_model_file(settings) else settings.model
        server = OpenAIServer(url=settings.openai_url, key=key, context_tokens=settings.context, chosen=chosen)
        yield "openai", BackendCandidate(backend=server, why="SHIFTBOOK_OPENAI_URL is set")
    ollama = ollama_server(settings)
    yield "ollama", BackendCandidate(backend=ollama, why="an Ollama answers here")
    yield (
        "xllamacpp",
        BackendCandidate(
            backend=_in_process(settings, "xllamacpp"), why="the embedded model needs no service", local=True
        ),
    )
    built = _in_process(settings, "llama-cpp-python")
    yield "llama-cpp-python", BackendCandidate(backend=built, why="it is in this process", local=True, named=True)


def _in_process(settings: Settings, backend: str) -> InProcessBackend:
    folder, threads = model_folder(settings), settings.threads or None
    path, idle = configured_model_file(settings), settings.model_idle * 60

    def make(weights: ModelWeights, context: int) -> Model:
        if backend == "xllamacpp":
            return XLlamaCpp(weights, context_tokens=context, threads=threads, scratch=folder, idle_seconds=idle)
        return LlamaCpp(weights, context_tokens=context, threads=threads, idle_seconds=idle)

    weights = ModelFile(path=path) if path else EmbeddedModel(folder=folder)
    return InProcessBackend(backend=backend, make=make, weights=weights, folder=folder, context_tokens=settings.context)


def _peers(settings: Settings) -> Iterator[BackendCandidate]:
    if not settings.peers:
        return
    from orchestrator.adapters.models.openai import OpenAIServer

    key = settings.peers_key.get_secret_value()
    for url in settings.peers:
        server = OpenAIServer(url=url, key=key, backend="node", context_tokens=settings.context, peer=True)
        named = replace(server, backend=f"{NODE_PREFIX}{server.shown}")
        yield BackendCandidate(backend=named, why=f"this node cannot; the one at {server.shown} can", peer=True)


def _unset_backend(settings: Settings) -> Backend:
    """For a choice that lacks a setting: it says so when it is asked."""
    return UnavailableBackend(
        backend=settings.provider, why="LLM_PROVIDER_OVERRIDE=openai needs SHIFTBOOK_OPENAI_URL: set it"
    )


@dataclass(frozen=True, kw_only=True)
class UnavailableBackend:
    """A backend that cannot be there."""

    backend: str
    why: str

    def models(self) -> tuple[ListedModel, ...]:
        """Raises ModelUnavailable."""
        raise ModelUnavailable(self.why)

    def open(self, name: str) -> Model:
        """Raises ModelUnavailable."""
        raise ModelUnavailable(self.why)
