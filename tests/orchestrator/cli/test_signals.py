"""`signals sources`, `poll` and `list`, with a real feed on loopback and a ledger that its owner wrote into."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.app import setup
from orchestrator.cli import cli
from orchestrator.core.settings import Settings
from tests.feeds import FeedServer, feed_server, rss
from tests.orchestrator.repositories import git

RULES = """
[suppliers.news]
feed = "{url}"
words = {{ security = 0.9 }}
confidence = 0.1

[[suppliers.news.rules]]
type = "feed.entry"
prompt = "Say whether this matters to us."
"""


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedServer]:
    """A feed that a new fleet's file names; its machine lets private feeds in."""
    for name in [name for name in os.environ if name.startswith(("SHIFTBOOK_", "FACTORY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = ada\n\temail = ada@shiftbook.invalid\n")
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHIFTBOOK_NODE_ID", "hq")
    monkeypatch.setenv("FACTORY_ROLE", "HEADQUARTERS")
    monkeypatch.setenv("SHIFTBOOK_FEEDS_PRIVATE", "1")
    setup.init(tmp_path / "clone", Settings(home=tmp_path / "home", node_id="hq"))
    monkeypatch.setenv("SHIFTBOOK_LEDGER", str(tmp_path / "clone.git"))
    monkeypatch.chdir(tmp_path)
    with feed_server() as found:
        path = tmp_path / "clone" / "fleet.toml"
        path.write_text(path.read_text() + RULES.format(url=found.url))
        git(tmp_path / "clone", "commit", "--quiet", "-am", "a feed")
        git(tmp_path / "clone", "push", "--quiet")
        yield found


def typed(*words: str) -> str:
    """What a command prints."""
    said = CliRunner().invoke(cli, ["signals", *words])
    assert said.exit_code == 0, (said.output, said.exception)
    return said.output


def refused(*words: str) -> str:
    """Why a command is refused."""
    return str(CliRunner().invoke(cli, ["signals", *words]).exception)


def test_a_feed_from_its_first_poll_to_the_mission(feed: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there, what is new, what became of it; and the words where it is private, gone, or none."""
    feed.serves(rss("old"), ETag='"1"')
    assert "old" in typed("poll", "news", "--dry-run")
    assert "nothing new" in typed("poll", "news")
    assert "No supplier has told anything" in typed("list")
    feed.serves(rss("A security hole", "the weather", "old"), ETag='"2"')
    verdicts = {each["verdict"]: each["missions"] for each in json.loads(typed("poll", "news", "--json"))}
    assert set(verdicts) == {"filed", "below"}
    (mission,) = verdicts["filed"]
    assert (feed.server.server_address[0], Path("clone.git").is_dir()) == ("127.0.0.1", True)
    assert mission in git(Path("clone.git"), "ls-tree", "--name-only", "main", "missions/")
    listed = json.loads(typed("list", "--supplier", "news", "--json"))
    assert [each["verdict"] for each in listed] == ["filed", "below"]
    assert "below" in typed("list", "--verdict", "below")
    assert "one of filed" in refused("list", "--verdict", "what")
    (row,) = json.loads(typed("sources", "--json"))
    assert (row["supplier"], row["rules"], row["missions_today"], row["entries"]) == ("news", 1, 1, 3)
    assert f"feed {feed.url}" in typed("sources")
    monkeypatch.setenv("SHIFTBOOK_FEEDS_PRIVATE", "0")
    assert "SHIFTBOOK_FEEDS_PRIVATE=1" in refused("poll", "news")
    assert "failed 1×" in typed("sources")
    assert "fleet.toml has no feed of other" in refused("poll", "other")
