"""What do clients of a load run say to the model: whole, cut off, repeated, twice at once, never read?"""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

from tests.acceptance.load import words
from tests.acceptance.load.book import Asked
from tests.acceptance.load.client import Act, Client
from tests.acceptance.load.wire import GONE, Reply, Stream, slam
from tests.waiting import PATIENCE

CUT = Reply(status=GONE)


def chat(client: Client) -> None:
    """One message in one piece."""
    body, asked = client.message(key=client.chance.random() < 0.5, patient=True)
    reply = patiently(client, "chat", body, asked.conversation)
    _whole(client, asked, reply)


def again(client: Client) -> None:
    """A message that was answered before, sent again: the same turn."""
    if not client.answered:
        return chat(client)
    asked = client.book.asked[client.answered]
    if asked.conversation in client.book.deleted:
        return chat(client)
    reply = patiently(client, "chat again", asked.body, asked.conversation)
    if reply.status == 200:
        told, before = reply.json(), asked.told or {}
        same = all(told[name] == before[name] for name in ("conversation_id", "seq", "text", "finish"))
        if not same or not told["repeated"]:
            client.book.fault(f"chat again: {client.answered} got another answer")
    return None


def cut(client: Client) -> None:
    """Hangs up while it waits for an answer."""
    body, asked = client.message(key=client.chance.random() < 0.5)
    link = client.wire.link()
    client.wire.send(link, "POST", "/chat", body, token=client.tokens.full)
    client.busy.add(asked.conversation)
    _leave(client, link)
    client.told("chat cut", CUT, {GONE})


def stream(client: Client) -> None:
    """One message, read as it is answered."""
    body, asked = client.message(key=client.chance.random() < 0.5)
    with client.wire.stream("/chat/stream", body, token=client.tokens.full) as told:
        if client.told("stream", told.head):
            _read(client, asked, told)


def stream_cut(client: Client) -> None:
    """Hangs up at some point of a stream: before it begins, or after some events."""
    body, asked = client.message(key=client.chance.random() < 0.5)
    _cut_short(client, "stream cut", body, asked)


def stream_cut_and_again(client: Client) -> None:
    """Hangs up, and sends the same again with the same key until it is answered."""
    body, asked = client.message(key=True)
    _cut_short(client, "stream cut, asked again", body, asked)
    client.busy.add(asked.conversation)
    reply = patiently(client, "stream cut, asked again", body, asked.conversation)
    _whole(client, asked, reply)
    client.busy.add(asked.conversation)


def twice(client: Client) -> None:
    """The same message while it is being answered: one is answered, the other is sent away or gets the same."""
    body, asked = client.message(key=True)
    with client.wire.stream("/chat/stream", body, token=client.tokens.full) as told:
        if not client.told("stream twice at once", told.head):
            return
        other = client.ask("POST", "/chat", body)
        client.told("stream twice at once", other, {200, 409})
        _read(client, asked, told)
    if other.status == 200 and asked.told and other.json()["seq"] != asked.told["seq"]:
        client.book.fault(f"stream twice at once: {asked.text[:40]} was answered twice")


def never_read(client: Client) -> None:
    """Asks for a long answer and does not take it."""
    client.renew()
    body, _ = client.message(text=words.LONG)
    with client.wire.stream("/chat/stream", body, token=client.tokens.full, window=4096) as told:
        client.told("stream never read", told.head)
        time.sleep(client.chance.uniform(0.2, 3))
        slam(told.link)
    client.renew()


def completion(client: Client) -> None:
    """OpenAI's way, in one piece."""
    text = f"{client.mark()} hello"
    reply = client.ask("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": text}]})
    if client.told("completion", reply):
        _same(client, "completion", text, reply.json()["choices"][0]["message"]["content"])


def completion_stream(client: Client) -> None:
    """OpenAI's way, as a stream with usage."""
    text = f"{client.mark()} hello"
    body = _completion(text)
    with client.wire.stream("/v1/chat/completions", body, token=client.tokens.full) as told:
        if not client.told("completion stream", told.head):
            return
        chunks = [data for _, data in told.events()]
    if any(chunk and "error" in chunk for chunk in chunks):
        _failed(client, "completion stream", told.head, chunks[-1] or chunks[-2])
        return
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk and chunk["choices"])
    _same(client, "completion stream", text, said)
    if chunks[-1] is not None:
        client.book.fault("completion stream: it does not end with [DONE]")


def completion_cut(client: Client) -> None:
    """OpenAI's way, and gone."""
    text, streams = f"{client.mark()} hello", client.chance.random() < 0.5
    link = client.wire.link()
    body = {**_completion(text), "stream": True} if streams else {"messages": [{"role": "user", "content": text}]}
    client.wire.send(link, "POST", "/v1/chat/completions", body, token=client.tokens.full)
    _leave(client, link)
    client.told("completion cut", CUT, {GONE})


def models(client: Client) -> None:
    """The list, which waits for nobody."""
    reply = client.ask("GET", "/v1/models")
    client.told("models", reply)


def unknown_model(client: Client) -> None:
    """A model that there is not, by itself or at the backend."""
    name = client.chance.choice(["", "openai/"]) + client.mark()
    body = {"model": name, "messages": [{"role": "user", "content": "hello"}]}
    client.told("unknown model", client.ask("POST", "/v1/chat/completions", body), {404})


def _completion(text: str) -> dict[str, Any]:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    return {"messages": [{"role": "user", "content": text}], **options}


def patiently(client: Client, kind: str, body: dict[str, Any], conversation: str) -> Reply:
    """A chat; sent again while the conversation still answers what was cut off before, and lets go of it at last."""
    over = time.monotonic() + (PATIENCE if conversation in client.busy else 0)
    while (reply := client.ask("POST", "/chat", body)).status == 409 and time.monotonic() < over:
        time.sleep(0.05)
    client.told(kind, reply)
    return reply


def _whole(client: Client, asked: Asked, reply: Reply) -> None:
    """Notes an answer that came in one piece."""
    if reply.status != 200:
        return
    told = reply.json()
    _answered(client, asked, told)
    if not told["repeated"] and told["finish"] != "stop":
        client.book.fault(f"chat: an answer that nobody stopped ended with {told['finish']}")


def _answered(client: Client, asked: Asked, told: dict[str, Any]) -> None:
    asked.told, asked.conversation = told, told["conversation_id"]
    client.goes_on(asked.conversation)
    if told["finish"] == "stop":
        _same(client, "chat", asked.text, told["text"])
        client.answered = asked.body.get("idempotency_key", client.answered)


def _read(client: Client, asked: Asked, told: Stream, events: int = -1) -> None:
    """Takes in a stream, or so many events of it."""
    for number, (name, data) in enumerate(told.events()):
        if name == "start":
            asked.conversation, asked.seq = data["conversation_id"], data["turn"]
        elif name == "token":
            asked.heard += data["text"]
        elif name == "error":
            _failed(client, "stream", told.head, data)
            client.renew()
            return
        elif name == "done":
            if data["text"] != asked.heard:
                client.book.fault(f"stream: {asked.text[:40]} was told as {asked.heard!r}, and then {data['text']!r}")
            _answered(client, asked, data)
            return
        if number == events:
            return
    client.book.fault(f"stream: {asked.text[:40]} ended without `done` or `error`")


def _cut_short(client: Client, kind: str, body: dict[str, Any], asked: Asked) -> None:
    client.busy.add(asked.conversation)
    if client.chance.random() < 0.25:
        link = client.wire.link()
        client.wire.send(link, "POST", "/chat/stream", body, token=client.tokens.full)
        _leave(client, link)
        client.told(kind, CUT, {GONE})
        return
    with client.wire.stream("/chat/stream", body, token=client.tokens.full) as told:
        if client.told(kind, told.head):
            _read(client, asked, told, events=client.chance.randrange(8))
        if client.chance.random() < 0.5:
            slam(told.link)


def _leave(client: Client, link: http.client.HTTPConnection) -> None:
    time.sleep(client.chance.choice([0, client.chance.uniform(0, 0.3)]))
    if client.chance.random() < 0.5:
        slam(link)
    link.close()


def _failed(client: Client, kind: str, head: Reply, data: dict[str, Any]) -> None:
    """Notes an error that came inside a stream: as if it had been its status."""
    body = json.dumps(data).encode()
    status = data.get("status", 503)  # OpenAI's form has none: it is judged as the one that is excused at times
    headers = {"content-type": "application/problem+json" if "status" in data else "application/json"}
    headers |= {"retry-after": "in a stream there is none"}
    reply = Reply(status=status, headers=headers, body=body, began=head.began, ended=time.monotonic())
    client.told(f"{kind}, inside", reply)


def _same(client: Client, kind: str, text: str, said: str) -> None:
    if said != words.answer(text):
        client.book.fault(f"{kind}: {text[:40]} was answered with {said[:80]!r}")


ACTS: dict[str, Act] = {
    "chat": chat,
    "chat again": again,
    "chat cut": cut,
    "stream": stream,
    "stream cut": stream_cut,
    "stream cut, asked again": stream_cut_and_again,
    "stream twice at once": twice,
    "stream never read": never_read,
    "completion": completion,
    "completion stream": completion_stream,
    "completion cut": completion_cut,
    "models": models,
    "unknown model": unknown_model,
}
