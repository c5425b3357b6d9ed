"""Which scopes has whoever brought an order by now? What a lost phone ordered counts no more once it is revoked."""

from __future__ import annotations

from orchestrator.api.auth.tokens import CallerKind
from orchestrator.core.ports.stores import Stores
from orchestrator.workflow.intents.order_inbox import OrderBringer


def scopes_in_force(stores: Stores, bringer: OrderBringer) -> frozenset[str]:
    """What they may do now: of a token or a device, what is kept of it; of a program of this machine, what it might.

    Raises StoreFailed.
    """
    if bringer.kind == CallerKind.DEVICE:
        device = stores.paired.find(bringer.device)
        return device.scopes if device is not None else frozenset()
    if not bringer.digest:
        return bringer.scopes
    token = stores.tokens.find(bringer.digest)
    if token is None:
        return frozenset()
    return token.scopes if bringer.kind == CallerKind.TOKEN else token.scopes & bringer.scopes
