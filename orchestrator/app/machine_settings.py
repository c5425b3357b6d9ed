"""How is a setting of this machine written down, where only its owner reads it?"""

from __future__ import annotations

import dotenv

from orchestrator.core.settings import Settings


def write_setting(settings: Settings, variable: str, value: str) -> None:
    """Sets a variable in the home folder's `.env`; its other lines stay."""
    path = settings.home / ".env"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)  # an address of apprise holds passwords
    dotenv.set_key(path, variable, value, quote_mode="auto")
