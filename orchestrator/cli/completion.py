"""shiftbook completion: how does a shell learn to complete commands and missions' names?"""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    r"""Prints the lines that make your shell complete commands, options and missions' names.

    \b
    bash   eval "$(shiftbook completion bash)"    in ~/.bashrc
    zsh    eval "$(shiftbook completion zsh)"     in ~/.zshrc
    fish   shiftbook completion fish | source     in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    program = context.find_root().command
    click.echo(found(program, {}, "shiftbook", "_SHIFTBOOK_COMPLETE").source())
