"""What does a chat that did work leave in the session log?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from handoff.secrets.excerpts import redacted_line
from orchestrator.chat.values import ChatAnswer, ChatRequest
from orchestrator.core.ports.conversations import Conversation
from orchestrator.workflow.journal.log import ExternalAgent, Logbook

MAX_LINE_CHARACTERS = 300
"""Characters of one line."""


@dataclass(frozen=True, kw_only=True)
class ChatLogWriter:
    """Writes entries in the name of the chat at this node; the logbook takes secrets out."""

    logbook: Callable[[], Logbook]
    node: str

    def write(self, request: ChatRequest, conversation: Conversation, answer: ChatAnswer) -> str:
        """Appends an entry; returns its id. Raises what the logbook raises."""
        by = ExternalAgent(agent="chat", node=self.node, model=answer.usage.model)
        title = f"Chat {conversation.id}"
        return (
            self.logbook()
            .add(entry_sections(request, conversation, answer), project=conversation.project, title=title, by=by)
            .entry_id
        )


def entry_sections(request: ChatRequest, conversation: Conversation, answer: ChatAnswer) -> dict[str, str]:
    """The entry's sections: what was asked, what was done, what changed."""
    done = [call for call in answer.tools if call["changed"]]
    failed = [call for call in answer.tools if not call["ok"]]
    written = sorted({str(call["arguments"].get("path", "")) for call in done if call["tool"] == "write"})
    ran = [call for call in done if call["tool"] in ("run", "shell")]
    return {
        "Starting Context": f"Conversation {conversation.id}, turn {answer.seq}. Asked: {_one_line(request.message)}",
        "Work Accomplished": _bullet_list([_describe_call(call) for call in done])
        + (f"\n\nAnswered: {_one_line(answer.text)}" if answer.text.strip() else ""),
        "Code Changes": _bullet_list([f"`{path}`" for path in written]),
        "Blockers": _bullet_list([f"{_describe_call(call)}: {_one_line(str(call['result']))}" for call in failed]),
        "For Next Instance": f"The files are in the workspace of conversation {conversation.id} at this node; nothing "
        "was pushed to the project.",
        "Test Status": _bullet_list(
            [f"{_describe_call(call)}: {_one_line(str(call['result']).rsplit(chr(10), 1)[-1])}" for call in ran]
        ),
    }


def _one_line(text: str) -> str:
    """The beginning of a text; a secret that its end would cut is taken out before."""
    return redacted_line(text, MAX_LINE_CHARACTERS)


def _describe_call(call: dict[str, Any] | Any) -> str:
    arguments = call["arguments"]
    what = arguments.get("line") or arguments.get("path") or arguments.get("message") or arguments.get("code") or ""
    return f"{call['act']} `{_one_line(str(what)).replace('`', chr(39))}`" if what else str(call["act"])


def _bullet_list(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
