"""The model that devices may keep: who gets it, in which pieces, and what is said where there is none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from orchestrator.app import wiring
from orchestrator.core.settings import Settings
from tests.orchestrator.api.conftest import Build, Site, bearer
from tests.orchestrator.api.routes.devices.test_pairing import LAN, Desk

PLACE = "/api/v1/device-model"
WORDS = b"GGUF" + bytes(range(256)) * 1200


@pytest.fixture
def site(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A node whose embedded model is a small file."""
    path = tmp_path / "small.gguf"
    path.write_bytes(WORDS)
    monkeypatch.setattr(wiring, "embedded_file", lambda _: path)
    return build(rate=0, **LAN)


def test_a_device_fetches_it_sealed_in_pieces(site: Site) -> None:
    """What is offered names its hashes; a range inside a seal is those very bytes, as long as a device may chat."""
    desk = Desk(site)
    phone = desk.paired(["chat"])
    told = phone.call("GET", PLACE).json
    assert (told["name"], told["good_for"], told["size"]) == ("smollm2-135m-instruct", "toy", len(WORDS))
    assert told["pieces"] == [told["digest"]] == [hashlib.sha256(WORDS).hexdigest()]
    part = phone.call("GET", f"{PLACE}/{told['digest']}", range="bytes=4-")
    assert (part.status, part.body) == (206, WORDS[4:])
    assert part.headers["content-range"] == f"bytes 4-{len(WORDS) - 1}/{len(WORDS)}"
    looker = desk.paired(["look"], name="Other")
    assert looker.call("GET", f"{PLACE}/{told['digest']}", range="bytes=4-9").status == 403


def test_the_description_tells_how_bytes_are_answered(site: Site) -> None:
    """A piece is a 206 of bytes, and what is no range a 416 like every other problem."""
    told = site.client.get("/openapi.json").json["paths"][f"{PLACE}/{{digest}}"]["get"]["responses"]
    assert list(told["206"]["content"]) == ["application/octet-stream"]
    assert list(told["416"]["content"]) == ["application/problem+json"]
    assert "200" not in told


@pytest.mark.parametrize("asked", ["", "bytes=99999999-", "bytes=0-1,3-4", "lines=0-1", "bytes=9-4", "bytes=x-y"])
def test_a_range_that_is_none_is_refused(site: Site, asked: str) -> None:
    """Without a range, beyond the end, of several parts: 416 or the plain reason, never all of it."""
    told = site.client.get(PLACE, headers=bearer(site.token("chat"))).json
    headers = bearer(site.token("chat", name="two")) | ({"Range": asked} if asked else {})
    answer = site.client.get(f"{PLACE}/{told['digest']}", headers=headers)
    assert answer.status_code == 416
    assert "Range: bytes=FROM-TO" in answer.json["detail"]


@pytest.mark.parametrize("name", ["0" * 64, "..%2f..%2fetc%2fpasswd", "A" * 64, "x"])
def test_only_what_is_offered_has_bytes(site: Site, name: str) -> None:
    """Another digest is another model; what is no digest is nothing."""
    headers = bearer(site.token("chat")) | {"Range": "bytes=0-3"}
    assert site.client.get(f"{PLACE}/{name}", headers=headers).status_code in {404, 422}


def test_a_node_without_one_says_how_to_get_it(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """404, with the command."""
    monkeypatch.setattr(wiring, "embedded_file", lambda _: None)
    bare = build(rate=0)
    answer = bare.client.get(PLACE, headers=bearer(bare.token("chat")))
    assert answer.status_code == 404
    assert "shiftbook models pull embedded" in answer.json["detail"]


def test_the_embedded_model_is_what_is_offered(tmp_path: Path) -> None:
    """The product's own small model, under the name that the node uses for it."""
    found = wiring.model_for_devices(Settings(home=tmp_path, node_id="desk"))
    assert found is None or (found[0] == "smollm2-135m-instruct" and found[1].suffix == ".gguf")
