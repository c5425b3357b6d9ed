"""Which notifier carries what people are told: which adapter rings their devices, and which writes to them?

Each part is imported by the function that makes it: most nodes ring nobody.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from orchestrator.app.factories.telegram_factory import telegram_notifier
from orchestrator.app.wiring import now
from orchestrator.core.errors import WrongSetting
from orchestrator.core.own_installation import extra_command

if TYPE_CHECKING:
    from orchestrator.adapters.notifiers.web_push import WebPushCarrier
    from orchestrator.core.ports.notifier import Notifier
    from orchestrator.core.ports.push import PushCarrier
    from orchestrator.core.settings import Settings


def notifier(settings: Settings) -> Notifier | None:
    """What carries messages to people; None where no address is set. Raises WrongSetting."""
    found = [each for each in (_apprise(settings), telegram_notifier(settings)) if each is not None]
    if len(found) < 2:
        return next(iter(found), None)
    from orchestrator.adapters.notifiers.joined import JoinedNotifier

    return JoinedNotifier(tuple(found))


def _apprise(settings: Settings) -> Notifier | None:
    urls = settings.notify.get_secret_value()
    if not urls.strip():
        return None
    if find_spec("apprise") is None:
        raise WrongSetting("SHIFTBOOK_NOTIFY", f"what tells people is not installed: {extra_command('notify')}")
    from orchestrator.adapters.notifiers.apprise import AppriseNotifier

    return AppriseNotifier(urls=urls)


def push_carrier(settings: Settings) -> WebPushCarrier | None:
    """What rings browsers; None where the extra for it is not installed. Raises WrongSetting."""
    if find_spec("cryptography") is None:
        return None
    from orchestrator.adapters.notifiers.push_key import push_key
    from orchestrator.adapters.notifiers.web_push import WebPushCarrier

    return WebPushCarrier(
        key=push_key(settings.home), contact=settings.push_contact, now=now, private=settings.push_private
    )


def late_push_carrier(settings: Settings) -> PushCarrier | None:
    """The same, made when the first message leaves: what seals it takes 8 MiB, and most nodes ring nobody."""
    if find_spec("cryptography") is None:
        return None
    from orchestrator.adapters.notifiers.late_push import LatePushCarrier

    return LatePushCarrier(lambda: push_carrier(settings))


def rotate_push_key(settings: Settings) -> None:
    """Takes the key for pushes away, so that a new one is made. Raises WrongSetting where the extra is missing."""
    if find_spec("cryptography") is None:
        raise WrongSetting("rotate-key", f"what rings browsers is not installed: {extra_command('devices')}")
    from orchestrator.adapters.notifiers.push_key import rotate_push_key as rotate

    rotate(settings.home)
