"""Which secrets does an Infisical server keep for this node?

Two requests of its REST API by httpx, which is here anyway: a machine identity logs in (universal auth), and one folder
of one environment is listed. Its SDK makes the same two and brings requests, boto3 and botocore with it, which are for
identities of AWS alone (17 MB as wheels), and waits about 15 s before it says that a server is not there.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from missions.plain_data import read_json
from orchestrator.core.background import run_in_background
from orchestrator.core.errors import SecretsUnavailable, WrongSetting

if TYPE_CHECKING:
    import httpx  # a command pays for it only where such a server is set

LOGIN = "/api/v1/auth/universal-auth/login"
SECRETS, FORMER_SECRETS = "/api/v4/secrets", "/api/v3/secrets/raw"
"""The second is what servers had before 2025; the same answer, with another name for the project."""
TIMEOUT_SECONDS, CONNECT_SECONDS = 10.0, 5.0
"""Of each read and of a connection; a server that sends a byte now and then keeps within them for ever."""
DEADLINE_SECONDS = 30.0
"""Of all that is asked at a start together."""
MAX_ANSWER_BYTES = 1024 * 1024
VARIABLE = "SHIFTBOOK_INFISICAL_URL"


@dataclass(frozen=True, kw_only=True)
class SecretServer:
    """Where the secrets are, and as whom they are asked for."""

    url: str
    project: str
    environment: str
    path: str
    client_id: str
    client_secret: str = field(repr=False)

    def __post_init__(self) -> None:
        """Raises WrongSetting for what cannot be asked, in one line, before anything is sent."""
        for variable, value in (
            ("SHIFTBOOK_INFISICAL_PROJECT", self.project),
            ("SHIFTBOOK_INFISICAL_CLIENT_ID", self.client_id),
            ("SHIFTBOOK_INFISICAL_CLIENT_SECRET", self.client_secret),
        ):
            if not value:
                raise WrongSetting(variable, f"{VARIABLE} is set, and this is not")
        try:
            parts = urlsplit(self.url)
        except ValueError as error:
            raise WrongSetting(VARIABLE, "this is no address: write https://HOST") from error
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(parts.hostname or "")):
            raise WrongSetting(VARIABLE, "write https://…: secrets travel by it")


def read_secrets(
    server: SecretServer, *, transport: httpx.BaseTransport | None = None, deadline: float = DEADLINE_SECONDS
) -> dict[str, str]:
    """Every secret of the folder, its imports too, by name; the folder's own go before imported ones.

    Raises SecretsUnavailable: `passing` where asking again may help, as after `deadline` seconds. `transport` is for
    tests.
    """
    found, failed = list[dict[str, str]](), list[Exception]()

    def ask() -> None:
        try:
            found.append(_ask(server, transport))
        except Exception as error:  # raised again below, where somebody waits for it
            failed.append(error)

    run_in_background("secret-server", ask, threading.Event(), wait_seconds=deadline)()
    for error in failed:
        raise error
    for secrets in found:
        return secrets
    raise SecretsUnavailable(server.url, f"it has not said all within {deadline:g} s", passing=True)


def _ask(server: SecretServer, transport: httpx.BaseTransport | None) -> dict[str, str]:
    import httpx

    timeout = httpx.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS)
    try:
        with httpx.Client(base_url=server.url, timeout=timeout, transport=transport) as client:
            found = _listing(client, server, _log_in(client, server))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise SecretsUnavailable(server.url, f"it does not answer ({type(error).__name__})", passing=True) from error
    return dict(_pairs(server, found))


def _log_in(client: httpx.Client, server: SecretServer) -> str:
    body = {"clientId": server.client_id, "clientSecret": server.client_secret}
    token = _asked(server, "log in", client.build_request("POST", LOGIN, json=body), client).get("accessToken")
    if not isinstance(token, str) or not token.isprintable():
        raise SecretsUnavailable(server.url, "its answer is not Infisical's")
    return token


def _listing(client: httpx.Client, server: SecretServer, token: str) -> Mapping[str, Any]:
    asked = {"environment": server.environment, "secretPath": server.path, "viewSecretValue": "true"}
    asked |= {"expandSecretReferences": "true"}
    headers = {"Authorization": f"Bearer {token}"}
    now = asked | {"projectId": server.project, "includeImports": "true"}
    before = asked | {"workspaceId": server.project, "include_imports": "true"}
    request = client.build_request("GET", SECRETS, params=now, headers=headers)
    try:
        return _asked(server, "read", request, client)
    except SecretsUnavailable as error:
        if error.status != 404:
            raise
    request = client.build_request("GET", FORMER_SECRETS, params=before, headers=headers)
    return _asked(server, "read", request, client)


def _asked(server: SecretServer, what: str, request: httpx.Request, client: httpx.Client) -> Mapping[str, Any]:
    """What it answers. Nothing that was sent or answered stands in an error."""
    found = bytearray()
    answer = client.send(request, stream=True, follow_redirects=False)
    try:
        for piece in answer.iter_bytes():
            found += piece
            if len(found) > MAX_ANSWER_BYTES:
                raise SecretsUnavailable(server.url, "its answer is too large")
    finally:
        answer.close()
    status = answer.status_code
    if status != 200:
        passing = status == 429 or status >= 500
        raise SecretsUnavailable(server.url, _refusal(what, status), passing=passing, status=status)
    try:
        read = read_json(bytes(found))
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise SecretsUnavailable(server.url, "its answer is not Infisical's")
    return read


def _refusal(what: str, status: int) -> str:
    if status in (400, 401) and what == "log in":
        return "it does not take SHIFTBOOK_INFISICAL_CLIENT_ID with its secret"
    if status in (401, 403):
        return "this identity may not read there: give it the project's environment and folder, with their values"
    if status == 404:
        return (
            "it has no such project, environment or folder "
            "(SHIFTBOOK_INFISICAL_PROJECT, SHIFTBOOK_INFISICAL_ENVIRONMENT, SHIFTBOOK_INFISICAL_PATH)"
        )
    return f"it answered {status}"


def _pairs(server: SecretServer, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and values, the ones that count last."""
    imports = found.get("imports") or []
    groups = [each.get("secrets") for each in imports if isinstance(each, dict)] if isinstance(imports, list) else []
    for group in (*groups, found.get("secrets")):
        if not isinstance(group, list):
            raise SecretsUnavailable(server.url, "its answer is not Infisical's")
        for each in group:
            if not isinstance(each, dict) or not isinstance(each.get("secretKey"), str):
                raise SecretsUnavailable(server.url, "its answer is not Infisical's")
            if each.get("secretValueHidden") is True:  # what stands there then is a word of the server's
                raise SecretsUnavailable(server.url, f"this identity may not see the value of {each['secretKey']!r}")
            yield each["secretKey"], str(each.get("secretValue") or "")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
