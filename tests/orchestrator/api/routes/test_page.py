"""What does a browser get below `/app/`, and what does nobody get there, whatever they ask for?"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from mobile_bridge.built_page import read_built_page

from orchestrator.api.routes import page
from orchestrator.api.routes.fleet import me
from orchestrator.core.own_installation import reinstall_command
from orchestrator.core.roles import Role
from tests.orchestrator.api.conftest import Build, bearer

INDEX, SCRIPT = b"<!doctype html><div id=app></div>", b"console.log('hello, hello, hello')"
FACE = b"wOF2 is packed by itself"
SECRET = b"not for browsers"
ASSET = "/app/assets/index-1a2b3c.js"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built page, and beside it what must not be served."""
    made = tmp_path / "package" / "page"
    (made / "assets").mkdir(parents=True)
    (made.parent / "secret.json").write_bytes(SECRET)
    (made / "build.json").write_text(json.dumps({"page": "abc123", "api": 1}))
    for name, content in (("index.html", INDEX), ("sw.js", SCRIPT), ("assets/index-1a2b3c.js", SCRIPT)):
        (made / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
    (made / "assets/face-1a2b3c.woff2").write_bytes(FACE)
    (made / "notes.py").write_bytes(SECRET)
    (made / "notes.py.gz").write_bytes(gzip.compress(SECRET))
    for module in (page, me):
        monkeypatch.setattr(module, "read_built_page", lambda: read_built_page(made))
    return made


@pytest.fixture
def client(build: Build, folder: Path) -> FlaskClient:
    return build(Role.HEADQUARTERS).client


@pytest.mark.parametrize("path", ["/app/", "/app/missions/fix-it", "/app/review", "/app/a/b/c/d"])
def test_a_screen_is_the_index(client: FlaskClient, path: str) -> None:
    """Any address without a dot: the page itself finds the screen. It is asked for again each time."""
    answer = client.get(path)
    assert (answer.status_code, answer.data, answer.mimetype) == (200, INDEX, "text/html")
    assert answer.headers["Cache-Control"] == "no-cache"


def test_the_root_leads_to_the_page(client: FlaskClient) -> None:
    """A person types the address and no path."""
    for path in ("/", "/app"):
        answer = client.get(path)
        assert (answer.status_code // 100, answer.headers["Location"]) == (3, "/app/")


@pytest.mark.parametrize(
    ("accepts", "packed"),
    [
        ("gzip, deflate, br", True),
        ("gzip", True),
        ("*", True),
        ("br;q=1, gzip;q=0.1", True),
        ("gzip;q=0, *", False),
        ("br", False),
        ("", False),
        ("identity", False),
        ("zebra", False),
        (None, False),
    ],
)
def test_it_comes_packed_to_who_takes_that(client: FlaskClient, accepts: str | None, packed: bool) -> None:
    """As it lies on the disk, which has it in no other form; unpacked for the rare one that takes no gzip. Caches are
    told that it depends on what was accepted, and HEAD tells what GET would send."""
    heads = {} if accepts is None else {"Accept-Encoding": accepts}
    answer = client.get(ASSET, headers=heads)
    assert (answer.status_code, answer.headers.get("Content-Encoding")) == (200, "gzip" if packed else None)
    assert (gzip.decompress(answer.data) if packed else answer.data) == SCRIPT
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    told = client.head(ASSET, headers=heads)
    assert (told.status_code, told.data) == (200, b"")
    for name in ("Content-Length", "Content-Encoding", "ETag", "Content-Type", "Content-Security-Policy"):
        assert told.headers.get(name) == answer.headers.get(name), name
    assert int(answer.headers["Content-Length"]) == len(answer.data)


def test_packed_and_unpacked_are_told_apart(client: FlaskClient) -> None:
    """Each form has a tag of its own: a cache never answers one for the other."""
    plain, packed = client.get(ASSET), client.get(ASSET, headers={"Accept-Encoding": "gzip"})
    tags = [answer.headers["ETag"] for answer in (plain, packed)]
    assert tags[0] != tags[1]
    for tag, heads, status in (
        (tags[0], {}, 304),
        (tags[1], {"Accept-Encoding": "gzip"}, 304),
        (tags[0], {"Accept-Encoding": "gzip"}, 200),
        (tags[1], {}, 200),
    ):
        assert client.get(ASSET, headers={"If-None-Match": tag, **heads}).status_code == status


def test_what_is_packed_by_itself_comes_as_it_is(client: FlaskClient) -> None:
    """A face, whatever is accepted."""
    answer = client.get("/app/assets/face-1a2b3c.woff2", headers={"Accept-Encoding": "gzip"})
    assert (answer.data, answer.mimetype) == (FACE, "font/woff2")
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("accepts", ["gzip", "identity"])
@pytest.mark.parametrize("part", ["bytes=0-3", "bytes=5-", "bytes=-2", "bytes=900-", "bytes=3-1", "lines=1"])
def test_a_part_is_not_offered(client: FlaskClient, accepts: str, part: str) -> None:
    """Whoever asks for a range gets the whole file and 200, as HTTP allows: never a piece of gzip called a script."""
    answer = client.get(ASSET, headers={"Accept-Encoding": accepts, "Range": part})
    assert answer.status_code == 200
    assert "Content-Range" not in answer.headers
    assert (gzip.decompress(answer.data) if accepts == "gzip" else answer.data) == SCRIPT


def test_what_a_browser_has_is_not_sent_again(client: FlaskClient, folder: Path) -> None:
    """304 by its ETag, until the file is another one."""
    tag = client.get("/app/").headers["ETag"]
    assert client.get("/app/", headers={"If-None-Match": tag}).status_code == 304
    (folder / "index.html.gz").write_bytes(gzip.compress(INDEX + b"new", mtime=0))
    assert client.get("/app/", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/app/../secret.json", "/app/..%2fsecret.json", "/app/%2e%2e/secret.json", "/app/assets/../../secret.json",
        "/app/..%5csecret.json", "/app/%2fetc/passwd.json", "/app//etc/passwd.js", "/app/notes.py", "/app/secret.json",
        "/app/notes.py.gz", "/app/index.html%00.js", "/app/assets/index-1a2b3c.js.gz", "/app/assets/index-1a2b3c.js.br",
        "/app/assets/", "/app/assets/./index-1a2b3c.js", "/app/%252e%252e/secret.json", "/app/" + "a" * 5000 + ".js",
        "/app/a%0d%0aX-Evil:%201.js", "/app/ASSETS/INDEX-1A2B3C.JS", "/app/.git/config.json", "/app/C:%5Csecret.json",
    ],
)  # fmt: skip
def test_nothing_but_the_pages_files_is_served(client: FlaskClient, path: str) -> None:
    """No way out of the folder, no file of another kind, no header of the caller's."""
    answer = client.get(path)
    assert SECRET not in answer.data
    assert answer.status_code in {404, 422} or answer.data == INDEX
    assert "X-Evil" not in answer.headers
    assert "passwd" not in answer.text


def test_every_answer_has_the_policy(client: FlaskClient) -> None:
    """Scripts of our own only, no frame around it, no word to where one came from; on what is not there as well."""
    for path in ("/app/", ASSET):
        headers = client.get(path).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'self'"
        assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
        assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
        assert "unsafe-inline" not in headers["Content-Security-Policy"]
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "camera=(self)" in headers["Permissions-Policy"]
        assert "geolocation=()" in headers["Permissions-Policy"]


def test_without_a_page_it_says_how_to_get_one(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain text, which no browser runs; and the rest of the node works."""
    for module in (page, me):
        monkeypatch.setattr(module, "read_built_page", lambda: None)
    client = build(Role.HEADQUARTERS).client
    answer = client.get("/app/")
    assert (answer.status_code, answer.mimetype) == (404, "text/plain")
    assert reinstall_command() in answer.text
    assert client.get("/api/v1/me").get_json()["page"] == ""


def test_an_update_under_a_running_node_is_served_whole(client: FlaskClient, folder: Path) -> None:
    """The index and the files that it names are of one page, before and after; what was taken away is not there."""
    assert client.get(ASSET).status_code == 200
    (folder / "assets/index-1a2b3c.js.gz").unlink()
    (folder / "assets/index-4d5e6f.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "index.html.gz").write_bytes(gzip.compress(INDEX + b"new"))
    (folder / "build.json.new").write_text(json.dumps({"page": "def456", "api": 1}))
    (folder / "build.json.new").rename(folder / "build.json")
    assert client.get("/app/").data == INDEX + b"new"
    assert [client.get(path).status_code for path in (ASSET, ASSET.replace("1a2b3c", "4d5e6f"))] == [404, 200]
    assert client.get("/api/v1/me").get_json()["page"] == "def456"


@pytest.mark.parametrize(
    ("role", "device_sync", "status"),
    [
        (Role.HEADQUARTERS, False, 200),
        (Role.STANDALONE_NODE, False, 200),
        (Role.LOCAL_WORKER, False, 404),
        (Role.LOCAL_WORKER, True, 200),
    ],
)
def test_which_roles_serve_the_page(build: Build, folder: Path, role: Role, device_sync: bool, status: int) -> None:
    """A worker only if it serves devices; else it says what has it do so."""
    answer = build(role, device_sync=device_sync).client.get("/app/")
    assert answer.status_code == status
    assert ("SHIFTBOOK_DEVICE_SYNC=1 has it serve the page" in answer.text) is (status == 404)


def test_a_browser_at_a_worker_is_answered_in_words(build: Build, folder: Path) -> None:
    """A person who follows the address reads a sentence with the setting, and a program a problem with the same."""
    client = build(Role.LOCAL_WORKER).client
    words = "a LOCAL_WORKER does not serve this; SHIFTBOOK_DEVICE_SYNC=1 has it serve the page and devices"
    for path in ("/", "/app/", "/app/missions"):
        answer = client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert (answer.status_code, answer.mimetype, answer.text) == (404, "text/plain", f"{words}\n")
    assert client.get("/app/").get_json()["detail"] == words


def test_a_page_elsewhere_gets_nothing_through_a_persons_browser(client: FlaskClient) -> None:
    """The owner's browser needs no token on loopback. A page of another site, or one whose name was pointed here, can
    have it send requests: none of them is obeyed, none is answered with a word of the fleet."""
    rebound = {"Host": "evil.example:8823"}
    for path in ("/app/", "/api/v1/me", "/api/v1/now", "/api/v1/events"):
        assert client.get(path, headers=rebound).status_code == 421
        for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example", "http://localhost:1"):
            answer = client.get(path, headers={"Origin": origin})
            assert (answer.status_code, "Access-Control-Allow-Origin" in answer.headers) == (403, False)
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}
    assert client.get("/app/assets/index-1a2b3c.js", headers=embedded).status_code == 403
    neighbour = embedded | {"Sec-Fetch-Site": "same-site"}  # what another port of this machine serves
    for path in ("/api/v1/me", "/api/v1/events", "/api/v1/missions/x/stream"):
        assert client.get(path, headers=embedded).status_code == 403
        assert client.get(path, headers=neighbour).status_code == 403
    for change in ("/api/v1/missions/x/approval", "/api/v1/missions/x/pause"):
        assert client.put(change, json={}, headers={"Origin": "https://evil.example"}).status_code == 403
    same = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
    assert client.get("/api/v1/me", headers=same).status_code == 200


def test_a_form_of_another_page_is_not_obeyed(client: FlaskClient) -> None:
    """A form may be sent across sites as a navigation, without an Origin in old browsers: its type is no JSON's."""
    sent = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=a"):
        answer = client.post("/api/v1/missions/check", data='{"text": "x"}', content_type=kind, headers=sent)
        assert answer.status_code in {403, 415}, kind


def test_a_token_closes_the_door_for_who_has_none(build: Build, folder: Path) -> None:
    """From the first token on the page itself is open, and everything behind it asks for one."""
    site = build(Role.HEADQUARTERS)
    token = site.token("look")
    assert site.client.get("/app/").status_code == 200
    assert site.client.get("/api/v1/me").status_code == 401
    told = site.client.get("/api/v1/me", headers=bearer(token)).get_json()
    assert (told["kind"], told["scopes"], told["page"]) == ("token", ["look"], "abc123")
