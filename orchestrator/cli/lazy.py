"""How can a lazy group list its commands without loading one? By a table: a command is imported when it runs."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import click
from click.exceptions import NoSuchCommand

UNBROKEN = "\u00a0"
"""A blank at which click breaks no line."""
BETWEEN_BACKTICKS = re.compile(r"`[^`]+`")
CommandTable = Mapping[str, tuple[str, str]]
"""Verb → (`module:attribute` below `orchestrator.cli`, what it is for in a few words). Without words it is hidden."""
Sections = Mapping[str, tuple[str, ...]]
"""Heading → the verbs below it in a group's help."""


class HelpLines(click.HelpFormatter):
    """The lines of a help text, which are broken in no command between backticks."""

    def write_text(self, text: str) -> None:
        """A paragraph."""
        super().write_text(_as_words(text))

    def write_dl(self, rows: Iterable[tuple[str, str]], *args: Any, **attrs: Any) -> None:
        """Options or verbs with what each is for."""
        super().write_dl([(first, _as_words(second)) for first, second in rows], *args, **attrs)

    def getvalue(self) -> str:
        """All of it, with plain blanks."""
        return super().getvalue().replace(UNBROKEN, " ")


def _as_words(text: str) -> str:
    """Each command between backticks as one word."""
    return BETWEEN_BACKTICKS.sub(lambda found: UNBROKEN.join(found[0].split()), text)


click.Context.formatter_class = HelpLines  # of every command: contexts are made by click, one for each


class LazyGroup(click.Group):
    """A group that imports nothing for its own help, and one module for a command."""

    def __init__(
        self, *args: Any, table: CommandTable, sections: Sections | None = None, default: str = "", **attrs: Any
    ) -> None:
        """`table` says where each command is; `default` is the verb that runs without one; the others are click's."""
        super().__init__(*args, **attrs)
        self.table = table
        self.sections = sections or {"Commands": tuple(table)}
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """With no verb, or with options that are not the group's own, the default verb is meant."""
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        if self.default and not ctx.resilient_parsing and not (args and (args[0] in own or args[0][:1] != "-")):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

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
        """The command that is meant. Raises NoSuchCommand, which names groups that have such a verb, else verbs that
        are spelled alike."""
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            word = error.command_name
            if deeper := list(self._deeper(ctx, word))[:3]:
                near = f"{error.message} Did you mean {' or '.join(map(repr, deeper))}?"
                raise NoSuchCommand(word, near, ctx=ctx) from None
            raise NoSuchCommand(word, possibilities=self.list_commands(ctx), ctx=ctx) from None

    def _deeper(self, ctx: click.Context, word: str) -> Iterable[str]:
        """Where a word is a verb of one of this group's groups."""
        groups = ((verb, self.get_command(ctx, verb)) for verb in self.list_commands(ctx))
        return (f"{verb} {word}" for verb, group in groups if isinstance(group, LazyGroup) and word in group.table)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs with their words, as they stand in the table; all sections are aligned alike."""
        widest = max(map(len, self.list_commands(ctx)))
        for heading, verbs in self.sections.items():
            if listed := list(self._listed(verbs, widest)):
                with formatter.section(heading):
                    formatter.write_dl(listed)

    def _listed(self, verbs: Iterable[str], width: int) -> Iterable[tuple[str, str]]:
        return ((verb.ljust(width), self.table[verb][1]) for verb in verbs if self.table[verb][1])
