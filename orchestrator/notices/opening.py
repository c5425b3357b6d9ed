"""Out of what is a node's herald made?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from orchestrator.core.events import Tell
from orchestrator.core.ports.notifier import Courier
from orchestrator.core.ports.storage import Stores
from orchestrator.notices.herald import Herald
from orchestrator.notices.postman import Postman


def open_herald(
    name: str,
    of: str,
    courier: Courier | None,
    kept: Stores,
    *,
    tell: Tell,
    now: Callable[[], datetime],
    clock: Callable[[], float],
) -> Herald | None:
    """The herald of the node `name` in the ledger `of`; None where nothing carries messages."""
    if courier is None:
        return None
    postman = Postman(outgoing=kept.outgoing, courier=courier, tell=tell, now=now)
    return Herald(name=name, of=of, postman=postman, marks=kept.marks, tell=tell, clock=clock)
