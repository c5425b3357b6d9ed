"""Which settings has a node, under which variable is each set, and which values are taken?

`environment` says where the values are read from.
"""

from __future__ import annotations

import hashlib
import platform
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_validator

from missions.errors import BadName
from missions.mission import PAID_AGENTS, slug
from orchestrator.core import listen_address
from orchestrator.core.errors import WrongSetting
from orchestrator.core.listen_address import ListenAddress
from orchestrator.core.roles import Role, RolePolicy, RoleSwitches, role_policy
from sync import files


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

MIN_SECRET_CHARS = 16
"""Characters of a supplier's secret."""
UNPREFIXED = {
    "role": "FACTORY_ROLE",
    "provider": "LLM_PROVIDER_OVERRIDE",
    "ollama_host": "OLLAMA_HOST",
    "hf_endpoint": "HF_ENDPOINT",
    "hf_token": "HF_TOKEN",
    "accept_delegations": "ACCEPT_DELEGATIONS",
    "enable_vp_coder": "ENABLE_VP_CODER",
    "enable_proactive_autonomy": "ENABLE_PROACTIVE_AUTONOMY",
    "enable_telegram_poll": "ENABLE_TELEGRAM_POLL",
}
"""Fields whose variable does not begin with SHIFTBOOK_."""


def variable(field: str) -> str:
    """The environment variable that sets a field."""
    return UNPREFIXED.get(field, f"SHIFTBOOK_{field.upper()}")


def secret_variables() -> frozenset[str]:
    """The variables that are secrets whatever they say; the database's URL may hold a password."""
    secret = (name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)
    return frozenset(map(variable, secret)) | {variable("database_url")}


def _server(url: str) -> str:
    """The scheme, host and port of a web address; empty for any other."""
    found = re.match(r"https?://[^/]+", url)
    return found[0].lower() if found else ""


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
    answer_tokens: int = Field(default=1024, ge=16)
    threads: int = Field(default=0, ge=0, le=1024)
    model_idle: float = Field(default=10.0, ge=0, le=100_000)
    peers: tuple[str, ...] = ()
    peers_key: SecretStr = SecretStr("")
    slots: int = Field(default=1, ge=1, le=64)
    capabilities: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    watch: Path | None = None
    watch_quiet: float = Field(default=2.0, ge=0.1, le=3600)
    watch_pull: bool = False
    accept_delegations: bool = True
    enable_vp_coder: bool = True
    enable_proactive_autonomy: bool = False
    heartbeat_commands: str = ""
    http: ListenAddress | None = ListenAddress(host="127.0.0.1", port=listen_address.DEFAULT_PORT)
    https: ListenAddress | None = None
    streams: int = Field(default=64, ge=1, le=4096)
    rate: int = Field(default=600, ge=0)
    body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    cors: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    serve_git: bool = False
    git_bytes: int = Field(default=1024**3, ge=1024**2)
    git_token: SecretStr = SecretStr("")
    hook_secret: SecretStr = SecretStr("")
    signal_secrets: SecretStr = SecretStr("")
    feeds_private: bool = False
    hq_url: str = ""
    hq_token: SecretStr = SecretStr("")
    notify: SecretStr = SecretStr("")
    push_contact: str = "mailto:push@shiftbook.invalid"
    push_private: bool = False
    sync_peers: tuple[str, ...] = ()
    sync_token: SecretStr = SecretStr("")
    device_sync: bool = False
    device_operations: int = Field(default=100_000, ge=0)
    device_megabytes: int = Field(default=1024, ge=0)
    redis_url: SecretStr = SecretStr("")
    redis_ca: str = ""
    redis_plain: bool = False
    stream_prefix: str = "shiftbook"
    redis_lease: float = Field(default=60.0, ge=1, le=3600)
    enable_telegram_poll: bool = False
    telegram_token: SecretStr = SecretStr("")
    telegram_chats: frozenset[int] = frozenset()
    telegram_url: str = "https://api.telegram.org"
    public_url: str = ""
    announce: bool | None = None
    infisical_url: str = ""
    infisical_project: str = ""
    infisical_environment: str = "prod"
    infisical_path: str = "/"
    infisical_client_id: str = ""
    infisical_client_secret: SecretStr = SecretStr("")
    backup_to: tuple[str, ...] = ()
    _lacking: str = PrivateAttr(default="")
    """Why secrets of a server are not among these settings; empty where nothing lacks."""
    _apart: str = PrivateAttr(default="")
    """The folder's name of a ledger that is not the one of this machine's node; empty for that."""

    @field_validator("role", mode="before")
    @classmethod
    def _role(cls, value: Any) -> Role:
        return value if isinstance(value, Role) else Role.read(str(value))

    @field_validator("http", "https", mode="before")
    @classmethod
    def _address(cls, value: Any) -> Any:
        return listen_address.read(value) if isinstance(value, str) else value

    @field_validator("hq_url", "public_url", "telegram_url", mode="after")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("write a web address, such as https://hq.example:8823")
        return value

    @field_validator("signal_secrets", mode="after")
    @classmethod
    def _suppliers(cls, value: SecretStr) -> SecretStr:
        pairs = [each.strip().partition("=") for each in value.get_secret_value().split(",") if each.strip()]
        short = any(len(secret) < MIN_SECRET_CHARS for _, _, secret in pairs)
        if short or any(not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name) for name, _, _ in pairs):
            raise ValueError(
                f"write NAME=SECRET, separated by commas; a secret has {MIN_SECRET_CHARS} characters or more"
            )
        if len({name for name, _, _ in pairs}) < len(pairs):
            raise ValueError("each supplier has one secret")
        return value

    @field_validator("stream_prefix", mode="after")
    @classmethod
    def _prefix(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value):
            raise ValueError("write letters, digits, _, . and -, at most 64")
        return value

    @field_validator("heartbeat_commands", mode="after")
    @classmethod
    def _commands(cls, value: str) -> str:
        pairs = [each.strip().partition("=") for each in value.split(",") if each.strip()]
        if any(not re.fullmatch("[a-z0-9]+([-_][a-z0-9]+)*", name) or path[:1] not in "/~" for name, _, path in pairs):
            raise ValueError("write NAME=/PATH/OF/A/PROGRAM, separated by commas: names of small letters and digits")
        return value

    @field_validator("push_contact", mode="after")
    @classmethod
    def _contact(cls, value: str) -> str:
        if not value.startswith(("mailto:", "https:")) or not value.isprintable() or len(value) > 200:
            raise ValueError("write whom a push service may write to: mailto:me@example.org or https://…")
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

    @field_validator("sync_peers", mode="after")
    @classmethod
    def _web_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not url.startswith(("http://", "https://")) for url in value):
            raise ValueError("write other nodes' web addresses, such as https://vps.example:8823, separated by commas")
        return value

    @field_validator("peers", "sync_peers", "backup_to", mode="before")
    @classmethod
    def _urls(cls, value: Any) -> Any:
        return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value

    @field_validator("capabilities", "agents", "cors", "hosts", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return frozenset(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator("telegram_chats", mode="before")
    @classmethod
    def _chats(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        words = [word.strip() for word in value.split(",") if word.strip()]
        if any(not re.fullmatch(r"-?[1-9][0-9]{0,15}", word) for word in words):
            raise ValueError("write the numbers of chats, separated by commas, such as 123456789 or -1001234567890")
        return frozenset(map(int, words))

    @field_validator("agents", mode="after")
    @classmethod
    def _programs(cls, value: frozenset[str]) -> frozenset[str]:
        if not value <= PAID_AGENTS:
            raise ValueError(f"name some of {', '.join(sorted(PAID_AGENTS))}, separated by commas")
        return value

    @field_validator("home", "watch", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else files.expand_home(value).absolute()

    @cached_property
    def node(self) -> str:
        """This node's name: what SHIFTBOOK_NODE_ID says, else the machine's, slugged. Raises WrongSetting."""
        try:
            return slug(self.node_id or platform.node().partition(".")[0] or "node")
        except BadName as error:
            raise WrongSetting("SHIFTBOOK_NODE_ID", str(error)) from error

    @property
    def lacking(self) -> str:
        """Why a worker goes without the secrets of its server; empty where it has them, or needs none."""
        return self._lacking

    def without(self, why: str) -> Settings:
        """The same settings, which remember why secrets lack."""
        other = self.model_copy()
        other._lacking = why
        return other

    @property
    def supplier_secrets(self) -> dict[str, str]:
        """The secret of each supplier, by its name."""
        pairs = (each.strip().partition("=") for each in self.signal_secrets.get_secret_value().split(","))
        return {name: secret for name, _, secret in pairs if name}

    @property
    def probe_commands(self) -> dict[str, Path]:
        """The programs that lines of HEARTBEAT.md may name on this machine."""
        pairs = (each.strip().partition("=") for each in self.heartbeat_commands.split(","))
        return {name: files.expand_home(Path(path)) for name, _, path in pairs if path}

    @property
    def policy(self) -> RolePolicy:
        """What this node's role and switches let it do."""
        switches = RoleSwitches(
            device_sync=self.device_sync,
            accept_delegations=self.accept_delegations,
            vp_coder=self.enable_vp_coder,
            proactive_autonomy=self.enable_proactive_autonomy,
            telegram_poll=self.enable_telegram_poll,
        )
        return role_policy(self.role, switches)

    def renamed(self, node_id: str) -> Settings:
        """The same machine with another SHIFTBOOK_NODE_ID."""
        other = self.model_copy(update={"node_id": node_id})
        other.__dict__.pop("node", None)  # the name as it was worked out before
        return other

    def at(self, ledger: str, branch: str) -> Settings:
        """The same machine for another fleet's ledger, of which it keeps the clone and what it has seen apart.

        The token for the ledger's server is shown to no other server.
        """
        same = _server(ledger) == _server(self.ledger)
        token = self.git_token if same else SecretStr("")
        other = self.model_copy(update={"ledger": ledger, "branch": branch, "git_token": token})
        name = re.sub(r"[^A-Za-z0-9]+", "-", ledger.rstrip("/").removesuffix(".git").rpartition("/")[2])
        other._apart = f"{name.strip('-')[:40]}-{hashlib.sha256(ledger.encode()).hexdigest()[:12]}"
        return other

    @property
    def ledger_home(self) -> Path:
        """Where this machine keeps its clone of the ledger, and what it has seen and indexed of it."""
        return self.home / "fleets" / self._apart if self._apart else self.home

    @property
    def ledger_clone(self) -> Path:
        """The clone itself, which is bare."""
        return self.ledger_home / "ledger.git"

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL of this node's own database."""
        return self.database_url or f"sqlite:///{self.home / 'shiftbook.db'}"
