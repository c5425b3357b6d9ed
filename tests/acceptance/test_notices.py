"""People are told, by real nodes to real receivers: once each, over restarts, by one node of the fleet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.fleets import Fleet, command
from tests.receivers import Hook, Mailbox, hook, mailbox

NOTIFY = '\n[notify]\nbatch_seconds = 0.5\nlink = "https://hq.example"\n'


@pytest.fixture
def web() -> Iterator[Hook]:
    """A real HTTP receiver."""
    with hook() as found:
        yield found


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    """A real SMTP server."""
    with mailbox() as found:
        yield found


def founded(fleet: Fleet, *nodes: str) -> None:
    """A fleet that tells at once."""
    fleet.found(*nodes)
    text = (fleet.clone / "fleet.toml").read_text(encoding="utf-8")
    fleet.commit({"fleet.toml": text + NOTIFY}, "Tell people")


def test_a_run_of_a_node_tells_what_it_did(fleet: Fleet, web: Hook, mail: Mailbox) -> None:
    """Also one that ends at once (`--once`), to a web hook and a mailbox; a second run tells nothing again."""
    founded(fleet, "desk")
    urls = {"SHIFTBOOK_NOTIFY": f"{web.url()}, {mail.url()}"}
    fleet.shiftbook("node", "run", "--once", node="desk", **urls)
    fleet.commit(
        {"missions/one.md": command("echo one", title="Say one"), "missions/two.md": command("false", max_retries=1)}
    )
    fleet.fresh = True  # the one that has something to tell
    fleet.shiftbook("node", "run", "--once", node="desk", **urls)
    fleet.fresh = False
    told = "\n".join(each["message"] for each in web.got)
    assert "Desk finished “Say one”" in told
    assert "Desk gave up on “Do it.” after 1 attempt; it waits for you" in told
    assert "https://hq.example" in told
    assert len(mail.mails) == len(web.got)
    count = len(web.got)
    fleet.shiftbook("node", "run", "--once", node="desk", **urls)
    assert len(web.got) == count
    shown = json.loads(fleet.shiftbook("notify", "list", "--json", node="desk", **urls))
    assert sorted(each["id"] for each in shown) == ["one-1-done", "two-1-dead"]
    assert {each["state"] for each in shown} == {"told"}


def test_two_nodes_of_which_one_is_killed_tell_everything_once(fleet: Fleet, web: Hook) -> None:
    """Both have the address; one tells. What ends while it is dead it tells when it is back."""
    founded(fleet, "desk", "vps")
    urls = {"SHIFTBOOK_NOTIFY": web.url()}
    for node in ("desk", "vps"):
        fleet.start(node, **urls)
        fleet.ready(node)
    fleet.commit({f"missions/m{n}.md": command(f"echo {n}", title=f"Number {n}") for n in range(2)})
    fleet.wait("all are done", lambda: {m["status"] for m in fleet.missions().values()} == {"done"})
    fleet.wait("all are told", lambda: all(any(f"Number {n}" in str(got) for got in web.got) for n in range(2)))
    fleet.kill("desk")
    fleet.commit({"missions/late.md": command("echo late", title="Number three")})
    fleet.wait("it is done", lambda: fleet.missions()["late"]["status"] == "done")
    assert not any("Number three" in str(got) for got in web.got)
    fleet.start("desk", **urls)
    fleet.wait("it is told", lambda: any("Number three" in str(got) for got in web.got))
    for node in ("desk", "vps"):
        assert fleet.stop(node) == 0
    said = [line for got in web.got for line in got["message"].splitlines() if "finished" in line]
    assert len(said) == len(set(said)) == 3


def test_what_cannot_be_delivered_is_shown(fleet: Fleet, web: Hook) -> None:
    """In `doctor`, in `fleet`, in `notify list` and by `notify test`; never with the address in it."""
    founded(fleet, "desk")
    web.answers = [500] * 100
    urls = {"SHIFTBOOK_NOTIFY": web.url("secret-path")}
    fleet.shiftbook("node", "run", "--once", node="desk", **urls)
    fleet.commit({"missions/one.md": command("echo one")})
    fleet.shiftbook("node", "run", "--once", node="desk", **urls)
    findings = json.loads(fleet.run("doctor", "--json", node="desk", **urls).stdout)
    (found,) = [each for each in findings if each["what"] == "notices"]
    assert found["health"] == "poor"
    assert "1 notice could not be delivered, and is tried again" in found["says"]
    assert "500" in found["says"]
    assert "notices: 1 notice could not" in fleet.shiftbook("fleet", node="desk", **urls)
    tried = fleet.run("notify", "test", "--json", node="desk", **urls)
    assert tried.returncode == 1
    assert json.loads(tried.stdout)[0]["ok"] is False
    listed = fleet.shiftbook("notify", "list", node="desk", **urls)
    assert "tried again" in listed
    for words in (found["says"], tried.stdout, tried.stderr, listed, fleet.words()):
        assert "secret-path" not in words
    web.answers.clear()
    assert fleet.run("notify", "test", node="desk", **urls).returncode == 0
    assert "1 notice will be tried again" in fleet.shiftbook("notify", "retry", node="desk", **urls)
    fleet.shiftbook("node", "run", "--once", node="desk", **urls)
    assert web.titles[-1] == "Do it. is done"
    (found,) = [
        e for e in json.loads(fleet.run("doctor", "--json", node="desk", **urls).stdout) if e["what"] == "notices"
    ]
    assert found["says"] == "desk tells people by 1 address; nothing failed"


def test_wrong_settings_are_one_clear_line(fleet: Fleet) -> None:
    """Exit code 2, the setting's name, and nothing of the address."""
    founded(fleet, "desk")
    for words in (("node", "run", "--once"), ("notify", "test")):
        done = fleet.run(*words, node="desk", SHIFTBOOK_NOTIFY="nonsense://secret-thing")
        assert done.returncode == 2
        assert done.stderr.startswith("shiftbook: SHIFTBOOK_NOTIFY: apprise cannot read address 1")
        assert "secret-thing" not in done.stderr
    assert fleet.run("notify", "test", node="desk").returncode == 2
    assert "no address is set" in fleet.shiftbook("notify", "list", node="desk")


def test_what_the_fleet_spent(fleet: Fleet) -> None:
    """Tables and JSON of it, from pages and this machine's own database; a wrong day is one line."""
    founded(fleet, "desk")
    fleet.commit({"missions/one.md": command("echo one")})
    fleet.shiftbook("node", "run", "--once", node="desk")
    since = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()  # also where a month begins just now
    found = json.loads(fleet.shiftbook("fleet", "--cost", "--since", since, "--json", node="desk"))
    assert found["by_node"]["desk"]["runs"] == 1
    assert (found["total"]["cost_usd"], found["total"]["unpriced"]) == (0.0, 0)  # a command costs nothing
    assert found["forecasts"][0]["month_end_usd"] is None
    shown = fleet.shiftbook("fleet", "--cost", "--since", since, "--by", "project", node="desk")
    assert "no project" in shown
    assert "0.00" in shown
    assert "too few to say what it will cost" in shown
    wrong = fleet.run("fleet", "--cost", "--since", "yesterday", node="desk")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert json.loads(fleet.shiftbook("fleet", "--json", node="desk"))[0]["disk"]
