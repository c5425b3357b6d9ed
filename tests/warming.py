"""What does the program work out once in each process, that a process which forks can have worked out before?

The tables' mapping, the schemas of the API's models, what the embedded model's file says of itself and, where a node
tells people something, the hundred modules of apprise: together they take as long as all else that a node's start does.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.adapters.models.gguf import read_gguf_info
from orchestrator.adapters.models.model_file import EmbeddedModel
from orchestrator.adapters.notifiers.apprise import AppriseNotifier
from orchestrator.api.app import create_app
from orchestrator.api.auth.tokens import Authenticator
from orchestrator.api.web.context import AppServices
from orchestrator.app import wiring
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from tests import app_schemas


def warm() -> None:
    """Makes a database and an app, and lets go of them. No thread, no connection and no file of it is left."""
    app_schemas.keep()
    AppriseNotifier(urls="json://localhost")  # asks nobody
    if weights := EmbeddedModel().source():
        read_gguf_info(weights)
    with tempfile.TemporaryDirectory(prefix="warm-") as folder:
        settings = Settings(home=Path(folder), node_id="warm", role=Role.HEADQUARTERS)
        stores = wiring.stores(settings)
        door = Authenticator(tokens=stores.tokens, now=_noon)
        create_app(AppServices(settings=settings, now=_noon, fleet=lambda: wiring.fleet(settings), door=door))
        stores.close()


def _noon() -> datetime:
    return datetime(2026, 11, 21, 12, tzinfo=UTC)
