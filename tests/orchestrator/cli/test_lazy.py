"""The command line names its commands in tables, and loads one when it is run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from orchestrator.cli import cli
from orchestrator.cli.lazy import LazyGroup

Words = tuple[str, ...]

LIGHT = {
    "missions.errors",
    "sync.errors",
    "orchestrator.api.auth.scopes",
    "orchestrator.app.wiring",
    "orchestrator.core.environment",
    "orchestrator.core.errors",
    "orchestrator.workflow.spending.group_keys",
}
"""What a command may load of the product for its help: it holds no more than names, errors and who makes what."""


def _groups(group: LazyGroup, words: Words = ()) -> Iterator[tuple[Words, LazyGroup]]:
    yield words, group
    for verb in group.table:
        inner = group.get_command(click.Context(group), verb)
        if isinstance(inner, LazyGroup):
            yield from _groups(inner, (*words, verb))


assert isinstance(cli, LazyGroup)
GROUPS = dict(_groups(cli))
ENTRIES = [(words, verb) for words, group in GROUPS.items() for verb in group.table]


@pytest.mark.parametrize(("words", "verb"), ENTRIES, ids=lambda each: each if isinstance(each, str) else " ".join(each))
def test_every_entry_leads_to_its_command_and_says_what_it_says(words: Words, verb: str) -> None:
    """The sentence in the table is the first one of the command's own help; one without a sentence is hidden."""
    group = GROUPS[words]
    command = group.get_command(click.Context(group), verb)
    assert command is not None
    assert command.name == verb
    sentence = group.table[verb][1]
    assert command.hidden == (not sentence)
    assert command.hidden or command.get_short_help_str(limit=1000) == sentence


def _loaded(calls: list[Words]) -> set[str]:
    """The modules that are loaded when another Python has printed the help of these commands."""
    script = (
        "import sys\n"
        "from orchestrator.cli import cli\n"
        f"for words in {calls!r}:\n"
        "    cli.main([*words, '--help'], standalone_mode=False)\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.count("Usage: ") == len(calls)
    return set(done.stderr.split())


def _product(loaded: set[str]) -> set[str]:
    """Modules of the product that are no folder of others and no part of the command line."""
    ours = {name for name in loaded if name.partition(".")[0] in {"orchestrator", "handoff", "missions", "sync"}}
    packages = {name.rpartition(".")[0] for name in ours} | {name for name in ours if "." not in name}
    packages |= {name.rpartition(".")[0] for name in packages}
    return {name for name in ours - packages if not name.startswith("orchestrator.cli.")}


def test_help_of_a_group_loads_no_product_code() -> None:
    """Of the program and of every group: neither the product nor a library that takes long."""
    loaded = _loaded(list(GROUPS))
    assert _product(loaded) <= LIGHT
    assert not loaded & {"pydantic", "rich", "git", "httpx", "sqlalchemy", "asyncio", "yaml", "subprocess"}


def test_a_command_loads_its_own_module_only() -> None:
    """Its help needs what stands beside its options, and nothing of its neighbours."""
    loaded = _loaded([("mission", "list")])
    assert {name for name in loaded if name.startswith("orchestrator.cli.mission.")} == {
        "orchestrator.cli.mission.listing"
    }


def test_help_of_a_command_needs_nothing_of_what_it_does() -> None:
    """Of every command there is."""
    loaded = _loaded([(*words, verb) for words, verb in ENTRIES])
    assert _product(loaded) <= LIGHT
    assert not loaded & {"pydantic", "rich.console", "git", "httpx", "sqlalchemy", "asyncio", "yaml"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["misson"], "Did you mean 'mission'?"),
        (["mission", "lst"], "Did you mean 'list'?"),
        (["fleet", "admitt"], "Did you mean 'admit'?"),
        (["serv"], "No such command 'serv'."),
        (["xyzzy"], "No such command 'xyzzy'."),
    ],
)
def test_a_word_that_is_no_command(words: list[str], says: str) -> None:
    """Exit code 2, with the verbs that are spelled alike; none that programs call."""
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].endswith(says)


def test_programs_find_their_hidden_commands() -> None:
    """They are there, and listed nowhere."""
    assert CliRunner().invoke(cli, ["serve", "--help"]).exit_code == 0
    assert CliRunner().invoke(cli, ["gatehouse", "--help"]).exit_code == 0
    assert not {"serve", "gatehouse"} & set(CliRunner().invoke(cli, ["--help"]).stdout.split())
