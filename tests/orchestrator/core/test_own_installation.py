"""How is an extra added to each kind of installation, and where are its documents?"""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from orchestrator.core.own_installation import OwnInstallation, document_place, extra_command

ROOT = Path(__file__).resolve().parents[3]
METADATA = """\
Metadata-Version: 2.4
Name: shiftbook
Version: 1.0
Provides-Extra: otel
Requires-Dist: click>=8
Requires-Dist: opentelemetry-sdk<2,>=1.45; extra == 'otel'
Requires-Dist: exporter-http; extra == 'otel'
Requires-Dist: other; extra == 'otel-more'
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An environment with a pip."""
    pip = tmp_path / "env" / "bin" / "pip"
    pip.parent.mkdir(parents=True)
    pip.touch()
    return tmp_path / "env"


def installed(place: Path, *, origin: dict[str, object] | None = None, more: str = "") -> OwnInstallation:
    """What an installer wrote into an environment."""
    folder = place / "shiftbook-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(METADATA + more, encoding="utf-8")
    if origin:
        (folder / "direct_url.json").write_text(json.dumps(origin), encoding="utf-8")
    return OwnInstallation(environment=place, package=Distribution.at(folder))


def test_pip_of_the_environment_adds_it(place: Path) -> None:
    """What pip brought is completed by the pip of that environment, whatever `pip` is on the path."""
    assert installed(place).extra_command("otel") == f"{place}/bin/pip install 'shiftbook[otel]'"


def test_without_a_pip_uv_adds_it(place: Path) -> None:
    """An environment of `uv venv` has no pip."""
    (place / "bin" / "pip").rename(place / "bin" / "python")
    wanted = f"uv pip install --python {place}/bin/python 'shiftbook[otel]'"
    assert installed(place).extra_command("otel") == wanted


def test_a_clone_stays_one(place: Path, tmp_path: Path) -> None:
    """What runs out of a clone is completed from there, and goes on running out of it."""
    clone = tmp_path / "my clone"
    clone.mkdir()
    there = installed(place, origin={"url": clone.as_uri(), "dir_info": {"editable": True}})
    assert there.extra_command("otel") == f"{place}/bin/pip install -e '{clone}[otel]'"


def test_a_copy_of_a_clone_is_made_from_it_again(place: Path, tmp_path: Path) -> None:
    """No index may have the name: the folder is asked, while it is there."""
    clone = tmp_path / "clone"
    clone.mkdir()
    there = installed(place, origin={"url": clone.as_uri(), "dir_info": {}})
    assert there.extra_command("otel") == f"{place}/bin/pip install '{clone}[otel]'"
    clone.rmdir()
    assert there.extra_command("otel") == f"{place}/bin/pip install 'shiftbook[otel]'"


def test_pipx_injects_the_packages_of_the_extra(place: Path) -> None:
    """pipx takes the package itself for injected already, so it is given what the extra stands for, and that alone."""
    (place / "pipx_metadata.json").write_text("{}", encoding="utf-8")
    wanted = "pipx inject shiftbook 'opentelemetry-sdk<2,>=1.45' exporter-http"
    assert installed(place).extra_command("otel") == wanted


@pytest.mark.parametrize(
    ("receipt", "wanted"),
    [
        ('{ name = "shiftbook" }', "uv tool install 'shiftbook[otel]'"),
        (
            '{ name = "shiftbook", extras = ["age"], specifier = ">=1" }, { name = "rich", specifier = "<20" }',
            "uv tool install 'shiftbook[age,otel]>=1' --with 'rich<20'",
        ),
        ('{ name = "shiftbook", directory = "/my clone" }', "uv tool install '/my clone[otel]'"),
        ('{ name = "shiftbook", editable = "/clone" }', "uv tool install --editable '/clone[otel]'"),
        (
            '{ name = "shiftbook", git = "https://git.example.org/s" }',
            "uv tool install 'shiftbook[otel] @ git+https://git.example.org/s'",
        ),
    ],
)
def test_uv_is_asked_for_all_that_it_was_asked_for(place: Path, receipt: str, wanted: str) -> None:
    """`uv tool install` replaces what was typed before, so the line has that and the extra."""
    (place / "uv-receipt.toml").write_text(f"[tool]\nrequirements = [{receipt}]\n", encoding="utf-8")
    assert installed(place).extra_command("otel") == wanted


def test_an_unreadable_receipt_is_no_traceback(place: Path) -> None:
    """A hint never fails where what an installer wrote cannot be read."""
    (place / "uv-receipt.toml").write_text("[tool\n", encoding="utf-8")
    assert installed(place).extra_command("otel") == "uv tool install 'shiftbook[otel]'"


def test_a_document_is_the_file_of_the_clone(place: Path, tmp_path: Path) -> None:
    """Where the clone is, the path can be opened; one that is not there is only named."""
    document = tmp_path / "clone" / "docs" / "start.md"
    document.parent.mkdir(parents=True)
    document.touch()
    there = installed(place, origin={"url": (tmp_path / "clone").as_uri()})
    assert there.document_place("docs/start.md") == str(document)
    assert there.document_place("docs/none.md") == "in the documents, docs/none.md"


@pytest.mark.parametrize(
    ("urls", "wanted"),
    [
        ("", "in the documents, docs/start.md"),
        ("Project-URL: Source, https://example.org/s\n", "docs/start.md at https://example.org/s"),
        (
            "Project-URL: Source, https://example.org/s\nProject-URL: Documentation, https://example.org/d/\n",
            "https://example.org/d/docs/start.md",
        ),
    ],
)
def test_a_wheel_names_its_documents_by_their_address(place: Path, urls: str, wanted: str) -> None:
    """A wheel brings no documents: its metadata says where they are, or nothing does."""
    assert installed(place, more=urls).document_place("docs/start.md") == wanted


def test_this_clone_says_so() -> None:
    """The suite runs out of a clone: its hints name files that are there, with the section, and its own pip."""
    assert document_place("docs/start.md", "First") == f"{ROOT / 'docs' / 'start.md'}, “First”"
    assert re.search(r" install -e \S*\[otel\]'?`$", extra_command("otel"))


def test_every_document_that_is_named_is_one() -> None:
    """No hint names a document that nobody wrote."""
    calls = re.compile(r"[\"'](docs/[a-z-]+\.md)[\"']")
    named = {name for path in (ROOT / "orchestrator").rglob("*.py") for name in calls.findall(path.read_text("utf-8"))}
    assert named
    assert {name for name in named if not (ROOT / name).is_file()} == set()
