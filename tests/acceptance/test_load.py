"""A node under load from clients that mean well, mean ill, or are gone; `make load` does it for longer."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.load import gauge, judge, plan, words
from tests.acceptance.load.book import Asked, Book, malformed
from tests.acceptance.load.gauge import Sample
from tests.acceptance.load.run import ACTS, Load
from tests.acceptance.load.wire import Reply

SEED, REQUESTS = 20261121, 600


def test_nothing_is_lost_stuck_or_leaked_under_load(tmp_path: Path) -> None:
    """Every kind of request at once while the backend dies and returns: each promise of `judge` and `run` is kept."""
    result = Load(folder=tmp_path / "run", seed=SEED, requests=REQUESTS, outages=1).run()
    assert result.faults == [], "\n".join(result.lines())
    kinds = {kind for kind, _ in result.book.counts}
    assert kinds >= ACTS.keys(), f"never tried: {ACTS.keys() - kinds}"
    assert sum(1 for asked in result.book.asked.values() if asked.told) > 20
    assert [outage for outage in result.outages if outage.over]


def test_the_same_seed_asks_the_same() -> None:
    """A run can be had again: kinds, outages; another seed is another run."""
    kinds = [[plan.kind(plan.chance(seed, number)) for number in range(200)] for seed in (1, 1, 2)]
    assert kinds[0] == kinds[1] != kinds[2]
    assert plan.outages(1, 1000) == plan.outages(1, 1000) != plan.outages(2, 1000)
    assert ACTS.keys() == plan.WEIGHTS.keys()


TEXT = f"{words.mark(1, 2, 'p1')} hello"
ANSWER = words.answer(TEXT)


def talk() -> dict[str, Any]:
    """A conversation as the node tells it."""
    turns = [{"seq": 1, "role": "user", "content": TEXT}, {"seq": 2, "role": "assistant", "content": ANSWER}]
    return {"id": "c", "turns": 2, "messages": turns}


def book() -> Book:
    """What was acknowledged of it, by a stream that was read to its end."""
    told = {"conversation_id": "c", "seq": 2, "text": ANSWER, "finish": "stop"}
    asked = Asked(text=TEXT, body={}, conversation="c", seq=1, heard=ANSWER, told=told)
    return Book(excuses=lambda began, ended: False, asked={words.found(TEXT): asked})


def found(talks: list[dict[str, Any]], noted: Book) -> list[str]:
    """What the judge says."""
    return [*judge.whole(talks), *judge.kept(talks, noted)]


def test_the_judge_lets_a_good_history_pass() -> None:
    """Whole, cut off but kept as far as it was heard, deleted."""
    assert found([talk()], book()) == []
    cut, noted = talk(), book()
    cut["messages"][1]["content"], noted.asked[words.found(TEXT)].told = ANSWER[:9], None
    noted.asked[words.found(TEXT)].heard = ANSWER[:5]
    assert found([cut], noted) == []
    gone = book()
    gone.deleted.add("c")
    assert found([], gone) == []


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda talks: talks.clear(), "is lost"),
        (lambda talks: talks.append({**deepcopy(talks[0]), "id": "d"}), "stored 2 times"),
        (lambda talks: talks.append(talks[0]), "is listed 2 times"),
        (lambda talks: talks[0]["messages"].pop(), "without answers"),
        (lambda talks: talks[0]["messages"].clear(), "is empty"),
        (lambda talks: talks[0]["messages"][1].update(seq=3), "says 2 turns and has"),
        (lambda talks: talks[0]["messages"][0].update(content=TEXT + "!"), "otherwise than it was said"),
        (lambda talks: talks[0]["messages"][0].update(content="zebra-9-9-p1"), "that nobody sent"),
        (lambda talks: talks[0]["messages"][1].update(content=ANSWER[:5]), "more was heard than is kept"),
        (lambda talks: talks[0]["messages"][1].update(content=ANSWER + "!"), "none that the model gave"),
        (lambda talks: talks[0].update(id="d"), "stands elsewhere"),
    ],
)
def test_the_judge_sees_what_is_wrong(bad: Callable[[list[dict[str, Any]]], object], said: str) -> None:
    """Lost, doubled, moved, changed, cut shorter than it was heard, without an answer."""
    talks = [talk()]
    bad(talks)
    assert any(said in each for each in found(talks, book()))


def test_the_judge_counts_operations() -> None:
    """Lost, doubled, changed, never sent; and a follower who missed one."""
    op = {"device": "d", "seq": 1, "hlc": "1", "kind": "append", "entity": "note/n", "field": "text", "value": "x"}
    noted = Book(excuses=lambda began, ended: False, pushed={"d/1": op}, sent={"d/1"})
    assert list(judge.arrived([op], noted)) == []
    for bad in ([], [op, op], [{**op, "hlc": "2"}], [op, {**op, "seq": 2}]):
        assert list(judge.arrived(bad, noted))


def test_memory_is_flat_within_a_tenth() -> None:
    """The last tenth against the first; what the end has more is what counts."""
    samples = [Sample(done=n, rss=100 + n // 50, threads=1, files=1) for n in range(0, 1001, 10)]
    assert (gauge.rss_of(samples, 0, 0.1), gauge.rss_of(samples, 0.9, 1)) == (101, 119)
    assert gauge.grown(100, 111)
    assert not gauge.grown(100, 110)


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (404, {"content-type": "text/html"}, b"<h1>", "is text/html"),
        (404, {"content-type": "application/problem+json"}, b'{"status": 400}', "is no problem"),
        (503, {"content-type": "application/problem+json"}, b'{"status": 503}', "without Retry-After"),
        (422, {"content-type": "application/problem+json"}, b'{"status": 422, "detail": "zebra"}', "repeats"),
        (404, {"content-type": "application/problem+json"}, b'{"status": 404}', ""),
        (404, {"content-type": "application/json"}, b'{"error": {"message": "", "type": ""}}', ""),
    ],
)
def test_what_is_no_problem_is_seen(status: int, headers: dict[str, str], body: bytes, said: str) -> None:
    """Each error is problem+json, or OpenAI's on its routes, and never repeats what was sent."""
    assert said in malformed("chat", Reply(status=status, headers=headers, body=body))
    assert bool(said) == bool(malformed("chat", Reply(status=status, headers=headers, body=body)))


def test_a_503_is_excused_only_while_the_backend_is_away() -> None:
    """One at another time is a fault, and so is any other 5xx."""
    noted = Book(excuses=lambda began, ended: began < 10)
    for status, began in ((503, 5.0), (503, 15.0), (500, 5.0)):
        headers = {"content-type": "application/problem+json", "retry-after": "5"}
        body = b'{"status": %d}' % status
        noted.told("chat", Reply(status=status, headers=headers, body=body, began=began, ended=began), {200})
    assert len(noted.unexcused()) == 1
    assert len(noted.faults) == 1
