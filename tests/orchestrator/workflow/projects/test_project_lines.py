"""Are a project's lines changed and taken out with every other byte left as it was?"""

from __future__ import annotations

import tomllib

import pytest

from orchestrator.core.errors import WrongSetting
from orchestrator.workflow.projects.project_lines import with_project, without_project

TOML = """\
# our fleet
[fleet]
name = "x"   # short

[projects.shop]
url = "/srv/shop"
test = "make test"  # slow
tools = [
  "~/.pyenv",  # ours
]

# the other one
[projects."the-notes"]
url = "/srv/notes"
test_files = { ".env" = "~/x" }
[projects.the-notes.policy]
auto_word = true

[review]
cron = "0 3 * * *"
"""


def test_a_number_is_written_as_one_and_nought_is_a_value() -> None:
    """`forge_rounds = 0` is not the same as no line."""
    text = '[projects.shop]\nurl = "x"\n'
    changed = with_project(text, "shop", {"forge_rounds": 0})
    assert changed == f"{text}forge_rounds = 0\n"
    assert with_project(changed, "shop", {"forge_rounds": None}) == text


def test_only_what_is_said_is_changed() -> None:
    """A value keeps its comment, a new key stands behind the table's last, one that is taken out takes its line."""
    made = with_project(TOML, "shop", {"test": 'pytest "a#b"', "setup": "uv sync", "tools": None})
    assert made == TOML.replace('"make test"', r'"pytest \"a#b\""').replace(
        'tools = [\n  "~/.pyenv",  # ours\n]\n', 'setup = "uv sync"\n'
    )
    assert with_project(TOML, "shop", {"test": "make test"}) == TOML
    assert with_project(TOML, "shop", {"setup": ""}) == TOML


def test_tables_in_a_table() -> None:
    """An inline table is one value; a new key does not fall into the next table."""
    made = with_project(TOML, "the-notes", {"test_files": {".env": "~/y"}, "branch": "dev"})
    read = tomllib.loads(made)["projects"]["the-notes"]
    assert read == {"url": "/srv/notes", "test_files": {".env": "~/y"}, "branch": "dev", "policy": {"auto_word": True}}
    assert made.index("branch") < made.index("[projects.the-notes.policy]")


def test_a_project_goes_with_its_tables() -> None:
    """And with nothing else; the last one, too, and in a file with Windows' line ends."""
    made = tomllib.loads(without_project(TOML, "the-notes"))
    assert made["projects"].keys() == {"shop"}
    assert made["review"] == {"cron": "0 3 * * *"}
    windows = with_project(TOML.replace("\n", "\r\n"), "shop", {"setup": "x", "branch": "dev"})
    assert windows.count("\n") == windows.count("\r\n")
    assert with_project('[projects.a]\nurl = "x"', "a", {"test": "y"}) == '[projects.a]\nurl = "x"\ntest = "y"\n'


@pytest.mark.parametrize(
    "toml", ['projects = { shop = { url = "x" } }\n', 'projects.shop.url = "x"\n', '[projects]\nshop = { url = "x" }\n']
)
def test_what_has_no_lines_of_its_own_is_left_to_a_person(toml: str) -> None:
    """It says which key, and nothing is changed."""
    with pytest.raises(WrongSetting, match="by hand"):
        with_project(toml, "shop", {"test": "y"})
