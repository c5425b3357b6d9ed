"""How does a machine use its link: who is it, what is it given, and where is that written down?"""

from __future__ import annotations

import hashlib
from pathlib import Path

import httpx

from missions.plain_data import read_json
from orchestrator.app import setup
from orchestrator.app.identity import ensure_keys, person_name
from orchestrator.app.joining.join_link import JOIN_PATH, JoinLink, proof_payload
from orchestrator.app.machine_settings import write_setting
from orchestrator.app.setup import LedgerSetup
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import OrchestratorError, Refused
from orchestrator.core.repository_address import clone_folder
from orchestrator.core.settings import Settings
from sync.git import Git

SECONDS = 120.0
"""Headquarters signs and pushes before it answers."""


class NotTakenIn(OrchestratorError):
    """Headquarters did not take this machine in, or cannot be reached. Nothing was written; try again."""


class TakenInBefore(NotTakenIn):
    """It did so by this very link, and this machine has used what it was given."""


def join_by_link(link: JoinLink, folder: Path | None, settings: Settings) -> LedgerSetup:
    """Joins the fleet of a link: its key is admitted, its tokens lie in the home's `.env`, the ledger is cloned.

    Repeating it is safe, and changes nothing once this machine is in. Raises Refused, before the link is shown, where
    this machine works for another fleet, NotTakenIn, and what `setup.join` raises.
    """
    if settings.ledger and settings.ledger != link.ledger:
        raise Refused(
            f"this machine's node works for {settings.ledger} already: for another fleet set another SHIFTBOOK_HOME"
        )
    place = folder or clone_folder(link.ledger)
    _, key = ensure_keys(settings, person_name(Git(Path.cwd())))
    digest = hashlib.sha256(link.token.encode()).hexdigest()
    try:
        given = _ask(link, {"key": key.public, "proof": key.sign(proof_payload(digest, key.public))})
    except TakenInBefore:
        ours = settings.ledger == link.ledger or settings.hq_url == link.server
        if not (ours and settings.git_token.get_secret_value()):
            raise
        return setup.join(link.ledger, place, settings)
    for variable, value in (
        ("SHIFTBOOK_NODE_ID", given["node"]),
        ("SHIFTBOOK_GIT_TOKEN", given["token"]),
        ("SHIFTBOOK_HQ_URL", link.server),
        ("SHIFTBOOK_HQ_TOKEN", given["token"]),
    ):
        write_setting(settings, variable, value)
    return setup.join(link.ledger, place, load_settings(home=settings.home))


def _ask(link: JoinLink, body: dict[str, str]) -> dict[str, str]:
    """Headquarters' answer. No redirect is followed: the token is for the address that the link names."""
    url = link.server + JOIN_PATH
    try:
        answer = httpx.post(
            url, json=body, headers={"Authorization": f"Bearer {link.token}"}, timeout=SECONDS, follow_redirects=False
        )
        said = read_json(answer.text)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise NotTakenIn(f"headquarters at {link.server} cannot be asked: {type(error).__name__}: {error}") from error
    if answer.status_code == 401:
        raise NotTakenIn("headquarters does not know this link (any more): `shiftbook fleet invite NAME` makes another")
    found = said if isinstance(said, dict) else {}
    if answer.status_code != 201 or not all(isinstance(found.get(name), str) for name in ("node", "token", "branch")):
        why = str(found.get("detail") or found.get("title") or "no answer of a headquarters")[:500]
        refused = TakenInBefore if answer.status_code == 409 else NotTakenIn
        raise refused(f"headquarters at {link.server} did not take this machine in ({answer.status_code}): {why}")
    return {name: str(found[name]) for name in ("node", "token", "branch")}
