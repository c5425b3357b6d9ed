"""The page's sources: their own tests, their shape, and that they build the same each time."""

from __future__ import annotations

import re
import statistics
import subprocess
import zipfile
from pathlib import Path

import pytest

from orchestrator.app.updates.installation import PAGE_TOOLS

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "mobile-bridge" / "app"
SOURCES = sorted(
    path for path in (APP / "src").rglob("*") if path.suffix in {".ts", ".svelte"} and ".test." not in path.name
)
WHEEL_BYTES = 4_000_000
PACKAGES = ("missions", "sync", "handoff", "orchestrator", "mobile_bridge")
COMPONENTS = [path for path in SOURCES if path.suffix == ".svelte"]


def test_what_is_pure_holds_its_own_tests(built_page: Path) -> None:
    """Node's test runner passes every `*.test.ts` beside its module."""
    import build_page

    assert built_page.is_dir()
    how = ["--test", "--test-isolation=none", "--test-reporter=tap"]  # one process: half of the time went into starts
    words = [str(build_page.node_program()), *how, "src/**/*.test.ts"]
    done = subprocess.run(words, cwd=APP, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"^# pass (\d+)", done.stdout, re.MULTILINE)
    assert passed
    assert int(passed[1]) > 20


@pytest.mark.nightly
def test_the_same_sources_give_the_same_bytes(built_page: Path, tmp_path: Path) -> None:
    """Two builds of the page, and two of the wheel, do not differ in a byte."""
    import build_page

    fresh = tmp_path / "page"
    build_page.build(APP, fresh)
    names = {path.relative_to(built_page).as_posix() for path in built_page.rglob("*") if path.is_file()}
    assert {path.relative_to(fresh).as_posix() for path in fresh.rglob("*") if path.is_file()} == names
    assert [name for name in names if (built_page / name).read_bytes() != (fresh / name).read_bytes()] == []
    assert wheel(tmp_path / "one").read_bytes() == wheel(tmp_path / "two").read_bytes()


def wheel(folder: Path) -> Path:
    """The wheel, as a release has it."""
    from hatchling.builders.wheel import WheelBuilder

    (made,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(made)


def test_the_wheel_is_small(built_page: Path, tmp_path: Path) -> None:
    """At most 4 MB with the page and its two engines: each file of it once, packed; nothing of tests or documents."""
    assert built_page.is_dir()
    made = wheel(tmp_path)
    size = made.stat().st_size
    with zipfile.ZipFile(made) as held:
        packed = {each.filename: each.compress_size for each in held.infolist()}
    print(f"wheel: {size} bytes in {len(packed)} files")
    assert size <= WHEEL_BYTES, sorted(packed.items(), key=lambda each: -each[1])[:10]
    page = {name.partition("/page/")[2] for name in packed if name.startswith("mobile_bridge/page/")}
    assert {"index.html.gz", "sw.js.gz", "build.json"} <= page
    assert [name for name in page if name.removesuffix(".gz") in page - {name} or name.endswith(".br")] == []
    engines = sorted(re.sub(r"-[\w-]{8}\.", ".", name) for name in page if ".wasm" in name)
    assert engines == ["assets/sqlite3.wasm.gz", "assets/wllama.wasm.gz"]
    rooms = {name.partition("/")[0] for name in packed}
    assert {name for name in rooms if not name.endswith(".dist-info")} == set(PACKAGES)


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


def test_one_version_of_each_tool_builds_it() -> None:
    """The same one stands in the build hook, in pyproject.toml and in the lock; an update and the image bring each."""
    import build_page

    tools = (build_page.NODE, build_page.ZOPFLI)
    assert tuple(each.partition("==")[0] for each in tools) == PAGE_TOOLS
    for each in tools:
        assert f'"{each}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        assert f"\n{each} " in (ROOT / "requirements.lock").read_text(encoding="utf-8")
