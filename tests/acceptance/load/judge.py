"""Is everything that was acknowledged there, exactly once? Read from the node over HTTP when all clients are gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.acceptance.load import words
from tests.acceptance.load.book import Asked, Book
from tests.acceptance.load.client import Client
from tests.acceptance.load.devices import key
from tests.acceptance.load.served import Served
from tests.acceptance.load.wire import Wire

Talk = dict[str, Any]
PAGE = 200


def judge(node: Served, book: Book, clients: list[Client]) -> list[str]:
    """Everything that is lost, doubled, or other than it was told."""
    wire, token = node.wire, node.tokens.full
    talks = list(conversations(wire, token))
    found = [*whole(talks), *kept(talks, book)]
    ops = operations(wire, token)
    found += [*arrived(ops, book), *followed(ops, clients)]
    for device, states in sorted(book.states.items()):
        found += _states(wire, token, device, states)
    return found


def conversations(wire: Wire, token: str) -> Iterator[Talk]:
    """Every conversation with all its turns."""
    before = ""
    while True:
        page = wire.ask("GET", f"/chat/conversations?limit={PAGE}&before={before.replace('+', '%2B')}", token=token)
        told = page.json()
        for each in told["conversations"]:
            yield _talk(wire, token, each["id"])
        before = told["next"]
        if not before:
            return


def _talk(wire: Wire, token: str, name: str) -> Talk:
    talk: Talk = wire.ask("GET", f"/chat/conversations/{name}?limit=500", token=token).json()
    return talk


def whole(talks: list[Talk]) -> Iterator[str]:
    """Each turn once, without a gap, and after each message an answer."""
    names = Counter(talk["id"] for talk in talks)
    yield from (f"conversation {name} is listed {count} times" for name, count in names.items() if count > 1)
    for talk in talks:
        turns = talk["messages"]
        if [turn["seq"] for turn in turns] != list(range(1, talk["turns"] + 1)):
            yield f"conversation {talk['id']} says {talk['turns']} turns and has {[turn['seq'] for turn in turns]}"
        if not turns:
            yield f"conversation {talk['id']} is empty"
        roles = "".join(turn["role"][0] for turn in turns)
        if roles != "ua" * (len(roles) // 2):
            yield f"conversation {talk['id']} has messages without answers: {roles}"


def kept(talks: list[Talk], book: Book) -> Iterator[str]:
    """Each message that was acknowledged once, each answer as it was told, and nothing that nobody said."""
    places: dict[str, list[tuple[Talk, int]]] = {}
    for talk in talks:
        for at, turn in enumerate(talk["messages"]):
            if turn["role"] == "user":
                places.setdefault(words.found(turn["content"]), []).append((talk, at))
    yield from (f"a message that nobody sent: {name!r}" for name in places.keys() - book.asked.keys())
    for name, asked in book.asked.items():
        yield from _message(name, asked, places.get(name, []), book)


def _message(name: str, asked: Asked, places: list[tuple[Talk, int]], book: Book) -> Iterator[str]:
    if len(places) > 1:
        yield f"{name} is stored {len(places)} times"
    known = asked.told is not None or asked.seq
    if not places:
        if known and asked.conversation not in book.deleted:
            yield f"{name} was acknowledged and is lost"
        return
    talk, at = places[0]
    turns = talk["messages"]
    if turns[at]["content"] != asked.text or (known and talk["id"] != asked.conversation):
        yield f"{name} stands elsewhere or otherwise than it was said"
    if asked.seq and turns[at]["seq"] != asked.seq:
        yield f"{name} was acknowledged as turn {asked.seq} and is turn {turns[at]['seq']}"
    answer = turns[at + 1] if at + 1 < len(turns) else {"role": "", "content": "", "seq": 0}
    if asked.told and (answer["seq"], answer["content"]) != (asked.told["seq"], asked.told["text"]):
        yield f"the answer to {name} is kept as turn {answer['seq']}, {answer['content'][:80]!r}, not as it was told"
    if not answer["content"].startswith(asked.heard):
        yield f"of the answer to {name} more was heard than is kept: {asked.heard[:80]!r}, {answer['content'][:80]!r}"
    if not words.answer(asked.text).startswith(answer["content"]):
        yield f"the answer to {name} is none that the model gave: {answer['content'][:80]!r}"


def operations(wire: Wire, token: str) -> list[dict[str, Any]]:
    """Every operation, from the beginning."""
    found: list[dict[str, Any]] = []
    cursor, more = "", True
    while more:
        told = wire.ask("GET", f"/sync/pull?limit=500&after={cursor}", token=token).json()
        found += told["ops"]
        cursor, more = told["cursor"], told["more"]
    return found


def arrived(ops: list[dict[str, Any]], book: Book) -> Iterator[str]:
    """Each operation that was acknowledged once, as it was sent; what the node says itself is counted elsewhere."""
    ops = [op for op in ops if not op["device"].startswith("@")]
    counts = Counter(key(op) for op in ops)
    yield from (f"operation {name} is there {count} times" for name, count in counts.items() if count > 1)
    yield from (f"operation {name} was acknowledged and is lost" for name in book.pushed.keys() - counts.keys())
    yield from (f"operation {name} was never sent" for name in counts.keys() - book.sent)
    for op in ops:
        if key(op) in book.pushed and op != book.pushed[key(op)]:
            yield f"operation {key(op)} is another than was sent"


def followed(ops: list[dict[str, Any]], clients: list[Client]) -> Iterator[str]:
    """Who pulled a page now and then has had every one once, in order."""
    order = [key(op) for op in ops]
    for client in clients:
        if client.pulled != order[: len(client.pulled)]:
            yield f"{client.name} pulled {len(client.pulled)} operations, not the first {len(client.pulled)} in order"


def _states(wire: Wire, token: str, device: str, states: dict[int, Any]) -> Iterator[str]:
    told = wire.ask("GET", f"/device/{device}/history?limit=500", token=token).json()["states"]
    there = [(each["seq"], each["state"]) for each in reversed(told)]
    if there != sorted(states.items()):
        yield f"{device} acknowledged states {sorted(states)}, and kept are {[seq for seq, _ in there]}"
