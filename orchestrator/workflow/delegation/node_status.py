"""What does a node tell headquarters of itself, and who vouches for it? The report, signed by the node's own key.

A report has a number that grows, so that an old one that somebody recorded is not taken for the node's word of today;
the clocks of two machines are not compared.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from missions.plain_data import read_json
from orchestrator.core.errors import Refused, WrongSetting
from sync.signatures import Verifier

SIGNED_AS = b"shiftbook node report 1\n"
"""Stands before what is signed: no signature of a commit or of an announcement passes for one of a report."""
MAX_REPORT_CHARS = 16 * 1024
MAX_NUMBER = 2**53 - 1
"""The largest integer that every reader of JSON keeps."""
Word = Annotated[str, Field(min_length=1, max_length=100)]
Words = Annotated[list[Word], Field(max_length=64)]
Amount = Annotated[float, Field(ge=0, le=1e15)]


class NodeStatus(BaseModel):
    """How a node is. Load is that of a minute, disk in bytes, latency in milliseconds to headquarters and back.

    `today_usd` and `today_tokens` are what it spent since midnight (UTC).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    node: Word
    number: Annotated[int, Field(ge=0, le=MAX_NUMBER)]
    role: Word
    version: Word
    capabilities: Words = []
    agents: Words = []
    tasks: Words = []
    works_on: Words = []
    slots: Annotated[int, Field(ge=0, le=1000)] = 1
    load: Amount = 0.0
    cores: Annotated[int, Field(ge=1, le=100_000)] = 1
    disk_free: Amount = 0.0
    disk_total: Amount = 0.0
    latency_ms: Amount | None = None
    today_usd: Amount = 0.0
    today_tokens: Annotated[int, Field(ge=0, le=10**15)] = 0


def print_status(status: NodeStatus) -> str:
    """The report's text, which is what is signed."""
    return json.dumps(status.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def signed_bytes(report: str) -> bytes:
    """What a signature of a report is of."""
    return SIGNED_AS + report.encode("utf-8", "surrogatepass")


def read_status(report: str) -> NodeStatus:
    """A report as a value. Raises WrongSetting."""
    try:
        found: Any = read_json(report) if len(report) <= MAX_REPORT_CHARS else None
        return NodeStatus.model_validate(found)
    except ValidationError as error:
        place = ".".join(map(str, error.errors(include_input=False)[0]["loc"])) or "it"
        raise WrongSetting("report", f"{place} is not as it is said in the documents, docs/roles.md") from error
    except ValueError as error:
        raise WrongSetting("report", "it is no JSON") from error


def require_signed(signers: str, status: NodeStatus, report: str, signature: str) -> None:
    """Raises Refused where the node that a report names has not signed it; `signers` is the fleet's `allowed_signers`.

    A fleet without keys takes the word of whoever has a token.
    """
    if not signers.strip():
        return
    who = _verifier(signers).signer(signed_bytes(report), signature or None)
    if who is None or who.name != status.node or "node" not in who.roles:
        raise Refused("the report is not signed by that node's key (allowed_signers, role=node)")


@lru_cache(maxsize=2)
def _verifier(signers: str) -> Verifier:
    """One for all reports under one version of the keys: fifty nodes report in a minute."""
    return Verifier(signers, often=True)
