"""The page's sources: their own tests, their shape, and that they build the same each time."""

from __future__ import annotations

import re
import statistics
import subprocess
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "mobile-bridge" / "app"
SOURCES = sorted(
    path for path in (APP / "src").rglob("*") if path.suffix in {".ts", ".svelte"} and ".test." not in path.name
)
COMPONENTS = [path for path in SOURCES if path.suffix == ".svelte"]


def test_what_is_pure_holds_its_own_tests(built_page: Path) -> None:
    """Node's test runner passes every `*.test.ts` beside its module."""
    import build_page

    assert built_page.is_dir()
    how = ["--test", "--test-isolation=none", "--test-reporter=tap"]  # one process: half of the time went into starts
    words = [str(build_page.node_program()), *how, "src/**/*.test.ts"]
    done = subprocess.run(words, cwd=APP, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"^# pass (\d+)", done.stdout, re.MULTILINE)
    assert passed
    assert int(passed[1]) > 20


@pytest.mark.nightly
def test_the_same_sources_give_the_same_bytes(built_page: Path, tmp_path: Path) -> None:
    """Two builds do not differ in a byte, compressed twins included."""
    import build_page

    fresh = tmp_path / "page"
    build_page.build(APP, fresh)
    names = {path.relative_to(built_page).as_posix() for path in built_page.rglob("*") if path.is_file()}
    assert {path.relative_to(fresh).as_posix() for path in fresh.rglob("*") if path.is_file()} == names
    assert [name for name in names if (built_page / name).read_bytes() != (fresh / name).read_bytes()] == []


def test_the_page_leaves_room_in_the_wheel(built_page: Path) -> None:
    """Packed as in a wheel, which is to stay below 4 MB, it has at most 2.5 MB, the engine of the model included."""
    files = [path for path in built_page.rglob("*") if path.is_file()]
    packed = {path.name: len(zlib.compress(path.read_bytes())) for path in files}
    print(f"page: {sum(packed.values())} bytes packed in {len(files)} files")
    assert sum(packed.values()) <= 2_500_000, sorted(packed.items(), key=lambda each: -each[1])[:10]
    assert any(name.startswith("wllama") and name.endswith(".wasm") for name in packed)


def test_components_are_small() -> None:
    """The median is at most 60 lines, and no file has more than 400."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert statistics.median(lengths[path] for path in COMPONENTS) <= 60
    assert {path.name: n for path, n in lengths.items() if n > 400} == {}


def test_no_text_becomes_html() -> None:
    """No component uses {@html}, innerHTML or a static style attribute; texts stand in one file."""
    for path in COMPONENTS:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\{@html|innerHTML|insertAdjacentHTML|\sstyle=\"", text), path
        assert not re.search(
            r">\s*[A-Z][a-z]+ [a-z]+[^<{}]*<", text.partition("<style")[0].partition("</script>")[2]
        ), path


def test_the_lock_names_no_server() -> None:
    """Every package of the lock has its hash, and no address of a registry."""
    lock = (APP / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') > 50
    package = (APP / "package.json").read_text(encoding="utf-8")
    assert re.findall(r'": "[\^~]', package) == []


def test_one_node_builds_it() -> None:
    """The version of Node stands the same in the build hook, in pyproject.toml and in the lock."""
    import build_page

    assert f'"{build_page.NODE}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"\n{build_page.NODE} " in (ROOT / "requirements.lock").read_text(encoding="utf-8")
