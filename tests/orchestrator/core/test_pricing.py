"""Facts about what a model's work costs, against bills worked out by hand."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace
from typing import NoReturn

import pytest

from orchestrator.core import pricing
from orchestrator.core.own_installation import extra_command
from orchestrator.core.ports.model import Usage

BILLS = [
    # $3 a million read, $0.30 from the cache, $3.75 into it, $15 written
    (
        Usage(
            model="claude-sonnet-4-5-20250929",
            tokens_in=100_000,
            tokens_cached=60_000,
            tokens_written=30_000,
            tokens_out=2_000,
        ),
        10_000 * 3e-6 + 60_000 * 0.3e-6 + 30_000 * 3.75e-6 + 2_000 * 15e-6,
    ),
    # $1.25, $0.125, $10
    (
        Usage(model="gpt-5", tokens_in=100_000, tokens_cached=80_000, tokens_out=1_000),
        20_000 * 1.25e-6 + 80_000 * 0.125e-6 + 1_000 * 10e-6,
    ),
    # $0.30, $0.03 and $2.50
    (
        Usage(model="gemini-2.5-flash", tokens_in=100_000, tokens_cached=40_000, tokens_out=1_000),
        60_000 * 0.3e-6 + 40_000 * 0.03e-6 + 1_000 * 2.5e-6,
    ),
]


@pytest.mark.parametrize(("usage", "bill"), BILLS, ids=lambda each: getattr(each, "model", None))
def test_bills(usage: Usage, bill: float) -> None:
    """Each kind of token has its own price, and what came from a cache is not paid in full as well."""
    assert pricing.cost(usage) == pytest.approx(bill, rel=1e-9)
    assert pricing.call_cost(usage) == pytest.approx(bill, rel=1e-9)


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "gemini-2.5-pro", "gpt-5.5"])
def test_many_short_calls_cost_no_long_prompt(model: str) -> None:
    """A sum of short calls costs what they do; only a single call is asked the higher price of a long prompt."""
    call = Usage(model=model, tokens_in=30_000, tokens_cached=20_000, tokens_out=1_000)
    twenty = Usage(model=model, tokens_in=600_000, tokens_cached=400_000, tokens_out=20_000)
    one, long = pricing.call_cost(call), pricing.call_cost(twenty)
    assert one is not None
    assert long is not None
    assert pricing.cost(twenty) == pytest.approx(20 * one, rel=1e-9)
    assert long > 1.4 * 20 * one
    remote = replace(twenty, backend="openai")
    assert pricing.priced(remote).cost_usd == pytest.approx(20 * one, rel=1e-9)
    assert pricing.priced(remote, one_call=True).cost_usd == long


def test_a_providers_name() -> None:
    """A model may be named with its provider before it."""
    plain, named = (
        pricing.cost(Usage(model=name, tokens_in=1000, tokens_out=10))
        for name in ("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5")
    )
    assert plain == named
    assert plain is not None


@pytest.mark.parametrize("model", ["", "nobody-knows-it", "nobody/knows-it", "a/b/c", "/", "smollm2-135m"])
def test_unknown(model: str) -> None:
    """A model without a known price has none: nobody is told that it was free."""
    assert pricing.cost(Usage(model=model, tokens_in=1000, tokens_out=10)) is None


def test_impossible_counts() -> None:
    """Counts that contradict each other are no error: no more can be cached than was read."""
    usage = Usage(model="claude-sonnet-4-5", tokens_in=10, tokens_cached=50, tokens_written=70)
    assert pricing.call_cost(usage, hour=90) == pytest.approx(10 * 6e-6)


def test_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No price is ever looked up anywhere."""

    def refuse(*words: object, **named: object) -> NoReturn:
        raise AssertionError("a price was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    pricing._has_price.cache_clear()
    assert pricing.cost(Usage(model="gpt-5", tokens_in=1000)) == pytest.approx(0.00125)


def test_total() -> None:
    """Two usages add up; what has no price leaves what is known."""
    one = Usage(model="a", tokens_in=1, tokens_out=2, tokens_cached=3, tokens_written=4, seconds=5, cost_usd=6)
    two = Usage(model="b", tokens_in=10, tokens_out=20, tokens_cached=30, tokens_written=40, seconds=50)
    assert pricing.total(one, two) == Usage(
        model="b", tokens_in=11, tokens_out=22, tokens_cached=33, tokens_written=44, seconds=55, cost_usd=6
    )
    assert pricing.total(two, two).cost_usd is None


@pytest.mark.parametrize(
    ("usage", "paid", "cost"),
    [
        (Usage(model="smollm2-135m", backend="xllamacpp", tokens_in=100), False, 0.0),
        (Usage(model="gpt-5", backend="ollama", tokens_in=100), False, 0.0),  # a model of one's own, whatever its name
        (Usage(model="qwen3:480b-cloud", backend="ollama", tokens_in=100), False, None),
        (Usage(model="nobody-knows", backend="openai", tokens_in=100), False, None),
        (Usage(model="gpt-5", backend="openai", tokens_in=1_000_000), False, 1.25),
        (Usage(model="gpt-5", backend="", tokens_in=1_000_000), True, 1.25),
        (Usage(model="anything", backend="openai", tokens_in=1, cost_usd=0.5), False, 0.5),
        (Usage(), False, 0.0),
    ],
)
def test_your_own_models_cost_nothing(usage: Usage, paid: bool, cost: float | None) -> None:
    """What somebody else runs costs what it costs, or is not known; what was told is kept."""
    found = pricing.priced(usage, paid_agent=paid).cost_usd
    assert found == (None if cost is None else pytest.approx(cost))


def test_without_the_extra_no_price_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the table is not installed nothing is guessed, and what brings it is said."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    pricing.missing.cache_clear()
    try:
        assert pricing.cost(BILLS[0][0]) is None
        assert extra_command("prices") in pricing.missing()
    finally:
        pricing.missing.cache_clear()
