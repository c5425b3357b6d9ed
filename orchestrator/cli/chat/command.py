"""The command `shiftbook chat`: with what, about what and in which conversation does a person talk with a model?"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING

import click

from orchestrator.cli import terminal
from orchestrator.cli.clone.here import node_settings

if TYPE_CHECKING:
    from orchestrator.cli.chat.backend import ChatBackend
    from orchestrator.core.settings import Settings


@click.command("chat")
@click.argument("message", required=False)
@click.option("--project", default="", metavar="NAME", help="What it is about: a project of the fleet.")
@click.option("--model", default="", metavar="NAME", help="A model, a backend, or backend/model.")
@click.option("--tools", is_flag=True, help="Let it search, read, write, run, use a shell and git in its workspace.")
@click.option("--continue", "go_on", is_flag=True, help="Go on with the conversation that was used last here.")
@click.option("--conversation", default="", metavar="ID", help="Go on with this conversation.")
@click.option("--trim", is_flag=True, help="Leave out the oldest turns, and say so, where all are too long.")
@click.option("--token", default="", envvar="SHIFTBOOK_TOKEN", help="For a node that asks for one (SHIFTBOOK_TOKEN).")
@click.option("--json", "as_json", is_flag=True, help="With MESSAGE: print the answer as JSON.")
def chat(
    message: str | None,
    project: str,
    model: str,
    tools: bool,
    go_on: bool,
    conversation: str,
    trim: bool,
    token: str,
    as_json: bool,
) -> None:
    """Talks with this node's model, from what the fleet knows.

    With MESSAGE it answers that and ends. It goes through the node that runs here, or answers in this process where
    none runs; conversations are the same either way.
    """
    from orchestrator.chat.values import ChatRequest
    from orchestrator.cli.chat.conversation import NO_LEDGER, TerminalChat, all_tools, with_input_history
    from orchestrator.cli.chat.opening import OpeningBackend
    from orchestrator.cli.chat.page import ChatPage

    chosen = node_settings("this chat")
    request = ChatRequest(
        message="",
        device=terminal.DEVICE_ID,
        conversation=conversation,
        project=project,
        model=model,
        tools=all_tools() if tools else (),
        trim=trim,
    )
    line = OpeningBackend(lambda: _open_backend(chosen, token), model)
    line.start()
    with closing(line):
        talk = TerminalChat(backend=line, page=ChatPage(sys.stderr if as_json else sys.stdout), request=request)
        if go_on:
            talk.go_on()
        if message is None:
            with_input_history(
                chosen.home / "chat-history", lambda: talk.loop(chosen.node, "" if chosen.ledger else NO_LEDGER)
            )
        elif as_json:
            talk.print_answer(message)
        else:
            talk.say(message)


def _open_backend(settings: Settings, token: str) -> AbstractContextManager[ChatBackend]:
    from orchestrator.cli.chat.backend import open_chat_backend

    return open_chat_backend(settings, token)
