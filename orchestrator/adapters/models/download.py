"""How is a large file downloaded over HTTP, whole, even when the line breaks?

It grows as NAME.part and is continued by a Range request; `If-Range` makes the server begin anew when the file changed
meanwhile. Its hash is checked before it gets its name, so what has the name is whole.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
from filelock import FileLock, Timeout

from missions.plain_data import read_json
from orchestrator.adapters.models import http, server_probe
from orchestrator.core import disk_space
from orchestrator.core.errors import ModelUnavailable, NotFound, OrchestratorError, Refused, WrongSetting
from sync import files
from sync.backoff import Backoff

Progress = Callable[[int, int], None]
"""Takes the bytes that are here and the bytes in all (0: the server does not say)."""

CHUNK_BYTES = 1024 * 1024
MAX_ATTEMPTS = 5
RETRY = Backoff(first=1.0, limit=16.0)
MAX_REDIRECTS = 5
READ_TIMEOUT_SECONDS = 60.0
FILE_NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,200}\.gguf")
SHA256_PATTERN = re.compile(r"[0-9a-f]{64}")


class DownloadFailedError(ModelUnavailable):
    """A file could not be fetched; what came so far is kept where that is of use."""


class _ConnectionLost(Exception):  # never leaves this file
    """The line broke."""


@dataclass(frozen=True, kw_only=True)
class DownloadSource:
    """Where a file is. `token` is sent to this host only; `sha256` is what it must come to, "" when nobody says."""

    url: str
    token: str = field(default="", repr=False)
    sha256: str = ""

    @property
    def name(self) -> str:
        """What the file is called here. Raises WrongSetting for a URL that names no GGUF file."""
        name = unquote(urlsplit(self.url).path).rpartition("/")[2]
        if not FILE_NAME_PATTERN.fullmatch(name):
            raise WrongSetting(
                server_probe.shown_url(self.url), "the address of a model ends in a plain name such as tiny.gguf"
            )
        return name


def download_file(
    source: DownloadSource, folder: Path, *, progress: Progress, sleep: Callable[[float], None] = time.sleep
) -> tuple[Path, str]:
    """Fetches a file into `folder`; returns where it is and its hash.

    Raises NotFound, Refused (another hash, a redirect elsewhere), DownloadFailedError, WrongSetting.
    """
    target = folder / source.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(target.with_suffix(".lock"), timeout=0):
            return _download(source, target, progress, sleep)
    except Timeout as error:
        raise DownloadFailedError(f"{target.name} is being fetched by another process") from error


def _download(
    source: DownloadSource, target: Path, progress: Progress, sleep: Callable[[float], None]
) -> tuple[Path, str]:
    if target.exists():
        found = _hash(target)
        if source.sha256 in ("", found):
            return target, found
    part, tries = target.with_name(target.name + ".part"), 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            promised = _download_rest(source, part, progress)
            break
        except _ConnectionLost as error:
            gained = part.exists() and part.stat().st_size > before
            tries = 0 if gained else tries + 1
            if tries >= MAX_ATTEMPTS:
                where = server_probe.shown_url(source.url)
                why = f"{where} breaks off ({error}): run the command again, it goes on from there"
                raise DownloadFailedError(why) from error
            sleep(RETRY.after(tries + 1))
    found, wanted = _hash(part), source.sha256 or promised
    if wanted and found != wanted:
        _forget(part)
        raise Refused(f"{target.name} has the hash {found}, not {wanted}: it was thrown away")
    files.move_into_place(part, target)
    _etag_path(part).unlink(missing_ok=True)
    return target, found


def _download_rest(source: DownloadSource, part: Path, progress: Progress) -> str:
    """Fetches what is missing; returns the hash that the server promised. Raises _BrokenOff."""
    have = part.stat().st_size if part.exists() else 0
    tag = _read_etag(part)
    headers = {"Range": f"bytes={have}-", "If-Range": tag} if have and tag else {}
    if not headers:
        have = 0
    try:
        with _opened(source, headers) as (response, promised):
            if response.status_code == 416:  # nothing is missing, or the file is another one now
                if response.headers.get("content-range") == f"bytes */{have}":
                    return promised
                _forget(part)
                raise _ConnectionLost("the file changed")
            if response.status_code == 206 and _range_start(response) != have:
                _forget(part)
                raise _ConnectionLost("the server sent another piece")
            have = have if response.status_code == 206 else 0
            _write(response, part, have, progress)
            return promised
    except httpx.TransportError as error:
        raise _ConnectionLost(str(error) or type(error).__name__) from error


def _write(response: httpx.Response, part: Path, have: int, progress: Progress) -> None:
    left = int(response.headers.get("content-length") or 0)
    free = disk_space.free_bytes(part.parent)
    if left + disk_space.MIN_FREE_BYTES_DOWNLOAD > free:
        need, room = left / 1e9, free / 1e9
        raise DownloadFailedError(f"{need:.1f} GB are still to come and {room:.1f} GB are free at {part.parent}")
    tag = response.headers.get("etag", "")
    _etag_path(part).write_text(json.dumps({"etag": tag if not tag.startswith("W/") else ""}), encoding="utf-8")
    with part.open("r+b" if have else "wb") as file:
        file.seek(have)
        file.truncate()
        for chunk in response.iter_bytes(CHUNK_BYTES):
            file.write(chunk)
            have += len(chunk)
            progress(have, have + max(0, left - response.num_bytes_downloaded) if left else 0)
    if left and response.num_bytes_downloaded != left:
        raise _ConnectionLost("the answer was shorter than it said")


@contextmanager
def _opened(source: DownloadSource, headers: Mapping[str, str]) -> Iterator[tuple[httpx.Response, str]]:
    """The answer behind any redirects, and the hash that was promised on the way."""
    url, promised = httpx.URL(source.url), ""
    first = (url.scheme, url.host, url.port)
    options = http.client_options(source.url, silence=READ_TIMEOUT_SECONDS)
    with httpx.Client(**options, headers={"Accept-Encoding": "identity"}) as client:
        for _ in range(MAX_REDIRECTS + 1):
            mine = (url.scheme, url.host, url.port) == first
            own = {"Authorization": f"Bearer {source.token}"} if source.token and mine else {}
            with client.stream("GET", url, headers={**headers, **own}) as response:
                linked = response.headers.get("x-linked-etag", "").strip('"')
                promised = linked if mine and SHA256_PATTERN.fullmatch(linked) else promised
                if response.is_redirect:
                    url = _next(url, response)
                    continue
                if response.status_code not in (200, 206, 416):
                    raise _failed(source, response.status_code)
                yield response, promised
                return
    raise Refused(f"{server_probe.shown_url(source.url)} sends from one place to the next")


def _next(url: httpx.URL, response: httpx.Response) -> httpx.URL:
    """Where a redirect leads. Raises Refused for what is not HTTP, or no longer encrypted."""
    try:
        found = url.join(response.headers["location"])
    except (httpx.InvalidURL, KeyError) as error:
        raise Refused(f"{server_probe.shown_url(str(url))} sends to an address that cannot be read") from error
    if found.scheme not in ("http", "https") or (url.scheme == "https" and found.scheme == "http"):
        raise Refused(f"{server_probe.shown_url(str(url))} sends to a {found.scheme}: address, which is not followed")
    return found


def _failed(source: DownloadSource, status: int) -> OrchestratorError:
    where = server_probe.shown_url(source.url)
    if status == 404:
        return NotFound(f"there is no {where}")
    if status in (401, 403):
        return Refused(f"{where} may not be fetched ({status}): for a closed model on Hugging Face set HF_TOKEN")
    if status >= 500 or status == 429:
        return DownloadFailedError(f"{where} answers {status}: try again later, it goes on where it stopped")
    return DownloadFailedError(f"{where} answers {status}")


def _range_start(response: httpx.Response) -> int:
    found = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
    return int(found[1]) if found else -1


def _etag_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_etag(part: Path) -> str:
    try:
        return str(read_json(_etag_path(part).read_text(encoding="utf-8"))["etag"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _etag_path(part).unlink(missing_ok=True)


def _hash(path: Path) -> str:
    made = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            made.update(chunk)
    return made.hexdigest()
