"""How can a lazy group list its commands without loading one? By a table: a command is imported when it runs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click
from click.exceptions import NoSuchCommand

CommandTable = Mapping[str, tuple[str, str]]
"""Verb → (`module:attribute` below `orchestrator.cli`, first sentence of its help). Without a sentence it is hidden."""


class LazyGroup(click.Group):
    """A group that imports nothing for its own help, and one module for a command."""

    def __init__(self, *args: Any, table: CommandTable, **attrs: Any) -> None:
        """`table` says where each command is; the others are click's."""
        super().__init__(*args, **attrs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs that people type, in the order of the table."""
        return [verb for verb, (_, sentence) in self.table.items() if sentence]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command; None for a word that is none."""
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"orchestrator.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant. Raises NoSuchCommand, which names verbs that are spelled alike."""
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            raise NoSuchCommand(error.command_name, possibilities=self.list_commands(ctx), ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs with their sentences, as they stand in the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, sentence) for verb, (_, sentence) in self.table.items() if sentence])
