"""What is the price of a model's work?

By genai-prices' table, as it was bundled with the installed release: nothing is ever fetched, so a price is as new as
the package. Without it (the extra `prices`) no price is known, which a budget takes for a reason to stop.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from orchestrator.core.own_installation import extra_command
from orchestrator.core.ports.model import Usage

if TYPE_CHECKING:
    from genai_prices import Usage as Counts

SHORT_PROMPT_DIGITS = 9
"""By how many digits a sum's counts are shortened while the table is asked, so that it sees no long prompt."""


def cost(usage: Usage) -> float | None:
    """USD for what one or more calls read and wrote, all in all; None for a model without a known price.

    `tokens_in` includes those read from a cache (`tokens_cached`) and those written to one (`tokens_written`). Each
    kind has its own price. Some APIs take more for all of a call whose prompt is long; a sum does not say how long any
    was, so that this is what short ones cost.
    """
    found = _cost(usage, 0, Decimal(1).scaleb(-SHORT_PROMPT_DIGITS))
    return None if found is None else float(found.scaleb(SHORT_PROMPT_DIGITS))


def call_cost(usage: Usage, *, hour: int = 0) -> float | None:
    """USD for one call, by the length of its prompt; None for a model without a known price.

    Counts are as in `cost`; of those written to a cache, `hour` are kept for an hour, not five minutes.
    """
    found = _cost(usage, hour, Decimal(1))
    return None if found is None else float(found)


def _cost(usage: Usage, hour: int, scale: Decimal) -> Decimal | None:
    if not usage.model or missing():
        return None
    written = min(usage.tokens_written, usage.tokens_in)
    cached = min(usage.tokens_cached, usage.tokens_in - written)
    from genai_prices import Usage as Counts  # takes a quarter of a second, which most commands need not wait

    counts = Counts(
        input_tokens=usage.tokens_in * scale,
        cache_read_tokens=cached * scale,
        cache_write_tokens=written * scale,
        cache_write_1h_tokens=min(hour, written) * scale or None,
        output_tokens=usage.tokens_out * scale,
    )
    return next((found for ref in _lookup_names(usage.model) if (found := _price(counts, *ref)) is not None), None)


@cache
def missing() -> str:
    """Why no price is known at all, with what mends it; empty where the table is installed."""
    return "" if find_spec("genai_prices") else f"the table of prices is not installed: {extra_command('prices')}"


def priced(usage: Usage, *, paid_agent: bool = False, one_call: bool = False) -> Usage:
    """The usage with what it cost, where nobody said that yet: nothing for a model of our own, whatever it is called.

    An API's model costs what the table says, and None where it says nothing; so does one that Ollama has elsewhere.
    `one_call`: the usage is that of a single call, not a sum.
    """
    if usage.cost_usd is not None:
        return usage
    elsewhere = usage.backend == "openai" or usage.model.endswith("-cloud")
    price = call_cost if one_call else cost
    return replace(usage, cost_usd=price(usage) if paid_agent or elsewhere else 0.0)


def total(so_far: Usage, one: Usage) -> Usage:
    """Two usages as one. Its cost is what is known of both: a lower bound where a model has no known price."""
    known = [each.cost_usd for each in (so_far, one) if each.cost_usd is not None]
    return Usage(
        model=one.model or so_far.model,
        backend=one.backend or so_far.backend,
        tokens_in=so_far.tokens_in + one.tokens_in,
        tokens_out=so_far.tokens_out + one.tokens_out,
        tokens_cached=so_far.tokens_cached + one.tokens_cached,
        tokens_written=so_far.tokens_written + one.tokens_written,
        first_token_seconds=so_far.first_token_seconds,
        seconds=so_far.seconds + one.seconds,
        cost_usd=sum(known) if known else None,
    )


def _lookup_names(model: str) -> list[tuple[str, str | None]]:
    """How a model may be looked up: as it is, and as `provider/model`."""
    provider, slash, rest = model.partition("/")
    return [(model, None), *([(rest, provider), (rest, None)] if slash and rest else [])]


def _price(counts: Counts, model: str, provider: str | None) -> Decimal | None:
    if not _has_price(model, provider):
        return None
    from genai_prices import calc_price

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a kind of token that the table has no price for is priced as its parent
        return calc_price(counts, model, provider_id=provider).total_price


@cache
def _has_price(model: str, provider: str | None) -> bool:
    from genai_prices import Usage as Counts
    from genai_prices import calc_price

    try:
        calc_price(Counts(input_tokens=1, output_tokens=1), model, provider_id=provider)
    except (LookupError, ValueError):
        return False
    return True
