"""Does each route redact what it sends, and close the ledger's reader processes that it has opened?"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.sources import MODULES, ROOT, nodes

ROUTES = "orchestrator/api/routes/"
SENDERS = {"jsonify", "Response"}
SENT_AS_IT_IS = {
    "chat.py:delete": "no body",
    "delegation/registrations.py:register": "times and names of nodes, of this program's own making",
    "description.py:openapi": "the description of the routes",
    "devices/device_model.py:offered": "a model's name, size and digest",
    "devices/device_model.py:piece": "a piece of a model's file",
    "devices/paired.py:candidates": "addresses of nodes",
    "devices/paired.py:change": "a device's row",
    "devices/paired.py:listing": "devices' rows",
    "devices/paired.py:one": "a device's row",
    "devices/paired.py:session": "gives a device its token",
    "devices/pairing.py:begin": "gives a person the link that pairs",
    "devices/pairing.py:claim": "an exchange of public keys",
    "devices/pairing.py:confirm": "a device's row",
    "devices/pairing.py:look": "how a pairing stands",
    "devices/pairing.py:progress": "the same",
    "devices/pairing.py:reveal": "the same",
    "devices/push.py:_state": "whether a device is subscribed",
    "devices/push.py:key": "a public key",
    "devices/sealed.py:_answer": "what a route has answered, sealed",
    "devices/sealed.py:sealed": "an exchange of public keys",
    "devices/state.py:history": "a device's own figures",
    "devices/state.py:report": "the same",
    "devices/sync.py:handshake": "marks of what a device has",
    "devices/sync.py:push": "the same",
    "git.py:_serve_git": "the repository, to whoever may fetch it",
    "health.py:health": "the node's name and role",
    "hooks.py:forge_hook": "no body",
    "hooks.py:hook": "no body",
    "joining.py:join": "gives a machine its token",
    "missions/evidence.py:one": "a file, redacted and judged by workflow.kept_evidence",
    "missions/listing.py:picture": "a picture, judged by workflow.approval.diff_pictures",
    "openai/endpoints.py:completions": "a model's words on what the caller itself has sent",
    "openai/endpoints.py:embeddings": "numbers",
    "openai/endpoints.py:model": "a model's name",
    "openai/endpoints.py:models": "models' names",
    "page.py:_sent": "the page's own files",
    "page.py:page_response": "words of ours",
    "tokens.py:issue": "gives an operator a token",
}
"""Routes that send something without redacting it, each with what that is."""


def test_what_a_route_sends_is_redacted() -> None:
    """By `redacted`, or in `ledger_answer`; whatever else is sent says what it is."""
    bare = {place for place, calls in _functions() if calls & SENDERS and "redacted" not in calls}
    assert sorted(bare ^ SENT_AS_IT_IS.keys()) == []


def test_whoever_opens_the_ledger_closes_it() -> None:
    """A fleet's door starts reader processes; one that is left open stays with its process and its files."""
    assert [place for place, calls in _functions() if "fleet" in calls and "close" not in calls] == []


def _functions() -> Iterator[tuple[str, set[str]]]:
    for path in MODULES:
        place = str(path.relative_to(ROOT))
        for node in nodes(path, ast.FunctionDef):
            if place.startswith(ROUTES):
                yield f"{place.removeprefix(ROUTES)}:{node.name}", set(_called(node))


def _called(function: ast.AST) -> Iterator[str]:
    """What a function calls itself, not within a function of its own."""
    for node in ast.iter_child_nodes(function):
        if isinstance(node, ast.FunctionDef):
            continue
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        yield from _called(node)
