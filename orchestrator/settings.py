"""What does the environment say this node is and may do?

Read from environment variables, then `.env` in the working folder, then `.env` in the home folder. A value that
cannot be used is one line that names the variable, and exit code 2.
"""

from __future__ import annotations

import platform
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from missions.errors import BadName
from missions.mission import slug
from orchestrator.errors import WrongSetting
from orchestrator.roles import Role


def default_home() -> Path:
    """Where this machine keeps its keys, its clone of the ledger and its own database."""
    return Path(platformdirs.user_data_dir("shiftbook", appauthor=False))


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
    slots: int = Field(default=1, ge=1, le=64, validation_alias=AliasChoices("SHIFTBOOK_SLOTS"))
    capabilities: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(), validation_alias=AliasChoices("SHIFTBOOK_CAPABILITIES")
    )
    accept_delegations: bool = Field(default=True, validation_alias=AliasChoices("ACCEPT_DELEGATIONS"))
    enable_vp_coder: bool = Field(default=True, validation_alias=AliasChoices("ENABLE_VP_CODER"))

    @field_validator("role", mode="before")
    @classmethod
    def _role(cls, value: Any) -> Role:
        return value if isinstance(value, Role) else Role.read(str(value))

    @field_validator("capabilities", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return frozenset(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

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


def load(**overrides: Any) -> Settings:
    """The settings in force. Raises WrongSetting, which names the variable."""
    try:
        home = Settings(_env_file=".env", **overrides).home  # type: ignore[call-arg]  # pydantic-settings' own word
        return Settings(_env_file=(home / ".env", ".env"), **overrides)  # type: ignore[call-arg]
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        name = str(first["loc"][0])
        raise WrongSetting(name, f"{message[0].lower()}{message[1:]}, not {first.get('input')!r}") from error
