"""What does `fleet.toml` say of a project's dev services: what stands beside its tests, and when is it up?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from missions.declared.declared_table import made_by
from missions.declared.value_rules import After, Limits
from orchestrator.ledger.config.agent_tables import own_variables
from orchestrator.ledger.config.policy_tables import FleetTomlTable

if TYPE_CHECKING:
    from orchestrator.core.ports.agent import DevServiceSpec

SERVICE = re.compile(r"[a-z][a-z0-9-]{0,30}", re.ASCII)
MAX_SERVICES = 8
MAX_START_SECONDS = 600
Text = Annotated[str, Limits(max_length=1000)]


def _some(value: str) -> str:
    if not value.strip() or "\0" in value:
        raise ValueError("write a shell line")
    return value


def _port_names(value: tuple[str, ...]) -> tuple[str, ...]:
    own_variables(dict.fromkeys(value, ""))
    if len(set(value)) < len(value):
        raise ValueError("a variable is named twice")
    return value


class ServicePart(FleetTomlTable):
    """`[projects.NAME.services.SERVICE]`. It is started in the sandbox of a run, with what that sees of the network."""

    command: Annotated[str, Limits(max_length=4000), After(_some)]
    health: Annotated[str, Limits(max_length=1000)] = ""
    """A shell line that ends with 0 once it is up; empty: each of its ports takes a connection."""
    ports: Annotated[tuple[str, ...], Limits(max_length=10), After(_port_names)] = ()
    environment: Annotated[dict[str, Text], Limits(max_length=40), After(own_variables)] = made_by(factory=dict)
    start_seconds: Annotated[float, Limits(gt=0, le=MAX_START_SECONDS, allow_inf_nan=False)] = 60.0
    agents: bool = False
    """Whether it stands beside agents, too, and not beside the tests alone."""

    def check(self) -> None:
        """It can be told when it is up."""
        if not (self.health.strip() or self.ports):
            raise ValueError("say how it is known that it is up: health = a shell line, or ports")

    def spec(self, name: str) -> DevServiceSpec:
        """The same as a value."""
        from orchestrator.core.ports.agent import DevServiceSpec

        return DevServiceSpec(
            name=name,
            command=self.command,
            health=self.health.strip(),
            ports=self.ports,
            environment=self.environment,
            seconds=self.start_seconds,
            agents=self.agents,
        )


def check_services(services: Mapping[str, ServicePart]) -> None:
    """Each has a name, and no two say the same variable. Raises ValueError."""
    if len(services) > MAX_SERVICES:
        raise ValueError(f"services: {len(services)} services are more than {MAX_SERVICES}")
    said: dict[str, str] = {}
    for name, part in services.items():
        if not SERVICE.fullmatch(name):
            raise ValueError(f"services: {name!r}: write a name of small letters, digits and hyphens")
        for variable in (*part.ports, *part.environment):
            if variable in said:
                raise ValueError(f"services: {variable} is said by {said[variable]} and by {name}")
            said[variable] = name
