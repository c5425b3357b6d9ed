"""What does git find in its environment? What a call means, and nothing of what ours happens to have."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment without GIT_* (a caller's GIT_DIR would redirect us), never prompting, in English, and with
    repositories made for SHA-1 whatever git's own settings say: a ledger's clones and its server must be of one kind.

    Every object is what its name says: whoever may push refs/replace/ could have git read another in its place.
    """
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    kept = {key: os.environ[key] for key in ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO") if key in os.environ}
    ours = {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_DEFAULT_HASH": "sha1", "LC_ALL": "C"}
    return env | kept | ours | dict(extra or {})


def quarantine_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Where git keeps what a push brought until its hook has judged it (git-receive-pack(1), "Quarantine")."""
    names = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH")
    return {name: environ[name] for name in names if name in environ}


def bearer_environment(url: str, token: str) -> dict[str, str]:
    """What makes git show a token to the server of an http(s) URL, and to no other; nothing for other URLs.

    In the environment (git-config(1), GIT_CONFIG_COUNT), because everybody on the machine can read a command line.
    """
    found = re.match(r"https?://[^/]+", url)
    if not token or not found:
        return {}
    key, value = f"http.{found[0]}/.extraHeader", f"Authorization: Bearer {token}"
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": value}
