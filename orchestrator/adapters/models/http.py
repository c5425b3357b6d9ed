"""How is a model's server called over HTTP so that the call can be dropped at any moment?

A blocking read cannot be interrupted, and a server that is not hung up on goes on generating. So each call runs in an
event loop of its own, in the caller's thread: cancelling its task closes the connection, whatever it waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import cache
from typing import TYPE_CHECKING, Any

from orchestrator.adapters.models import server_probe
from orchestrator.adapters.models.blocking_call import POLL_SECONDS
from orchestrator.core.ports.model import Prompt, Stop

if TYPE_CHECKING:  # loaded where a server is called: a node whose model is not asked saves 7 MiB
    from ssl import SSLContext

CONNECT_SECONDS = 10.0
"""For a call that asks the model: far above the probe's, which has just asked. The model keeps its machine busy, and an
event loop that is held up for a moment gives up a connection that was made meanwhile."""
READ_TIMEOUT_SECONDS = 600.0
"""The longest wait between two bytes of an answer: a server may have to load the model first."""
CANCEL_TIMEOUT_SECONDS = 1.0


def run_until_stopped(work: Callable[[], Coroutine[Any, Any, None]], stop: Stop) -> bool:
    """Does `work` until it ends or until the stop; returns whether it ended by itself. Raises what it raises.

    Not to be called where an event loop runs already.
    """
    if stop.is_set():
        return False
    import asyncio  # with `ssl`, 2 MiB that a node whose model is not asked saves

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_watched(work(), stop))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()  # unlike asyncio.run, it does not wait for a name that is still being looked up


async def _watched(work: Coroutine[Any, Any, None], stop: Stop) -> bool:
    import asyncio

    task = asyncio.ensure_future(work)
    while not (await asyncio.wait({task}, timeout=POLL_SECONDS))[0]:
        if stop.is_set():
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_TIMEOUT_SECONDS)
            return False
    task.result()
    return True


def client_options(url: str, *, silence: float = READ_TIMEOUT_SECONDS) -> dict[str, Any]:
    """What an httpx client for `url` is made with. A short `silence`, in seconds, is a question that needs no model: it
    finds out as quickly as the probe whether somebody is there."""
    import httpx

    connect = server_probe.connect_timeout(url) if silence < CONNECT_SECONDS else CONNECT_SECONDS
    return {
        "timeout": httpx.Timeout(silence, connect=connect),
        "verify": _certificates(),
        "trust_env": not server_probe.is_nearby(
            url
        ),  # a proxy for the internet has no business with a server in the house
    }


@cache
def _certificates() -> SSLContext:
    """Reading them takes longer than a call to a neighbour, so it is done once."""
    import httpx

    return httpx.create_ssl_context()


def chat_completion_body(prompt: Prompt) -> dict[str, Any]:
    """A prompt as a chat completion of OpenAI's API asks it, streamed. What is None is left to the server."""
    body: dict[str, Any] = {
        "messages": [{"role": each.role, "content": each.content} for each in prompt.messages],
        "max_tokens": prompt.max_tokens,
        "stream": True,
    }
    if prompt.temperature is not None:
        body["temperature"] = prompt.temperature
    if prompt.seed is not None:
        body["seed"] = prompt.seed
    if prompt.stop:
        body["stop"] = list(prompt.stop)
    if prompt.schema is not None:
        named = {"name": "answer", "schema": prompt.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return body
