"""When is the carrier that rings browsers made? Late, with the first push: until then nothing that seals is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from orchestrator.core.errors import WrongSetting
from orchestrator.core.own_installation import extra_command
from orchestrator.core.ports.notifier import NotDelivered
from orchestrator.core.ports.push import PushCarrier, PushMessage, PushSubscription


@dataclass(frozen=True)
class LatePushCarrier:
    """ports.PushCarrier. `make` makes the real one, once; it raises WrongSetting for a key that cannot be read."""

    make: Callable[[], PushCarrier | None]

    @cached_property
    def carrier(self) -> PushCarrier:
        """The real one. Raises WrongSetting."""
        made = self.make()
        if made is None:
            raise WrongSetting("push", f"what rings browsers is not installed: {extra_command('devices')}")
        return made

    @property
    def public_key(self) -> str:
        """With what browsers subscribe."""
        return self.carrier.public_key

    def check(self, to: PushSubscription) -> None:
        """Raises WrongSetting for what could never be rung."""
        self.carrier.check(to)

    def send(self, to: PushSubscription, message: PushMessage) -> None:
        """Hands a message over. A key that cannot be read keeps it in the outbox, with the reason."""
        try:
            carrier = self.carrier
        except WrongSetting as error:
            raise NotDelivered(str(error)) from error
        carrier.send(to, message)
