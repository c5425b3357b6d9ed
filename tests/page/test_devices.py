"""Pairing, the sealed line and the list of devices, as a person sees them: two browsers and real nodes."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from mobile_bridge.pairing import read_ticket
from playwright.sync_api import Browser, expect

from tests.page.desk import Desk
from tests.page.nodes import FAR, Node, begin, confirm
from tests.page.qr_film import show_code
from tests.page.tab import Tab
from tests.servers import free_port
from tests.waiting import PATIENCE


@pytest.fixture
def nodes(built_page: Path, tmp_path: Path) -> Callable[[str], Node]:
    """Makes nodes; each is served by the test."""
    assert built_page.is_dir()
    return lambda name: Node(home=tmp_path / name, name=name, port=free_port())


def code_on(tab: Tab) -> str:
    """The digits that a tab shows."""
    shown = tab.page.locator("p.code")
    shown.wait_for()
    return re.sub(r"\D", "", shown.inner_text())


def test_a_phone_is_paired_and_shut_out_from_the_desk(stranger: Tab, wide: Tab) -> None:
    """The desk shows a code, both show the same digits, the phone comes in; shut out, it is out at once."""
    wide.go("/devices")
    wide.page.get_by_role("button", name="Pair another").click()
    wide.page.get_by_label("talk").check()
    asked: list[str] = []
    wide.page.on("request", lambda one: asked.append(f"{one.method} {one.url.rpartition('/')[2]}"))
    wide.page.get_by_role("button", name="Show the code").dblclick()
    wide.page.get_by_role("img", name="QR code for the device to scan").wait_for()
    link = wide.page.get_by_label("Or open this link there").input_value()
    assert wide.axe() == []
    stranger.page.goto(link)
    stranger.page.get_by_label("What is this device called?").fill("Søren's <b>phone</b>")
    assert stranger.page.url == f"{stranger.url}/app/pair", "the secret stays in the address"
    stranger.page.get_by_role("button", name="Ask to come in").click()
    code = code_on(stranger)
    assert len(code) == 6
    assert code_on(wide) == code
    assert stranger.axe() == []
    assert stranger.overflow() <= 0
    wide.page.get_by_role("button", name="They are the same").dblclick()
    stranger.page.get_by_text("This device is paired.").wait_for()
    assert (asked.count("POST pairings"), asked.count("PUT confirmation")) == (1, 1)
    stranger.go("/devices")
    expect(stranger.page.get_by_text("this device", exact=True)).to_be_visible()
    expect(stranger.page.locator("main li")).to_have_count(1)
    expect(stranger.page.get_by_text("Søren's <b>phone</b>")).to_be_visible()
    assert stranger.axe() == []
    mine = wide.page.locator("main li", has_text="Søren's <b>phone</b>")
    mine.get_by_role("button", name="Shut out").click()
    wide.page.get_by_role("button", name="Shut it out").click()
    mine.get_by_text("shut out", exact=True).wait_for()
    stranger.page.reload()
    stranger.page.get_by_text("This node wants to know who you are").first.wait_for()
    kept = stranger.js("JSON.stringify({...localStorage})")
    assert "sbk_" not in kept
    assert "sbd_" not in kept


def pair_by_link(phone: Tab, node: Node, urls: tuple[str, ...]) -> None:
    """Pairs the phone with a node whose code names these addresses."""
    begun = begin(node.url, ["look"])
    ticket = replace(read_ticket(str(begun["link"]).partition("#")[2]), urls=urls)
    phone.page.goto("about:blank")
    phone.page.goto(f"{phone.url}/app/pair#{ticket.text}")
    phone.page.get_by_role("button", name="Ask to come in").click()
    confirm(node.url, str(begun["id"]), code_on(phone))
    phone.page.get_by_text("This device is paired.").wait_for()


NOTE_WHY = """
() => {
  window.changed = new Promise((done) => {
    const look = () => document.body.innerText.includes('WORDS') && done(performance.now());
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
    look();
  });
  return performance.now();
}
"""
NEAR, FAR_WHY = "so it is asked first", "so this one does"
BAR_MS = 2000


def noted(words: str) -> str:
    """Has the page note when it says these words; answers its clock of now, in milliseconds."""
    return NOTE_WHY.replace("WORDS", words)


@pytest.mark.nightly
def test_a_near_node_that_is_gone_is_replaced_within_two_seconds_and_comes_back(
    nodes: Callable[[str], Node], chromium: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    """Silent as one that left the network, or killed: the far one answers by itself; back, the near one does."""
    near, far = nodes("desk"), nodes("vps")
    with far.serving(), ExitStack() as ends:
        phone = Tab.open(chromium, near.url, "phone")
        ends.callback(phone.close)

        with near.serving():
            pair_by_link(phone, far, (f"http://{FAR}:{far.port}",))
            pair_by_link(phone, near, (near.url,))
            phone.go("/devices")
            phone.page.get_by_text(NEAR).wait_for()
            phone.settled()
            began = phone.js(noted(FAR_WHY))
            with near.silent():
                silent = phone.js("window.changed") - began
                phone.page.get_by_text(f"http://{FAR}:{far.port}").wait_for()
                expect(phone.page.locator("a.corner").first).to_contain_text("vps")
                began = phone.js(noted(NEAR))
            back = phone.js("window.changed") - began
            expect(phone.page.locator("a.corner").first).to_contain_text("desk")
            began = phone.js(noted(FAR_WHY))
            for each in near.processes:
                each.kill()
            killed = phone.js("window.changed") - began
        with capsys.disabled():
            print(f"\nnear node silent to far node: {silent:.0f} ms; back: {back:.0f} ms; killed: {killed:.0f} ms")
        assert max(silent, killed) <= BAR_MS
        with near.serving():
            phone.page.get_by_text(NEAR).wait_for()


def test_the_camera_reads_the_code_and_is_asked_for_by_a_tap(visitor: Tab, desk: Desk, camera: Path) -> None:
    """A phone scans the code of `device pair` and is paired; a camera that is refused leaves the link as the way in."""
    begun = begin(desk.url, ["look"])
    show_code(str(begun["link"]), camera)
    visitor.go("/pair")
    assert visitor.page.locator("video").count() == 0, "nobody has asked for the camera yet"
    visitor.page.get_by_role("button", name="Scan with the camera").click()
    expect(visitor.page.get_by_role("status").filter(has_text="paste the link")).to_contain_text("may not be used")
    assert visitor.axe() == []
    visitor.context.grant_permissions(["camera"])
    visitor.page.get_by_role("button", name="Scan with the camera").click()
    visitor.page.get_by_text("Pair with desk").wait_for()
    expect(visitor.page.locator("video")).to_have_count(0)
    visitor.page.get_by_role("button", name="Ask to come in").click()
    confirm(desk.url, str(begun["id"]), code_on(visitor))
    visitor.page.get_by_text("This device is paired.").wait_for()


def test_a_code_that_cannot_be_used_says_why(phone: Tab, desk: Desk) -> None:
    """No code, one of another version, a damaged one, a used one, one that is too old: each in a sentence."""
    text = str(begin(desk.url, ["look"])["link"]).partition("#")[2]
    phone.go("/pair")
    for pasted, says in (
        ("https://example.org/", "no code of"),
        (f"2{text[1:]}", "another version"),
        (text[:-1], "damaged"),
    ):
        phone.page.get_by_label("Or paste the link").fill(pasted)
        phone.page.get_by_role("button", name="Use it").click()
        expect(phone.page.get_by_role("alert")).to_contain_text(says)
    begun = begin(desk.url, ["look"])
    httpx.delete(f"{desk.url}/api/v1/pairings/{begun['id']}/confirmation", timeout=PATIENCE, trust_env=False)
    phone.page.get_by_label("Or paste the link").fill(str(begun["link"]))
    phone.page.get_by_role("button", name="Use it").click()
    phone.page.get_by_role("button", name="Ask to come in").click()
    expect(phone.page.get_by_role("alert")).to_contain_text("shiftbook device pair")
    phone.page.get_by_role("button", name="Start again").click()
    late = begin(desk.url, ["look"])
    kept = desk.fleet.folder / "desk" / "shiftbook.db"
    with sqlite3.connect(kept, timeout=PATIENCE) as state:  # its five minutes go by
        state.execute("UPDATE pairings SET expires = created WHERE id = ?", [late["id"]])
    state.close()
    phone.page.get_by_label("Or paste the link").fill(str(late["link"]))
    phone.page.get_by_role("button", name="Use it").click()
    phone.page.get_by_role("button", name="Ask to come in").click()
    expect(phone.page.get_by_role("alert")).to_contain_text("five minutes")
    assert json.loads(phone.js("localStorage.getItem('shiftbook.paired') ?? '[]'")) == []
