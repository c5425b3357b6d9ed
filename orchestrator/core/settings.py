"""What does the environment say this node is and may do?

Read from environment variables, then `.env` in the home folder, then `.env` in the working folder, unless that folder
lies in a Git work tree. A value that cannot be used is one line that names the variable, and exit code 2.
"""

from __future__ import annotations

import platform
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, cast

import platformdirs
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from missions.errors import BadName
from missions.mission import slug
from orchestrator.core import listen_address
from orchestrator.core.errors import WrongSetting
from orchestrator.core.listen_address import ListenAddress
from orchestrator.core.roles import Role


def default_home() -> Path:
    """Where this machine keeps its keys, its clone of the ledger and its own database."""
    return Path(platformdirs.user_data_dir("shiftbook", appauthor=False))


PROVIDERS = {
    "ollama": "ollama",
    "openai": "openai",
    "xllamacpp": "xllamacpp",
    "embedded": "xllamacpp",
    "llama-cpp-python": "llama-cpp-python",
    "llamacpp": "llama-cpp-python",
}
"""What LLM_PROVIDER_OVERRIDE may say, and the backend that it means."""


class Settings(BaseSettings):
    """Every setting; docs/settings.md lists them with their meaning."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True, env_ignore_empty=True)

    role: Role = Field(default=Role.LOCAL_WORKER, validation_alias=AliasChoices("FACTORY_ROLE"))
    node_id: str = Field(default="", validation_alias=AliasChoices("SHIFTBOOK_NODE_ID"))
    home: Path = Field(default_factory=default_home, validation_alias=AliasChoices("SHIFTBOOK_HOME"))
    ledger: str = Field(default="", validation_alias=AliasChoices("SHIFTBOOK_LEDGER"))
    branch: str = Field(default="main", validation_alias=AliasChoices("SHIFTBOOK_BRANCH"))
    database_url: str = Field(default="", validation_alias=AliasChoices("SHIFTBOOK_DATABASE_URL"))
    model: str = Field(default="", validation_alias=AliasChoices("SHIFTBOOK_MODEL"))
    provider: str = Field(default="", validation_alias=AliasChoices("LLM_PROVIDER_OVERRIDE"))
    ollama_host: str = Field(default="", validation_alias=AliasChoices("OLLAMA_HOST"))
    openai_url: str = Field(default="", validation_alias=AliasChoices("SHIFTBOOK_OPENAI_URL"))
    openai_key: SecretStr = Field(default=SecretStr(""), validation_alias=AliasChoices("SHIFTBOOK_OPENAI_KEY"))
    hf_endpoint: str = Field(default="https://huggingface.co", validation_alias=AliasChoices("HF_ENDPOINT"))
    hf_token: SecretStr = Field(default=SecretStr(""), validation_alias=AliasChoices("HF_TOKEN"))
    context: int = Field(default=8192, ge=512, validation_alias=AliasChoices("SHIFTBOOK_CONTEXT"))
    threads: int = Field(default=0, ge=0, le=1024, validation_alias=AliasChoices("SHIFTBOOK_THREADS"))
    peers: Annotated[tuple[str, ...], NoDecode] = Field(default=(), validation_alias=AliasChoices("SHIFTBOOK_PEERS"))
    peers_key: SecretStr = Field(default=SecretStr(""), validation_alias=AliasChoices("SHIFTBOOK_PEERS_KEY"))
    slots: int = Field(default=1, ge=1, le=64, validation_alias=AliasChoices("SHIFTBOOK_SLOTS"))
    capabilities: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(), validation_alias=AliasChoices("SHIFTBOOK_CAPABILITIES")
    )
    watch: Path | None = Field(default=None, validation_alias=AliasChoices("SHIFTBOOK_WATCH"))
    watch_quiet: float = Field(default=2.0, ge=0.1, le=3600, validation_alias=AliasChoices("SHIFTBOOK_WATCH_QUIET"))
    watch_pull: bool = Field(default=False, validation_alias=AliasChoices("SHIFTBOOK_WATCH_PULL"))
    accept_delegations: bool = Field(default=True, validation_alias=AliasChoices("ACCEPT_DELEGATIONS"))
    enable_vp_coder: bool = Field(default=True, validation_alias=AliasChoices("ENABLE_VP_CODER"))
    http: Annotated[ListenAddress | None, NoDecode] = Field(
        default=ListenAddress(host="127.0.0.1", port=listen_address.DEFAULT_PORT),
        validation_alias=AliasChoices("SHIFTBOOK_HTTP"),
    )
    streams: int = Field(default=64, ge=1, le=4096, validation_alias=AliasChoices("SHIFTBOOK_STREAMS"))
    rate: int = Field(default=600, ge=0, validation_alias=AliasChoices("SHIFTBOOK_RATE"))
    body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, validation_alias=AliasChoices("SHIFTBOOK_BODY_BYTES"))
    cors: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(), validation_alias=AliasChoices("SHIFTBOOK_CORS")
    )
    hosts: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(), validation_alias=AliasChoices("SHIFTBOOK_HOSTS")
    )
    serve_git: bool = Field(default=False, validation_alias=AliasChoices("SHIFTBOOK_SERVE_GIT"))
    git_bytes: int = Field(default=1024**3, ge=1024**2, validation_alias=AliasChoices("SHIFTBOOK_GIT_BYTES"))
    git_token: SecretStr = Field(default=SecretStr(""), validation_alias=AliasChoices("SHIFTBOOK_GIT_TOKEN"))
    hook_secret: SecretStr = Field(default=SecretStr(""), validation_alias=AliasChoices("SHIFTBOOK_HOOK_SECRET"))
    hq_url: str = Field(default="", validation_alias=AliasChoices("SHIFTBOOK_HQ_URL"))
    hq_token: SecretStr = Field(default=SecretStr(""), validation_alias=AliasChoices("SHIFTBOOK_HQ_TOKEN"))
    notify: SecretStr = Field(default=SecretStr(""), validation_alias=AliasChoices("SHIFTBOOK_NOTIFY"))
    device_sync: bool = Field(default=False, validation_alias=AliasChoices("SHIFTBOOK_DEVICE_SYNC"))

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only code uses the fields' own names: $HOME, $BRANCH or $MODEL in the environment mean something else."""
        found = (*sources, *named.values())
        for source in found:
            if isinstance(source, EnvSettingsSource):
                source.env_vars = {key: value for key, value in source.env_vars.items() if key.upper() in _VARIABLES}
        return found

    @field_validator("role", mode="before")
    @classmethod
    def _role(cls, value: Any) -> Role:
        return value if isinstance(value, Role) else Role.read(str(value))

    @field_validator("http", mode="before")
    @classmethod
    def _address(cls, value: Any) -> Any:
        return listen_address.read(value) if isinstance(value, str) else value

    @field_validator("hq_url", mode="after")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("write headquarters' web address, such as https://hq.example:8823")
        return value

    @field_validator("cors", mode="after")
    @classmethod
    def _origins(cls, value: frozenset[str]) -> frozenset[str]:
        for origin in value:
            scheme, found, rest = origin.partition("://")
            if scheme not in {"http", "https"} or not found or not rest or set(rest) & set("/*?# "):
                raise ValueError("write origins such as https://desk.example:8443, separated by commas; * is not taken")
        return value

    @field_validator("provider", mode="after")
    @classmethod
    def _provider(cls, value: str) -> str:
        name = PROVIDERS.get(value.lower(), "" if not value else None)
        if name is None:
            raise ValueError(f"name one of {', '.join(sorted(PROVIDERS))}")
        return name

    @field_validator("peers", mode="before")
    @classmethod
    def _urls(cls, value: Any) -> Any:
        return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value

    @field_validator("capabilities", "cors", "hosts", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return frozenset(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator("home", "watch", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @cached_property
    def node(self) -> str:
        """This node's name: what SHIFTBOOK_NODE_ID says, else the machine's, slugged. Raises WrongSetting."""
        try:
            return slug(self.node_id or platform.node().partition(".")[0] or "node")
        except BadName as error:
            raise WrongSetting("SHIFTBOOK_NODE_ID", str(error)) from error

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL of this node's own database."""
        return self.database_url or f"sqlite:///{self.home / 'shiftbook.db'}"


_VARIABLES = frozenset(
    name for field in Settings.model_fields.values() for name in cast(AliasChoices, field.validation_alias).choices
)


def load(**overrides: Any) -> Settings:
    """The settings in force. Raises WrongSetting, which names the variable."""
    here = _working_env()
    try:
        home = Settings(_env_file=here, **overrides).home  # type: ignore[call-arg]  # pydantic-settings' own word
        return Settings(_env_file=(*here, home / ".env"), **overrides)  # type: ignore[call-arg]  # the last one wins
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        name = str(first["loc"][0])
        raise WrongSetting(name, f"{message[0].lower()}{message[1:]}, not {first.get('input')!r}") from error


def _working_env() -> tuple[Path, ...]:
    """The `.env` of the working folder, if that is nobody else's word.

    What a work tree holds came from whoever may push there: a `.env` in it could send this machine's tokens elsewhere.
    """
    here = Path.cwd()
    return () if any((folder / ".git").exists() for folder in (here, *here.parents)) else (here / ".env",)
