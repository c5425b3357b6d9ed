"""Is a project's place on its forge told from what people write, and is a token's host never somebody else's?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import BrokenLedger
from orchestrator.core.ports.forge import ForgeKind
from orchestrator.ledger.config.fleet_toml import read
from orchestrator.ledger.config.forge_place import repository_on_forge, token_host, web_page

PLACES = [
    ("github", "git@github.com:me/shop.git", "https://api.github.com", "me/shop", "github.com"),
    ("github", "https://github.com/me/shop", "https://api.github.com", "me/shop", "github.com"),
    ("github", "ssh://git@ghe.example.org/me/shop.git", "https://ghe.example.org/api/v3", "me/shop", "ghe.example.org"),
    ("github", "git@GitHub.com:me/shop.git", "https://api.github.com", "me/shop", "github.com"),
    ("gitlab", "git@gitlab.com:a/b/shop.git", "https://gitlab.com/api/v4", "a/b/shop", "gitlab.com"),
    (
        "forgejo",
        "https://Git.Example.org:3000/me/shop",
        "https://git.example.org:3000/api/v1",
        "me/shop",
        "git.example.org:3000",
    ),
    ("forgejo", "https://example.org/git/me/shop", "https://example.org/git/api/v1", "me/shop", "example.org"),
    ("forgejo", "http://127.0.0.1:3000/me/shop", "http://127.0.0.1:3000/api/v1", "me/shop", "127.0.0.1:3000"),
]


@pytest.mark.parametrize(("kind", "address", "api", "path", "host"), PLACES)
def test_a_place_is_told_from_its_address(kind: str, address: str, api: str, path: str, host: str) -> None:
    """By https, by ssh in both ways of writing it; groups within groups are GitLab's alone."""
    found = repository_on_forge(kind, address)  # type: ignore[arg-type]  # one of them
    assert (found.api, found.path, token_host(found)) == (api, path, host)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/srv/shop.git",
        "../shop",
        "https://git.example.org/shop",
        "https://git.example.org/me/..",
        "https://git.example.org/me/%2e%2e",
        "https://git.example.org/me/shop?x=1",
        "https://git.example.org/me/shop#x",
        "https://me:secret@git.example.org/me/shop",
        "https://git.example.org/me/a b",
        "https://git.example.org/me/%2fadmin",
        "file:///srv/me/shop",
        "ftp://git.example.org/me/shop",
    ],
)
def test_what_is_no_place_is_refused(address: str) -> None:
    """A path cannot be left by it, nor another route be asked."""
    with pytest.raises(ValueError, match="write the address of the project's page"):
        repository_on_forge("forgejo", address)


@given(st.text(max_size=60))
def test_whatever_is_written_ends_in_a_place_or_a_word(address: str) -> None:
    """Never in a traceback, and never at a host with a user in it."""
    try:
        found = repository_on_forge("gitlab", address)
    except ValueError:
        return
    assert "@" not in found.api
    assert ".." not in found.path.split("/")


def toml(lines: str) -> bytes:
    """A fleet's file with these lines in its one project."""
    return f'[projects.shop]\nurl = "git@git.example.org:me/shop.git"\n{lines}\n'.encode()


def test_a_project_says_which_forge_it_is_on() -> None:
    """And who is heard there."""
    part = read(toml('on_approval = "pull_request"\nforge = "forgejo"\nforge_people = ["anna"]')).projects["shop"]
    assert (part.forge, part.forge_people, part.forge_rounds) == ("forgejo", ["anna"], 3)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('on_approval = "pull_request"', "say which forge it is on"),
        ('issue_label = "x"', "say which forge it is on"),
        ('forge = "github"\nissue_label = "a,b"', "issue_label is one label"),
        ('forge = "gitea"', "forge"),
        ('forge = "github"\nforge_url = "/srv"', "write the address of the project's page"),
        ('forge = "github"\nforge_rounds = 21', "forge_rounds"),
        ('forge = "github"\nforge_people = [""]', "forge_people"),
        ('forge = "github"\nforge_by = "git"', 'forge_by = "git" is for forge = "gitlab" and "forgejo"'),
        ('forge_by = "git"', 'forge_by = "git" is for forge = "gitlab" and "forgejo"'),
        ('forge = "gitlab"\nforge_by = "git"\nissue_label = "x"', "issues come by the API alone"),
        ('forge = "gitlab"\nforge_by = "ssh"', "forge_by"),
    ],
)
def test_half_of_a_forge_is_told_with_its_line(lines: str, words: str) -> None:
    """Before anything is lost by it."""
    with pytest.raises(BrokenLedger, match=words):
        read(toml(lines))


@pytest.mark.parametrize(
    ("kind", "address", "page"),
    [
        ("github", "git@github.com:me/shop.git", "https://github.com/me/shop"),
        ("github", "https://ghe.example.org/me/shop", "https://ghe.example.org/me/shop"),
        ("gitlab", "ssh://git@git.example.org:2222/a/b/shop.git", "https://git.example.org/a/b/shop"),
        ("forgejo", "http://127.0.0.1:3000/git/me/shop", "http://127.0.0.1:3000/git/me/shop"),
    ],
)
def test_a_projects_page_is_where_people_open_it(kind: ForgeKind, address: str, page: str) -> None:
    """Whatever its address is for git."""
    assert web_page(repository_on_forge(kind, address)) == page
