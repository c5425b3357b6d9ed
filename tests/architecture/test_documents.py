"""The documents name everything that a person can type, write or set."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from missions.declared.plain_values import declared_fields, hints
from missions.fields import ROLES
from orchestrator.cli import cli
from orchestrator.core.settings import SETTING_NAMES, variable
from orchestrator.ledger.config.agent_tables import AgentPart
from orchestrator.ledger.config.fleet_toml import BusPart, FleetConfig, FleetPart, ProjectPart, TrustPart
from orchestrator.ledger.config.node_tables import DivisionPart, NodePart
from orchestrator.ledger.config.notification import NotificationKind
from orchestrator.ledger.config.server_tables import ServerPart
from orchestrator.ledger.config.supplier_tables import SignalRule, SupplierPart
from tests.architecture.sources import MODULES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {path.name: path.read_text(encoding="utf-8") for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]}


def _commands(command: click.Command, words: tuple[str, ...], ctx: click.Context) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            yield from _commands(inner, (*words, name), ctx)
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield words


COMMANDS = list(_commands(cli, ("shiftbook",), click.Context(cli)))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_is_in_the_documents(words: tuple[str, ...]) -> None:
    """docs/commands.md shows each command by its full name."""
    assert f"`{' '.join(words)}" in DOCUMENTS["commands.md"]


def test_no_command_has_two_rows() -> None:
    """Of two one would be stale."""
    rows = re.findall(r"^\| `(shiftbook[^`]*)`", DOCUMENTS["commands.md"], re.MULTILINE)
    assert [row for row in sorted(set(rows)) if rows.count(row) > 1] == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_is_for(words: tuple[str, ...]) -> None:
    """--help has a sentence for each command and for each of its options."""
    command: click.Command = cli
    for word in words[1:]:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(cli), word)
        assert found is not None
        command = found
    assert command.help
    undocumented = [p.name for p in command.params if isinstance(p, click.Option) and not p.help and p.name != "title"]
    assert undocumented == []


def test_every_setting_is_in_the_documents() -> None:
    """docs/settings.md has a row for each environment variable."""
    names = [variable(field) for field in SETTING_NAMES]
    assert [name for name in names if f"| `{name}` |" not in DOCUMENTS["settings.md"]] == []


def test_every_field_of_a_mission_is_in_the_documents() -> None:
    """docs/missions.md names each front-matter field."""
    assert [name for name in ROLES if f"`{name}`" not in DOCUMENTS["missions.md"]] == []


def test_every_key_of_the_fleets_file_is_in_the_documents() -> None:
    """docs/settings.md names each key of fleet.toml, with its table."""
    named = {"projects", "nodes", "suppliers"}
    parts = {name: kind for name, kind in hints(FleetConfig).items() if name not in named and isinstance(kind, type)}
    keys = [f"{table}.{key}" for table, part in parts.items() for key in declared_fields(part)]
    keys += [f"projects.NAME.{key}" for key in declared_fields(ProjectPart)]
    keys += [f"projects.NAME.mcp.SERVER.{key}" for key in declared_fields(ServerPart)]
    keys += [f"agents.NAME.{key}" for key in declared_fields(AgentPart)]
    keys += [f"nodes.NAME.divisions.DIVISION.{key}" for key in declared_fields(DivisionPart)]
    keys += [f"suppliers.NAME.{key}" for key in declared_fields(SupplierPart)]
    keys += [f"suppliers.NAME.rules.{key}" for key in declared_fields(SignalRule)]
    assert list(declared_fields(NodePart)) == ["divisions"]
    assert {FleetPart, BusPart, TrustPart} <= set(parts.values())
    assert [key for key in keys if f"`{key}`" not in DOCUMENTS["settings.md"]] == []


def test_links_between_documents_lead_somewhere() -> None:
    """Every relative link in the README and the other documents names a file that is there."""
    import re

    broken = []
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if not (path.parent / target).exists():
                broken.append(f"{path.name}: {target}")
    assert broken == []


def _runs_in_make_test(file: Path) -> bool:
    """Whether a file holds a test that is not set aside for `make nightly`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    marks = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign)]
    if any("nightly" in mark for mark in marks if mark.startswith("pytestmark")):
        return False
    classes = [node.body for node in tree.body if isinstance(node, ast.ClassDef)]
    held = [node for body in (tree.body, *classes) for node in body]  # pytest looks no deeper, either
    tests = [node for node in held if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    machines = [node for node in tree.body if isinstance(node, ast.Assign) and "TestCase" in ast.unparse(node.value)]
    return bool(machines) or any("pytest.mark.nightly" not in map(ast.unparse, t.decorator_list) for t in tests)


def test_every_invariant_is_held_by_make_test() -> None:
    """The tests that ARCHITECTURE.md names beside its invariants are there, and `make test` runs them."""
    table = DOCUMENTS["ARCHITECTURE.md"].partition("## Invariants")[2].partition("\n## ")[0]
    named = re.findall(r"`(tests/[^`]+)`", table)
    files = [
        file for name in named for file in ([ROOT / name] if name.endswith(".py") else (ROOT / name).glob("test_*"))
    ]
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert [str(file.relative_to(ROOT)) for file in files if not _runs_in_make_test(file)] == []


NAMED = re.compile(r"`([a-z][a-z_]*(?:[/.][A-Za-z_]\w*)+)`")
"""A module, or a thing in one, as ARCHITECTURE.md names it: `missions/lease`, `claims.confirm`, `wiring.agents`."""
NO_MODULES = frozenset({"toml", "md", "py", "svg", "db", "json", "ts"})
"""Endings of files."""
ENTRY_POINTS = "shiftbook."


def test_what_the_architecture_names_is_there() -> None:
    """A name that was changed in the code is found here, not by whoever looks for it in vain."""
    sources = {path: path.with_suffix("").parts for path in MODULES}
    packages = {path.parent.parts for path in MODULES}

    def is_there(name: str) -> bool:
        parts = tuple(re.split(r"[/.]", name))
        in_tests = parts[0] == "tests" and ((ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file())
        if in_tests or any(where[-len(parts) :] == parts for where in (*sources.values(), *packages)):
            return True
        owner, thing = parts[:-1], parts[-1]
        known = re.compile(rf"\b{re.escape(thing)}\b")
        modules = [
            path for path, where in sources.items() if owner in (where[-len(owner) :], where[-len(owner) - 1 : -1])
        ]
        return any(known.search(path.read_text(encoding="utf-8")) for path in modules) or _is_attribute(owner, known)

    def _is_attribute(owner: tuple[str, ...], known: re.Pattern[str]) -> bool:
        """`Handback.hand_back`: a class and its method, wherever they stand."""
        found = (path.read_text(encoding="utf-8") for path in MODULES) if owner[-1][:1].isupper() else ()
        return any(f"class {owner[-1]}" in text and known.search(text) for text in found)

    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    names = {name for name in NAMED.findall(text) if name.rpartition(".")[2] not in NO_MODULES}
    assert len(names) > 100
    assert sorted(name for name in names if not is_there(name) and not name.startswith(ENTRY_POINTS)) == []


def test_the_page_has_words_for_each_kind_of_notice() -> None:
    """Else a person who chooses what to be told sees the bare word."""
    text = (ROOT / "mobile-bridge/app/src/texts/en-screens.ts").read_text(encoding="utf-8")
    words = text.partition("kind: {")[2].partition("}")[0]
    assert [kind.value for kind in NotificationKind if not re.search(rf"\b{kind.value}'?: '", words)] == []
