"""How does headquarters invite a machine, and take in whoever shows the invitation's link first?

The link is for one machine: the first key that shows it owns it, and has to sign each time. That machine may show it
again after an answer that was lost; once it has used what it was given the link is over, and only says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from missions.errors import BadName
from missions.mission import slug
from orchestrator.app.joining.join_link import TOKEN_NAME, JoinLink, key_mark, proof_payload
from orchestrator.core.errors import OrchestratorError, Refused, WrongSetting
from orchestrator.core.ports.tokens import TokenRow, Tokens
from orchestrator.core.settings import Settings
from orchestrator.workflow.fleet import Fleet
from sync.signatures import Principal, Verifier

WORKER_SCOPES = ("git", "missions")
"""What the token of a worker opens: the ledger, and the stream that says when it moves."""
Mint = Callable[[str, tuple[str, ...], datetime | None], str]
"""Makes a token of a name, with scopes and an end, and returns its secret."""


class AlreadyIn(OrchestratorError):
    """The machine has used what the link gave it, and is in."""


@dataclass(frozen=True, kw_only=True)
class NodeAdmission:
    """What a machine that was taken in is given. `token` is for git and for headquarters' events."""

    node: str
    token: str
    branch: str


def invite(
    settings: Settings, fleet: Fleet, tokens: Tokens, mint: Mint, node: str, *, url: str, until: datetime
) -> JoinLink:
    """A link for a machine that will be called `node`. An older one for that name counts no more.

    Raises WrongSetting, and Refused for whoever could not let it in either.
    """
    try:
        named = slug(node)
    except BadName as error:
        raise WrongSetting("NAME", str(error)) from error
    if named != node:
        raise WrongSetting("NAME", f"a node's name has small letters, digits and dashes: {named}")
    if not settings.serve_git:
        raise Refused("this machine does not serve its ledger: say it at headquarters (SHIFTBOOK_SERVE_GIT=1)")
    address = (url or settings.public_url).rstrip("/")
    if not address:
        raise WrongSetting(
            "--url", "name the address under which workers reach this machine, or set SHIFTBOOK_PUBLIC_URL"
        )
    _require_free(fleet, tokens, node)
    tokens.revoke(TOKEN_NAME + node)
    secret = mint(TOKEN_NAME + node, ("join",), until)
    name = PurePosixPath(settings.ledger.removeprefix("file://").rstrip("/")).name.removesuffix(".git")
    return JoinLink(ledger=f"{address}/git/{name}.git", token=secret)


def _require_free(fleet: Fleet, tokens: Tokens, node: str) -> None:
    ledger = fleet.ledger()
    fleet.membership.require_member(ledger, "admin")
    if any(one.name == node for one in fleet.principals()):
        raise Refused("{0} is in the fleet already: take another name, or `shiftbook fleet revoke {0}` first", node)
    if any(row.name == node and row.revoked is None for row in tokens.listing()):
        raise Refused("a token is called {0} already: take another name, or `shiftbook token revoke {0}` first", node)


def accept(
    settings: Settings, fleet: Fleet, tokens: Tokens, mint: Mint, *, name: str, digest: str, key: str, proof: str
) -> NodeAdmission:
    """Takes in the machine that shows the token called `name`: admits its key, and gives it a token of its own.

    `key` is its node's public key, `proof` that key's signature over `proof_payload`. Raises Refused, AlreadyIn.
    """
    node = name.removeprefix(TOKEN_NAME)
    signer = Principal(name=node, roles=frozenset({"node"}), key=key)
    if node == name or Verifier(f"{signer.line}\n").signer(proof_payload(digest, key), proof) is None:
        raise Refused("the machine did not prove that the key is its own")
    if tokens.bind(digest, key_mark(key)) != key_mark(key):
        raise Refused("another machine has used this link: `shiftbook fleet invite NAME` makes one for this machine")
    given = _given_since(tokens, node, digest)
    if any(row.used is not None and row.revoked is None for row in given):
        if any(one.name == node and one.key == signer.key for one in fleet.principals()):
            raise AlreadyIn("this machine is in already, by this link")
        raise Refused("this machine is in already, by this link: who was taken out since comes in by a new one only")
    if given and all(one.name != node for one in fleet.principals()):
        raise Refused("this machine was in by this link and was taken out since: it comes in by a new one only")
    fleet.membership.admit(node, frozenset({"node"}), key)
    tokens.revoke(node)  # of an earlier answer that did not arrive
    return NodeAdmission(node=node, token=mint(node, WORKER_SCOPES, None), branch=settings.branch)


def _given_since(tokens: Tokens, node: str, digest: str) -> list[TokenRow]:
    """The tokens that a machine was given for the link of this digest."""
    rows = tokens.listing()
    made = next(row.created for row in rows if row.digest == digest)
    return [row for row in rows if row.name == node and row.created >= made]


def expiry(now: datetime, hours: int) -> datetime:
    """When a link ends."""
    return now + timedelta(hours=hours)
