"""Which settings has a node, under which variable is each set, and which values are taken?

`environment` says where the values are read from.
"""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from missions.agents.agent_names import PAID_AGENTS, is_paid_agent
from missions.declared.declared_table import DeclaredTable, made_by
from missions.declared.plain_values import declared_fields
from missions.declared.value_rules import After, Before, Limits
from missions.errors import BadName
from missions.mission import slug
from orchestrator.core import listen_address
from orchestrator.core.errors import WrongSetting
from orchestrator.core.listen_address import ListenAddress
from orchestrator.core.roles import Role, RolePolicy, RoleSwitches, role_policy
from orchestrator.core.secret_text import SecretText
from orchestrator.core.sqlite_url import sqlite_url
from sync import files


def default_home() -> Path:
    """Where this machine keeps its keys, its clone of the ledger and its own database."""
    import platformdirs

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


def _server(url: str) -> str:
    """The scheme, host and port of a web address; empty for any other."""
    found = re.match(r"https?://[^/]+", url)
    return found[0].lower() if found else ""


def _role(value: Any) -> Role:
    return value if isinstance(value, Role) else Role.read(str(value))


def _address(value: Any) -> Any:
    return listen_address.read(value) if isinstance(value, str) else value


def _web_address(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("write a web address, such as https://hq.example:8823")
    return value


def _suppliers(value: SecretText) -> SecretText:
    pairs = [each.strip().partition("=") for each in value.get_secret_value().split(",") if each.strip()]
    short = any(len(secret) < MIN_SECRET_CHARS for _, _, secret in pairs)
    if short or any(not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name) for name, _, _ in pairs):
        raise ValueError(f"write NAME=SECRET, separated by commas; a secret has {MIN_SECRET_CHARS} characters or more")
    if len({name for name, _, _ in pairs}) < len(pairs):
        raise ValueError("each supplier has one secret")
    return value


def _hosts(value: SecretText) -> SecretText:
    pairs = [each.strip().partition("=") for each in value.get_secret_value().split(",") if each.strip()]
    if any(not re.fullmatch(r"[a-z0-9.-]+(:[0-9]{1,5})?", host) or not token.isprintable() for host, _, token in pairs):
        raise ValueError("write HOST=TOKEN, separated by commas, such as github.com=…,git.example.org=…")
    if any(len(token) < MIN_SECRET_CHARS or " " in token for _, _, token in pairs):
        raise ValueError(f"a forge's token has {MIN_SECRET_CHARS} characters or more, and no blanks")
    if len({host for host, _, _ in pairs}) < len(pairs):
        raise ValueError("each forge has one token")
    return value


def _prefix(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value):
        raise ValueError("write letters, digits, _, . and -, at most 64")
    return value


def _commands(value: str) -> str:
    pairs = [each.strip().partition("=") for each in value.split(",") if each.strip()]
    if any(not re.fullmatch("[a-z0-9]+([-_][a-z0-9]+)*", name) or path[:1] not in "/~" for name, _, path in pairs):
        raise ValueError("write NAME=/PATH/OF/A/PROGRAM, separated by commas: names of small letters and digits")
    return value


def _contact(value: str) -> str:
    if not value.startswith(("mailto:", "https:")) or not value.isprintable() or len(value) > 200:
        raise ValueError("write whom a push service may write to: mailto:me@example.org or https://…")
    return value


def _origins(value: frozenset[str]) -> frozenset[str]:
    for origin in value:
        scheme, found, rest = origin.partition("://")
        if scheme not in {"http", "https"} or not found or not rest or set(rest) & set("/*?# "):
            raise ValueError("write origins such as https://desk.example:8443, separated by commas; * is not taken")
    return value


def _provider(value: str) -> str:
    name = PROVIDERS.get(value.lower(), "" if not value else None)
    if name is None:
        raise ValueError(f"name one of {', '.join(sorted(PROVIDERS))}")
    return name


def _web_addresses(value: tuple[str, ...]) -> tuple[str, ...]:
    if any(not url.startswith(("http://", "https://")) for url in value):
        raise ValueError("write other nodes' web addresses, such as https://vps.example:8823, separated by commas")
    return value


def _urls(value: Any) -> Any:
    return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value


def _words(value: Any) -> Any:
    return frozenset(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _chats(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    words = [word.strip() for word in value.split(",") if word.strip()]
    if any(not re.fullmatch(r"-?[1-9][0-9]{0,15}", word) for word in words):
        raise ValueError("write the numbers of chats, separated by commas, such as 123456789 or -1001234567890")
    return frozenset(map(int, words))


def _programs(value: frozenset[str]) -> frozenset[str]:
    if not all(map(is_paid_agent, value)):
        raise ValueError(f"name some of {', '.join(sorted(PAID_AGENTS))}, separated by commas")
    return value


def _absolute(value: Path | None) -> Path | None:
    return None if value is None else files.expand_home(value).absolute()


WebAddress = Annotated[str, After(_web_address)]
Words = Annotated[frozenset[str], Before(_words)]
Urls = Annotated[tuple[str, ...], Before(_urls)]
Listen = Annotated[ListenAddress | None, Before(_address)]
Secret = Annotated[SecretText, Before(SecretText.of)]


class Settings(DeclaredTable):
    """Every setting; docs/settings.md lists them with their meaning."""

    role: Annotated[Role, Before(_role)] = Role.LOCAL_WORKER
    node_id: str = ""
    home: Annotated[Path, After(_absolute)] = made_by(factory=default_home)
    ledger: str = ""
    branch: str = "main"
    database_url: str = ""
    model: str = ""
    provider: Annotated[str, After(_provider)] = ""
    ollama_host: str = ""
    openai_url: str = ""
    openai_key: Secret = SecretText("")
    hf_endpoint: str = "https://huggingface.co"
    hf_token: Secret = SecretText("")
    context: Annotated[int, Limits(ge=512)] = 8192
    answer_tokens: Annotated[int, Limits(ge=16)] = 1024
    threads: Annotated[int, Limits(ge=0, le=1024)] = 0
    model_idle: Annotated[float, Limits(ge=0, le=100_000)] = 10.0
    peers: Urls = ()
    peers_key: Secret = SecretText("")
    slots: Annotated[int, Limits(ge=1, le=64)] = 1
    capabilities: Words = frozenset()
    agents: Annotated[Words, After(_programs)] = frozenset()
    rootfs: Annotated[Path | None, After(_absolute)] = None
    watch: Annotated[Path | None, After(_absolute)] = None
    watch_quiet: Annotated[float, Limits(ge=0.1, le=3600)] = 2.0
    watch_pull: bool = False
    accept_delegations: bool = True
    enable_vp_coder: bool = True
    enable_proactive_autonomy: bool = False
    heartbeat_commands: Annotated[str, After(_commands)] = ""
    http: Listen = ListenAddress(host="127.0.0.1", port=listen_address.DEFAULT_PORT)
    https: Listen = None
    streams: Annotated[int, Limits(ge=1, le=4096)] = 64
    rate: Annotated[int, Limits(ge=0)] = 600
    body_bytes: Annotated[int, Limits(ge=1024)] = 4 * 1024 * 1024
    cors: Annotated[Words, After(_origins)] = frozenset()
    hosts: Words = frozenset()
    serve_git: bool = False
    git_bytes: Annotated[int, Limits(ge=1024**2)] = 1024**3
    git_token: Secret = SecretText("")
    hook_secret: Secret = SecretText("")
    signal_secrets: Annotated[Secret, After(_suppliers)] = SecretText("")
    forge_tokens: Annotated[Secret, After(_hosts)] = SecretText("")
    forge_secret: Secret = SecretText("")
    feeds_private: bool = False
    hq_url: WebAddress = ""
    hq_token: Secret = SecretText("")
    notify: Secret = SecretText("")
    push_contact: Annotated[str, After(_contact)] = "mailto:push@shiftbook.invalid"
    push_private: bool = False
    sync_peers: Annotated[Urls, After(_web_addresses)] = ()
    sync_token: Secret = SecretText("")
    device_sync: bool = False
    device_operations: Annotated[int, Limits(ge=0)] = 100_000
    device_megabytes: Annotated[int, Limits(ge=0)] = 1024
    redis_url: Secret = SecretText("")
    redis_ca: str = ""
    redis_plain: bool = False
    stream_prefix: Annotated[str, After(_prefix)] = "shiftbook"
    redis_lease: Annotated[float, Limits(ge=1, le=3600)] = 60.0
    enable_telegram_poll: bool = False
    telegram_token: Secret = SecretText("")
    telegram_chats: Annotated[frozenset[int], Before(_chats)] = frozenset()
    telegram_url: WebAddress = "https://api.telegram.org"
    public_url: WebAddress = ""
    announce: bool | None = None
    infisical_url: str = ""
    infisical_project: str = ""
    infisical_environment: str = "prod"
    infisical_path: str = "/"
    infisical_client_id: str = ""
    infisical_client_secret: Secret = SecretText("")
    backup_to: Urls = ()
    _lacking: str = ""
    """Why secrets of a server are not among these settings; empty where nothing lacks."""
    _apart: str = ""
    """The folder's name of a ledger that is not the one of this machine's node; empty for that."""

    @cached_property
    def node(self) -> str:
        """This node's name: what SHIFTBOOK_NODE_ID says, else the machine's, slugged. Raises WrongSetting."""
        import platform

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
        return self.model_copy(update={"_lacking": why})

    @property
    def supplier_secrets(self) -> dict[str, str]:
        """The secret of each supplier, by its name."""
        pairs = (each.strip().partition("=") for each in self.signal_secrets.get_secret_value().split(","))
        return {name: secret for name, _, secret in pairs if name}

    @property
    def tokens_of_forges(self) -> dict[str, SecretText]:
        """The token for each forge, by its host."""
        pairs = (each.strip().partition("=") for each in self.forge_tokens.get_secret_value().split(","))
        return {host: SecretText(token) for host, _, token in pairs if host}

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
        return self.model_copy(update={"node_id": node_id})

    def at(self, ledger: str, branch: str) -> Settings:
        """The same machine for another fleet's ledger, of which it keeps the clone and what it has seen apart.

        The token for the ledger's server is shown to no other server.
        """
        same = _server(ledger) == _server(self.ledger)
        token = self.git_token if same else SecretText("")
        name = re.sub(r"[^A-Za-z0-9]+", "-", ledger.rstrip("/").removesuffix(".git").rpartition("/")[2])
        apart = f"{name.strip('-')[:40]}-{hashlib.sha256(ledger.encode()).hexdigest()[:12]}"
        return self.model_copy(update={"ledger": ledger, "branch": branch, "git_token": token, "_apart": apart})

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
        return self.database_url or sqlite_url(self.home / "shiftbook.db")


SETTING_NAMES = tuple(declared_fields(Settings))
"""Every setting, as a field."""


def is_secret(field: str) -> bool:
    """Whether a field's value is shown to nobody."""
    return isinstance(Settings.default_of(field), SecretText)


def secret_variables() -> frozenset[str]:
    """The variables that are secrets whatever they say; the database's URL may hold a password."""
    return frozenset(variable(name) for name in SETTING_NAMES if is_secret(name)) | {variable("database_url")}
