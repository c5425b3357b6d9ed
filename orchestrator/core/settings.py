"""Which settings has a node, under which variable is each set, and which values are taken?

`environment` says where the values are read from.
"""

from __future__ import annotations

import platform
from functools import cached_property
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

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

UNPREFIXED = {
    "role": "FACTORY_ROLE",
    "provider": "LLM_PROVIDER_OVERRIDE",
    "ollama_host": "OLLAMA_HOST",
    "hf_endpoint": "HF_ENDPOINT",
    "hf_token": "HF_TOKEN",
    "accept_delegations": "ACCEPT_DELEGATIONS",
    "enable_vp_coder": "ENABLE_VP_CODER",
}
"""Fields whose variable does not begin with SHIFTBOOK_."""


def variable(field: str) -> str:
    """The environment variable that sets a field."""
    return UNPREFIXED.get(field, f"SHIFTBOOK_{field.upper()}")


class Settings(BaseModel):
    """Every setting; docs/settings.md lists them with their meaning."""

    model_config = ConfigDict(alias_generator=variable, populate_by_name=True, frozen=True)

    role: Role = Role.LOCAL_WORKER
    node_id: str = ""
    home: Path = Field(default_factory=default_home, validate_default=True)
    ledger: str = ""
    branch: str = "main"
    database_url: str = ""
    model: str = ""
    provider: str = ""
    ollama_host: str = ""
    openai_url: str = ""
    openai_key: SecretStr = SecretStr("")
    hf_endpoint: str = "https://huggingface.co"
    hf_token: SecretStr = SecretStr("")
    context: int = Field(default=8192, ge=512)
    threads: int = Field(default=0, ge=0, le=1024)
    peers: tuple[str, ...] = ()
    peers_key: SecretStr = SecretStr("")
    slots: int = Field(default=1, ge=1, le=64)
    capabilities: frozenset[str] = frozenset()
    watch: Path | None = None
    watch_quiet: float = Field(default=2.0, ge=0.1, le=3600)
    watch_pull: bool = False
    accept_delegations: bool = True
    enable_vp_coder: bool = True
    http: ListenAddress | None = ListenAddress(host="127.0.0.1", port=listen_address.DEFAULT_PORT)
    streams: int = Field(default=64, ge=1, le=4096)
    rate: int = Field(default=600, ge=0)
    body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    cors: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    serve_git: bool = False
    git_bytes: int = Field(default=1024**3, ge=1024**2)
    git_token: SecretStr = SecretStr("")
    hook_secret: SecretStr = SecretStr("")
    hq_url: str = ""
    hq_token: SecretStr = SecretStr("")
    notify: SecretStr = SecretStr("")
    device_sync: bool = False

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
