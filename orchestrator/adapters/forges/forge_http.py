"""How does one request to a forge's API go over HTTP, and what does its refusal mean in one line?

The token goes to one host, in a header: a redirect is told and never followed. Nothing is sent again by itself; an
answer has an end in bytes and in time; what a forge says in a refusal is shortened, printable and redacted.
"""

from __future__ import annotations

import ipaddress
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from handoff.secrets.excerpts import redacted_line
from missions.plain_data import read_json
from orchestrator.core.background import run_in_background
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.forge import ForgeFailed

if TYPE_CHECKING:
    import httpx  # loaded where it is used: a node without a forge saves its 7 MiB

MAX_ANSWER_BYTES = 4 * 1024 * 1024
STEP_SECONDS, WHOLE_SECONDS = 10.0, 40.0
"""Seconds for each step of a request, and for all of it."""
MAX_LATER_SECONDS = 86_400.0
MAX_SAID_CHARS = 200
MAX_ETAG_CHARS = 300
MAX_ERRORS, MAX_READ_CHARS = 10, 4000
UNTOLD_SECONDS = 60.0
"""Seconds after which a forge is asked again that is asked too often, and does not say when."""
SECOND_LIMIT = re.compile(r"(?i)secondary rate limit|abuse detection")
ARCHIVED = re.compile(r"(?i)\barchived\b")
Params = Mapping[str, "str | int"]


@dataclass(frozen=True, kw_only=True)
class ForgeAnswer:
    """What came: its status, what it says as plain data, and the headers that are of use."""

    status: int
    data: Any
    etag: str = ""
    scopes: str | None = None
    """What `X-OAuth-Scopes` says, where it is there."""
    more: bool | None = None
    """Whether a list has another page; None where the forge does not say."""
    total: int | None = None
    """How many rows a list has in all, where the forge says so."""


@dataclass(frozen=True, kw_only=True)
class ForgeHttp:
    """Asks one API. `auth` are the headers with the token; `now` is what dates in `Retry-After` are held against."""

    api: str
    auth: Mapping[str, str] = field(repr=False)
    agent: str = "shiftbook"
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    whole_seconds: float = WHOLE_SECONDS

    def __post_init__(self) -> None:
        """Raises WrongSetting for an address that a token must not be sent to."""
        parts = urlsplit(self.api)
        host = parts.hostname or ""
        if parts.username is not None or parts.password is not None:
            raise WrongSetting("forge", "write its address without a user and a password: tokens are settings")
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(host)):
            raise WrongSetting("forge", f"{host or self.api} is not asked without TLS: write https://…")

    def get(self, route: str, params: Params | None = None, *, etag: str = "") -> ForgeAnswer:
        """Reads. With `etag` an answer 304 has no data. Raises ForgeFailed."""
        return self._ask("GET", route, params, None, {"If-None-Match": etag} if etag else {})

    def write(self, method: str, route: str, body: Mapping[str, Any]) -> ForgeAnswer:
        """Writes, once. Raises ForgeFailed; with the status 0 nobody knows whether it was done."""
        return self._ask(method, route, None, body, {})

    def _ask(
        self, method: str, route: str, params: Params | None, body: Mapping[str, Any] | None, more: Mapping[str, str]
    ) -> ForgeAnswer:
        """In a thread that is left alone when its time is over: a head may come byte by byte for days."""
        made: list[ForgeAnswer | ForgeFailed] = []

        def run() -> None:
            try:
                made.append(self._send(method, route, params, body, more))
            except ForgeFailed as error:
                made.append(error)
            except Exception as error:  # of a library that met what it was not made for
                made.append(ForgeFailed(f"{self.host}: asking it failed ({type(error).__name__})"))

        run_in_background("forge", run, threading.Event(), wait_seconds=self.whole_seconds)()
        found = made[0] if made else ForgeFailed(f"{self.host} took longer than {self.whole_seconds:g} s")
        if isinstance(found, ForgeFailed):
            raise found
        return found

    @property
    def host(self) -> str:
        """The forge, as people are told of it."""
        return urlsplit(self.api).netloc

    def _send(
        self, method: str, route: str, params: Params | None, body: Mapping[str, Any] | None, more: Mapping[str, str]
    ) -> ForgeAnswer:
        import httpx

        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": self.agent}
        headers |= {**self.auth, **more}
        over = self.clock() + self.whole_seconds
        tls = self.api.startswith("https:")  # else nothing is checked, and what checks takes long to load
        try:
            with (
                httpx.Client(timeout=STEP_SECONDS, follow_redirects=False, verify=tls) as client,
                client.stream(method, f"{self.api}{route}", params=params, json=body, headers=headers) as answer,
            ):
                said = self._body(answer, over)
                return self._understood(answer, said)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise ForgeFailed(f"{self.host} does not answer ({type(error).__name__})") from error

    def _body(self, answer: httpx.Response, over: float) -> bytes:
        if answer.headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}:
            raise ForgeFailed(f"{self.host} packs what nobody asked to be packed", status=answer.status_code)
        found = bytearray()
        for piece in answer.iter_raw():
            found += piece
            if len(found) > MAX_ANSWER_BYTES:
                words = f"{self.host} answers with more than {MAX_ANSWER_BYTES // 1024**2} MiB"
                raise ForgeFailed(words, status=answer.status_code)
            if self.clock() > over:
                raise ForgeFailed(f"{self.host} took longer than {self.whole_seconds:g} s")
        return bytes(found)

    def _understood(self, answer: httpx.Response, said: bytes) -> ForgeAnswer:
        status = answer.status_code
        if 300 <= status < 400 and status != 304:
            raise ForgeFailed(self._moved(answer.headers.get("Location", "")), status=status)
        try:
            data = read_json(said) if said.strip() else None
        except ValueError:
            data = None
        if status >= 400:
            raise self._refused(answer, data)
        if data is None and said.strip():
            raise ForgeFailed(f"{self.host} answers with what is no JSON", status=status)
        etag = answer.headers.get("ETag", "")
        return ForgeAnswer(
            status=status,
            data=data,
            etag=etag if len(etag) <= MAX_ETAG_CHARS and etag.isprintable() else "",
            scopes=answer.headers.get("X-OAuth-Scopes"),
            more=_has_more(answer.headers),
            total=_total(answer.headers),
        )

    def _moved(self, to: str) -> str:
        """What a redirect says: a project that got another name is led to on the same host."""
        place = urlsplit(to).netloc or (self.host if to.startswith("/") else "another address")
        if place == self.host:
            return f"{self.host} says that the project was renamed or moved: write its new address into fleet.toml"
        words = f"{self.host} leads to {redacted_line(place, 100)}, where the token is not sent"
        return f"{words}: write that address into fleet.toml if it is yours"

    def _refused(self, answer: httpx.Response, data: Any) -> ForgeFailed:
        """One line on a refusal. A 403 is a lack of rights only where it is no limit of rate, which GitHub's second one
        says in words alone at times.
        """
        status, headers, words = answer.status_code, answer.headers, refusal_words(data)
        spent = headers.get("X-RateLimit-Remaining", headers.get("RateLimit-Remaining", "")) == "0"
        limited = spent or "Retry-After" in headers or SECOND_LIMIT.search(words) is not None
        limited = status == 429 or (status == 403 and limited)
        if limited or (status >= 500 and "Retry-After" in headers):
            seconds = self._later(headers, spent=spent)
            return ForgeFailed(
                f"{self.host} is asked too often: again in {seconds:g} s", status=status, seconds=seconds
            )
        archived = status == 423 or (status == 403 and ARCHIVED.search(words) is not None)
        told = {
            401: "does not take the token, which may have expired (SHIFTBOOK_FORGE_TOKENS)",
            403: "takes nothing: the project is archived there" if archived else "refuses: the token lacks a right",
            404: "has no such thing, or the token may not see it",
            405: "does not allow that now",
            409: "says that something stands in the way",
            422: "does not take what was asked",
            423: "takes nothing: the project is archived there",
        }.get(status, f"answers {status}")
        return ForgeFailed(
            f"{self.host} {told}{f': {words}' if words else ''}",
            status=status,
            right=status in {401, 403} and not archived,
        )

    def _later(self, headers: httpx.Headers, *, spent: bool) -> float:
        """In how many seconds it may be asked again."""
        wait, reset = headers.get("Retry-After", ""), ""
        if wait.isascii() and wait.isdigit():
            return min(MAX_LATER_SECONDS, max(1.0, float(wait[:9])))
        if spent:
            reset = headers.get("X-RateLimit-Reset", headers.get("RateLimit-Reset", ""))
        try:
            at = _moment(wait) if wait else float(int(reset[:12]))
        except (ValueError, TypeError):
            return UNTOLD_SECONDS
        return min(MAX_LATER_SECONDS, max(1.0, at - self.now().timestamp()))


def _has_more(headers: httpx.Headers) -> bool | None:
    """Whether a list goes on, by `Link`, or by GitLab's own header."""
    link = headers.get("Link")
    if link is not None:
        return re.search(r';\s*rel="?next\b', link) is not None
    following = headers.get("X-Next-Page")
    return None if following is None else following.strip() != ""


def _total(headers: httpx.Headers) -> int | None:
    said = headers.get("X-Total-Count", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else None


def refusal_words(data: Any) -> str:
    """What a forge says in a refusal, in one line without secrets; empty where it says nothing plain."""
    if not isinstance(data, dict):
        return ""
    said = list(_flat([data.get(name) for name in ("message", "error", "error_description", "errors")]))
    return redacted_line("; ".join(dict.fromkeys(said)), MAX_SAID_CHARS)


def _flat(told: list[Any]) -> Iterator[str]:
    """The words of a refusal: texts, lists of them, and what each error has as its message."""
    for each in told[:MAX_ERRORS]:
        found = each.get("message") if isinstance(each, dict) else each
        if isinstance(found, str):
            yield found
        elif isinstance(found, list):
            yield from _flat([one for one in found if not isinstance(one, list)])


def _moment(words: str) -> float:
    """A date of HTTP in seconds since 1970. Raises ValueError."""
    when = parsedate_to_datetime(words)
    return when.replace(tzinfo=when.tzinfo or UTC).timestamp()


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
