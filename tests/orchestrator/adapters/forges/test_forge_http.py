"""Does a forge, or who speaks in its place, get a token that is not for it, or more of this node than is allowed?"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

import pytest

from orchestrator.adapters.forges.forge_http import MAX_ANSWER_BYTES, ForgeHttp, refusal_words
from orchestrator.adapters.forges.forge_reading import commit, number, part, rows, text, web_address
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.forge import ForgeFailed
from tests.loopback import LoopbackServer
from tests.waiting import PATIENCE

TOKEN = "forge-token-of-the-bot-1234567890"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def server(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A server that answers like this; with its address, and the tokens that it was shown."""
    shown: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            shown.append(self.headers.get("Authorization", ""))
            with suppress(OSError):
                answer(self)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    made = LoopbackServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_address[1]}", shown
    finally:
        made.shutdown()
        made.server_close()
        thread.join(PATIENCE)


def said(status: int, body: bytes = b"{}", **headers: str) -> Answer:
    """An answer with these words."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def asking(url: str, **more: float) -> ForgeHttp:
    """A client with the token, at a time that stands still."""
    return ForgeHttp(api=url, auth={"Authorization": f"Bearer {TOKEN}"}, now=lambda: NOW, **more)  # type: ignore[arg-type]


def failure(answer: Answer, **more: float) -> ForgeFailed:
    """What one question comes to."""
    with server(answer) as (url, _), pytest.raises(ForgeFailed) as failed:
        asking(url, **more).get("/thing")
    return failed.value


def test_a_token_does_not_follow_a_redirect() -> None:
    """Neither to another host nor to another port: where it leads is told, and nobody is asked there."""
    with server(said(200)) as (elsewhere, shown):
        for status in (301, 302, 307, 308):
            with server(said(status, Location=f"{elsewhere}/thing")) as (url, first):
                with pytest.raises(ForgeFailed, match="where the token is not sent"):
                    asking(url).get("/thing")
                assert first == [f"Bearer {TOKEN}"]
        assert shown == []


@pytest.mark.parametrize(
    "api", ["http://git.example.org/api", "https://me:secret@git.example.org", "ftp://x", "git.example.org"]
)
def test_a_token_goes_over_tls_or_stays_here(api: str) -> None:
    """Before anything is sent; and an address holds no password."""
    with pytest.raises(WrongSetting) as wrong:
        ForgeHttp(api=api, auth={})
    assert "secret" not in str(wrong.value).replace("a user and a password", "")


def test_an_answer_has_an_end() -> None:
    """One that would have a gigabyte is left after four megabytes."""
    sent: list[int] = []

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(1024**3))
        handler.end_headers()
        for _ in range(1024):
            handler.wfile.write(b" " * 1024**2)
            sent.append(1)

    assert "more than 4 MiB" in str(failure(flood))
    assert len(sent) < 100 * MAX_ANSWER_BYTES // 1024**2


def test_a_packed_answer_is_not_unpacked() -> None:
    """It may grow a thousandfold."""
    bomb = gzip.compress(b" " * 50 * 1024**2)
    assert "packs what nobody asked" in str(failure(said(200, bomb, Content_Encoding="gzip")))


def test_a_server_that_never_ends_its_head_is_left_alone() -> None:
    """Each byte is a sign of life, and the whole has a limit."""
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: ")
        while not over.wait(0.05):
            handler.wfile.write(b"a")

    try:
        failed = failure(drip, whole_seconds=0.5)
    finally:
        over.set()
    assert (failed.status, "took longer than 0.5 s" in str(failed)) == (0, True)


def test_a_lost_answer_is_told_as_lost() -> None:
    """Status 0: whoever asked has to look."""

    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.close()

    assert failure(hang_up).status == 0
    with pytest.raises(ForgeFailed, match="does not answer") as failed:
        asking("http://127.0.0.1:9").get("/")
    assert failed.value.status == 0


@pytest.mark.parametrize("body", [b"<html>", b"[" * 100_000, b"\xff\xfe", b'{"a": '])
def test_what_is_no_json_is_told_in_one_line(body: bytes) -> None:
    """Whatever it is."""
    assert "no JSON" in str(failure(said(200, body)))


def test_a_refusal_is_one_line_without_secrets() -> None:
    """What a forge says is shortened, printable and redacted."""
    words = "bad \x1b[31m\ntoken ghp_Zk3Qw8Xr1Vt6Yb2Nc9Lm4Pd7Hs5Jf0GaUeRo"
    told = json.dumps({"message": words, "errors": [{"message": "no"}]}).encode()
    line = str(failure(said(422, told)))
    assert "does not take what was asked: bad" in line
    assert "ghp_" not in line
    assert line.isprintable()
    assert len(str(failure(said(422, b'{"message": "' + b"x" * 9000 + b'"}')))) < 400


def test_each_refusal_has_its_words() -> None:
    """A person reads what to do, not a number."""
    for status, words in (
        (401, "SHIFTBOOK_FORGE_TOKENS"),
        (403, "lacks a right"),
        (404, "no such thing"),
        (405, "now"),
    ):
        failed = failure(said(status))
        assert (failed.status, words in str(failed)) == (status, True)
        assert failed.right == (status in {401, 403})


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "120"}, 120.0),
        ({"Retry_After": "Sat, 21 Nov 2026 12:01:00 GMT"}, 60.0),
        ({"Retry_After": "999999999999"}, 86_400.0),
        ({"Retry_After": "-5"}, 60.0),
        ({"Retry_After": "soon"}, 60.0),
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": str(int(NOW.timestamp()) + 90)}, 90.0),
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "x"}, 60.0),
        ({"X_RateLimit_Remaining": "0"}, 60.0),
    ],
)
def test_a_limit_of_rate_says_when_to_come_again(headers: dict[str, str], seconds: float) -> None:
    """Within reason, whatever the header says; also where GitHub says 403."""
    failed = failure(said(403, b"{}", **headers))
    assert (failed.seconds, failed.right) == (seconds, False)


def test_a_second_limit_of_rate_is_told_by_words_alone() -> None:
    """GitHub's, without a header: it is no lack of rights, and is over in a minute."""
    body = b'{"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}'
    error = failure(said(403, body))
    assert (error.seconds, error.right) == (60.0, False)


@pytest.mark.parametrize("status", [403, 423])
def test_an_archived_project_is_no_lack_of_rights(status: int) -> None:
    """Nobody writes there, whatever the token is."""
    error = failure(said(status, b'{"message": "Repository was archived so is read-only."}'))
    assert not error.right
    assert "takes nothing: the project is archived there" in str(error)


@pytest.mark.parametrize("to", ["/api/v1/repos/me/shop2", "{url}/repositories/7"])
def test_a_renamed_project_is_told_as_one(to: str) -> None:
    """Forges lead to its new name on the same host; it is told, and not followed."""

    def moved(handler: BaseHTTPRequestHandler) -> None:
        host = f"http://{handler.headers['Host']}"
        said(301, Location=to.format(url=host))(handler)

    assert "was renamed or moved: write its new address into fleet.toml" in str(failure(moved))


@pytest.mark.parametrize(
    ("headers", "more", "total"),
    [
        ({"Link": '<https://x/?page=2>; rel="next", <https://x/?page=9>; rel="last"'}, True, None),
        ({"Link": '<https://x/?page=1>; rel="first"', "X-Total-Count": "7"}, False, 7),
        ({"X-Next-Page": "2"}, True, None),
        ({"X-Next-Page": ""}, False, None),
        ({"X-Total-Count": "many"}, None, None),
        ({}, None, None),
    ],
)
def test_whether_a_list_goes_on_is_the_forges_word(
    headers: dict[str, str], more: bool | None, total: int | None
) -> None:
    """By a link or by GitLab's header; where neither is there nobody knows."""
    with server(said(200, b"[]", **headers)) as (url, _):
        answer = asking(url).get("/x")
    assert (answer.more, answer.total) == (more, total)


def test_an_etag_of_any_length_is_not_kept() -> None:
    """It is sent with the next question."""
    with server(said(200, b"[]", ETag='"' + "x" * 5000 + '"')) as (url, _):
        assert asking(url).get("/thing").etag == ""


def test_a_refusal_without_plain_words_has_none() -> None:
    """Lists, objects and numbers are no sentence."""
    assert refusal_words({"message": {"base": ["x"]}, "errors": [1, None, {"code": "y"}]}) == ""
    assert refusal_words([]) == refusal_words(None) == refusal_words("x") == ""
    assert refusal_words({"message": ["a", "b"], "error": "c"}) == "a; b; c"


def test_what_is_read_has_its_type() -> None:
    """A field of another type ends the reading, in words of ours."""
    unlisted: list[object] = [None, {}, [1], "x"]
    for wrong in unlisted:
        with pytest.raises(ForgeFailed):
            rows(wrong)
    unnumbered: list[object] = [True, 0, -1, "1", 1.5, 2**60]
    for wrong in unnumbered:
        with pytest.raises(ForgeFailed):
            number({"n": wrong}, "n")
    with pytest.raises(ForgeFailed):
        text({"t": 1}, "t")
    with pytest.raises(ForgeFailed):
        part({"a": []}, "a")
    with pytest.raises(ForgeFailed):
        commit({"sha": "main; rm"}, "sha")
    assert len(text({"t": "word " * 10**6}, "t")) <= 64 * 1024


def test_an_address_that_people_open_runs_nothing() -> None:
    """It is shown as a link."""
    for bad in ("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", 'https://x"onclick=', "https://a b"):
        assert web_address({"u": bad}, "u") == ""
    assert (
        web_address({"u": "https://git.example.org/me/shop/pulls/1"}, "u") == "https://git.example.org/me/shop/pulls/1"
    )


def test_a_connection_is_no_shared_thing() -> None:
    """Each question is a connection of its own: what one answer leaves behind is nobody's next answer."""

    def two(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(
            b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}'
        )

    with server(two) as (url, shown):
        assert [asking(url).get("/thing").data for _ in range(2)] == [{}, {}]
        assert len(shown) == 2
