"""Push subscriptions: with which key does a browser subscribe, and when may it be rung for what?"""

from __future__ import annotations

from functools import cache

from flask import Response, jsonify
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import ServiceUnavailable

from orchestrator.api.auth.tokens import ANY_DEVICE
from orchestrator.api.routes.devices.state import current_stores
from orchestrator.api.web.auth_gate import READERS, caller, needs
from orchestrator.api.web.context import app_services
from orchestrator.app.factories import notifier_factory
from orchestrator.core.errors import WrongSetting
from orchestrator.core.own_installation import extra_command
from orchestrator.core.ports.push import PushCarrier, PushSubscription
from orchestrator.ledger.config import quiet_hours
from orchestrator.ledger.config.notification import NotificationKind
from orchestrator.node.notifications.rung_devices import TOKEN_PREFIX, RungDevices

KINDS = tuple(kind.value for kind in NotificationKind)


class PushKeyAnswer(BaseModel):
    """The node's public key, as `pushManager.subscribe` takes it, and the kinds that there are."""

    key: str
    kinds: list[str]


class BrowserKeys(BaseModel):
    """The browser's keys, in base64url."""

    p256dh: str = Field(max_length=200)
    auth: str = Field(max_length=100)


class PushWishes(BaseModel):
    """What `PushSubscription.toJSON()` says, and what the device wants to be rung for, and when not."""

    model_config = ConfigDict(extra="forbid")
    endpoint: str = Field(max_length=1000)
    keys: BrowserKeys
    key: str = Field(max_length=100, description="The node's key with which the browser subscribed")
    kinds: list[str] = Field(default=[], max_length=len(KINDS), description="Empty: all")
    quiet: str = Field("", max_length=20, description="Such as 22:00-07:00; empty: never")
    timezone: str = Field("UTC", max_length=60)


class PushState(BaseModel):
    """Whether this caller's device is rung, for what, and when not."""

    subscribed: bool
    endpoint: str = ""
    kinds: list[str] = []
    quiet: str = ""
    timezone: str = "UTC"
    current: bool = False
    """Whether it subscribed with the key that this node has now."""


@cache
def blueprint() -> APIBlueprint:
    """The routes of this noun."""
    routes = APIBlueprint("push", __name__, url_prefix="/api/v1/push")

    @routes.get("/key", summary="The key with which browsers subscribe", responses={200: PushKeyAnswer})
    @needs(*READERS, "chat", devices=True)
    def key() -> Response:
        return jsonify({"key": _carrier().public_key, "kinds": list(KINDS)})

    @routes.get("/subscriptions", summary="Whether this device is rung", responses={200: PushState})
    @needs(*READERS, "chat", devices=True)
    def state() -> Response:
        stores = current_stores()
        rung = RungDevices(paired=stores.paired, tokens=stores.tokens, now=app_services().now)
        mine = next((one for one in stores.push.every() if one.device == _device()), None)
        return _state(mine if mine and rung.may_ring(mine.device, mine.created) else None)

    @routes.put("/subscriptions", summary="Has this device rung", responses={200: PushState})
    @needs(*READERS, "chat", devices=True)
    def subscribe(body: PushWishes) -> Response:
        """One subscription a device: what it said before is replaced. An address must be https and public."""
        made = _subscription(body)
        _carrier().check(made)
        current_stores().push.put(made, app_services().now())
        return _state(made)

    @routes.delete("/subscriptions", summary="Has this device rung no more", responses={200: PushState})
    @needs(*READERS, "chat", devices=True)
    def unsubscribe() -> Response:
        current_stores().push.remove(_device())
        return _state(None)

    return routes


def _device() -> str:
    """Whose subscription it is: the device behind the token, else the token itself."""
    own = caller().device
    return own if own and own != ANY_DEVICE else f"{TOKEN_PREFIX}{caller().name}"[:100]


def _carrier() -> PushCarrier:
    found = notifier_factory.push_carrier(app_services().settings)
    if found is None:
        raise ServiceUnavailable(f"what rings browsers is not installed: {extra_command('devices')}")
    return found


def _subscription(body: PushWishes) -> PushSubscription:
    """Raises WrongSetting."""
    unknown = [kind for kind in body.kinds if kind not in KINDS]
    if unknown:
        raise WrongSetting("kinds", f"some of {', '.join(KINDS)}")
    try:
        quiet_hours.read(body.quiet, body.timezone)
    except ValueError as error:
        raise WrongSetting("quiet", str(error)) from error
    return PushSubscription(
        device=_device(),
        endpoint=body.endpoint,
        p256dh=body.keys.p256dh,
        auth=body.keys.auth,
        server_key=body.key,
        kinds=tuple(dict.fromkeys(body.kinds)),
        quiet=body.quiet.strip(),
        timezone=body.timezone,
    )


def _state(mine: PushSubscription | None) -> Response:
    if mine is None:
        return jsonify(PushState(subscribed=False).model_dump())
    found = PushState(
        subscribed=True,
        endpoint=mine.endpoint,
        kinds=list(mine.kinds),
        quiet=mine.quiet,
        timezone=mine.timezone,
        current=mine.server_key == _carrier().public_key,
    )
    return jsonify(found.model_dump())
