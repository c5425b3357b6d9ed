"""Does `doctor` say which right a forge's token lacks, before a night of missions finds out?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.app.doctor.check_result import CheckResult, CheckStatus
from orchestrator.app.doctor.forge_checks import check_forges
from orchestrator.core.environment import load_settings
from orchestrator.core.settings import Settings
from tests.forge_stand_in.server import ForgeServer, forge_server
from tests.forge_stand_in.state import BOT, TOKEN
from tests.ledgers import Town
from tests.orchestrator.repositories import Server

FLEET = """\
[projects.shop]
url = "/srv/shop.git"
forge = "{kind}"
forge_url = "{url}/me/shop"
[projects.plain]
url = "/srv/p"
"""


@dataclass
class House:
    """A machine beside a forge."""

    home: Path
    server: ForgeServer

    def look(self, kind: str = "forgejo", **values: str) -> list[CheckResult]:
        """What doctor says of the forges."""
        url = self.server.url
        tokens = {"forge_tokens": f"{url.removeprefix('http://')}={TOKEN}"}
        settings = settings_of(self.home, tokens | values)
        return list(check_forges(settings, Town({"fleet.toml": FLEET.format(kind=kind, url=url)}).peer("n").ledger()))


def settings_of(home: Path, values: dict[str, str]) -> Settings:
    """A machine's."""
    return load_settings(**{"home": home, "role": "HEADQUARTERS"} | values)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """One with a token."""
    with forge_server(Server.make(tmp_path).folder) as server:
        yield House(tmp_path / "home", server)


@pytest.mark.parametrize("kind", ["github", "gitlab", "forgejo"])
def test_a_token_with_its_rights_is_well(house: House, kind: str) -> None:
    """One line a project that is on a forge."""
    (found,) = house.look(kind)
    assert (found.health, found.says) == (CheckStatus.GOOD, f"shop: {BOT} may write; nobody is heard there")


def test_a_right_that_lacks_is_named(house: House) -> None:
    """And who would have it."""
    house.server.state.lacks.add("write")
    (found,) = house.look()
    assert (found.health, found.says) == (CheckStatus.POOR, f"shop: the token of {BOT} may not write to the repository")


def test_a_machine_without_a_token_is_told_where_it_belongs(house: House) -> None:
    """By the forge's host; a token for another host is shown to nobody else."""
    (found,) = house.look(forge_tokens=f"git.example.org={TOKEN}")
    assert found.health is CheckStatus.POOR
    assert f"SHIFTBOOK_FORGE_TOKENS={house.server.url.removeprefix('http://')}=" in found.remedy
    assert "nor by any other node while this one is the first" in found.says
    assert house.server.asked == []


def test_pull_requests_of_a_project_that_left_its_forge_are_named(house: House) -> None:
    """Nobody looks at them any more."""
    toml = '[projects.shop]\nurl = "/srv/shop.git"\n'
    head = "---\nproject: shop\nstatus: done\npull_request: https://x/pull/1\npull_state: {}\n---\ndo it\n"
    files = {"fleet.toml": toml, "missions/a.md": head.format("open"), "missions/b.md": head.format("merged")}
    (found,) = check_forges(settings_of(house.home, {}), Town(files).peer("n").ledger())
    assert found.health is CheckStatus.POOR
    assert found.says == "shop is on no forge any more, and nobody looks at the pull request of a"


def test_a_wrong_token_and_a_forge_that_is_away_are_broken(house: House) -> None:
    """One line each, without the token."""
    host = house.server.url.removeprefix("http://")
    (found,) = house.look(forge_tokens=f"{host}=wrong-token-of-somebody")
    assert (found.health, "wrong-token" in found.says) == (CheckStatus.BROKEN, False)
    assert "SHIFTBOOK_FORGE_TOKENS" in found.says


def test_a_worker_says_nothing(house: House) -> None:
    """It speaks to no forge."""
    assert house.look(role="LOCAL_WORKER") == []


@pytest.mark.parametrize(
    "value",
    [
        "github.com",
        "github.com=short",
        "a=b c d e f g h i j k l m",
        "x=" + "t" * 20 + ",x=" + "u" * 20,
        "https://x=" + "t" * 20,
    ],
)
def test_a_wrong_list_of_tokens_is_told_without_them(tmp_path: Path, value: str) -> None:
    """By the name of its variable."""
    with pytest.raises(Exception, match="SHIFTBOOK_FORGE_TOKENS") as wrong:
        settings_of(tmp_path, {"forge_tokens": value})
    assert "tttt" not in str(wrong.value)


def test_tokens_are_shown_by_nothing_that_holds_them(tmp_path: Path) -> None:
    """Neither by settings nor by what they are made to."""
    settings = settings_of(tmp_path, {"forge_tokens": f"github.com={TOKEN}"})
    assert TOKEN not in repr(settings) + str(settings) + repr(settings.tokens_of_forges)


@pytest.mark.parametrize(("people", "health"), [("", CheckStatus.GOOD), ('forge_people = ["anna"]', CheckStatus.POOR)])
def test_a_project_that_goes_by_git_alone_needs_no_token(house: House, people: str, health: CheckStatus) -> None:
    """Nobody is asked; what does not come back is said, and that people are named in vain."""
    lines = f'forge = "forgejo"\nforge_by = "git"\nforge_url = "{house.server.url}/me/shop"\n{people}'
    ledger = Town({"fleet.toml": f'[projects.shop]\nurl = "/srv/shop.git"\n{lines}\n'}).peer("n").ledger()
    (found,) = check_forges(settings_of(house.home, {}), ledger)
    assert found.health is health
    assert "by git alone, without a token; comments, CI, closed ones and issues do not come back" in found.says
    assert house.server.asked == []
