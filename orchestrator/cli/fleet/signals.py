"""shiftbook signals list, sources, send, poll: what do suppliers tell the fleet, and what becomes of it?"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.clone.here import load_settings
from orchestrator.core.errors import NotFound, Refused, WrongSetting

if TYPE_CHECKING:
    from orchestrator.core.ports.stores import Stores
    from orchestrator.core.settings import Settings

SEND_SECONDS = 30.0
MAX_EVENT_BYTES = 1024 * 1024


@contextmanager
def _stores(settings: Settings) -> Iterator[Stores]:
    stores = wiring.stores(settings)
    try:
        yield stores
    finally:
        stores.close()


@click.command("list")
@click.option("--supplier", default="", help="Only this supplier's.")
@click.option("--verdict", default="", help="Only those of which this became: filed, below, refused, …")
@click.option("--limit", default=50, type=click.IntRange(1, 500), help="So many of the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def list_(supplier: str, verdict: str, limit: int, as_json: bool) -> None:
    """Lists the events that this node took in, the newest first, with what became of each and why."""
    from orchestrator.workflow.signals.intake import VERDICTS

    if verdict and verdict not in VERDICTS:
        raise WrongSetting("--verdict", f"one of {', '.join(VERDICTS)}")
    with _stores(load_settings()) as stores:
        found = stores.signals.listing(supplier=supplier, verdict=verdict, limit=limit)
    if as_json:
        keys = ("supplier", "event_id", "source", "type", "verdict", "why")
        terminal.print_json(
            [
                {key: getattr(each, key) for key in keys}
                | {"received": each.received.isoformat(), "missions": list(each.missions)}
                for each in found
            ]
        )
        return
    for each in found:
        detail = " · ".join(filter(None, [f"{each.received:%Y-%m-%d %H:%M}", each.type, each.why, *each.missions]))
        terminal.print_rows([("", each.supplier, detail, each.verdict or "begun")])
    if not found:
        terminal.say("No supplier has told anything in the last days. `shiftbook signals sources` lists them.")


@click.command("sources")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def sources(as_json: bool) -> None:
    """Lists the suppliers of fleet.toml, and those whose secret this node has; feeds with how they stand here."""
    from orchestrator.workflow.feeds.feed_overview import supplier_rows

    settings = load_settings()
    suppliers = wiring.fleet(settings).ledger().charter.suppliers
    with _stores(settings) as stores:
        rows = supplier_rows(suppliers, settings.supplier_secrets, stores.signals, stores.marks, datetime.now(UTC))
    if as_json:
        terminal.print_json(rows)
        return
    for row in rows:
        facts = [
            f"feed {row['feed']}" if row["feed"] else "signs events" if row["signs"] else "no secret here",
            f"{row['rules']} rules",
            f"{row['events_today']} events today, {row['refused_today']} refused",
            f"{row['missions_today']} of {row['missions_per_day']} missions",
            f"failed {row['failures']}×: {row['why']}" if row.get("failures") else "",
        ]
        terminal.print_rows([("", row["supplier"], " · ".join(filter(None, facts)), "")])
    if not rows:
        from orchestrator.core.own_installation import document_place

        how = document_place("docs/suppliers.md")
        click.echo(f"There is no supplier: [suppliers.NAME] in fleet.toml makes one ({how}).")


@click.command("send")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--supplier", required=True, help="As whom; SHIFTBOOK_SIGNAL_SECRETS has the secret.")
@click.option("--to", default="", help="Headquarters' web address; SHIFTBOOK_HQ_URL if missing.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
def send(file: Path, supplier: str, to: str, as_json: bool) -> None:
    """Sends the CloudEvent in FILE (or `-`: standard input; a list is a batch), and says what became of it.

    `specversion`, `id` and `time` may be missing: then they are made, `id` of the content.
    """
    import httpx

    from missions.plain_data import read_json

    settings = load_settings()
    secret, address = settings.supplier_secrets.get(supplier, ""), (to or settings.hq_url).rstrip("/")
    if not secret:
        raise WrongSetting("SHIFTBOOK_SIGNAL_SECRETS", f"it has no secret of {supplier}: write {supplier}=SECRET")
    if not address.startswith(("http://", "https://")):
        raise WrongSetting("--to", "write headquarters' web address, such as https://hq.example")
    events = _events(file)
    body = json.dumps(events).encode()
    made = hmac.new(secret.encode(), body, "sha256").hexdigest()
    headers = {
        "Content-Type": "application/cloudevents-batch+json",
        "X-Shiftbook-Supplier": supplier,
        "X-Hub-Signature-256": f"sha256={made}",
    }
    try:
        answer = httpx.post(f"{address}/api/v1/signals/ingest", content=body, headers=headers, timeout=SEND_SECONDS)
        told = read_json(answer.content)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Refused(
            f"{address} did not answer as headquarters does ({type(error).__name__}): is --to right?"
        ) from error
    results = told.get("results") if isinstance(told, dict) else None
    if not isinstance(results, list):
        why = told.get("detail") or told.get("title") if isinstance(told, dict) else ""
        raise Refused(f"{address} does not take it ({answer.status_code}): {why or 'no reason given'}")
    _print_verdicts(results, as_json)


def _events(file: Path) -> list[dict[str, Any]]:
    from missions.plain_data import read_json

    if str(file) != "-" and not file.is_file():
        raise NotFound(f"there is no file {file}")
    raw = sys.stdin.buffer.read(MAX_EVENT_BYTES + 1) if str(file) == "-" else file.read_bytes()
    if len(raw) > MAX_EVENT_BYTES:
        raise WrongSetting("FILE", f"{file} is larger than 1 MiB")
    try:
        found = read_json(raw)
    except ValueError as error:
        raise WrongSetting("FILE", f"{file} is no JSON of an event: {error}") from error
    events = found if isinstance(found, list) else [found]
    if not events or not all(isinstance(each, dict) for each in events):
        raise WrongSetting("FILE", f"{file} holds no event: an object, or a list of them")
    digest = [hashlib.sha256(json.dumps(each, sort_keys=True).encode()).hexdigest()[:24] for each in events]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return [{"specversion": "1.0", "id": ident, "time": now} | each for ident, each in zip(digest, events, strict=True)]


@click.command("poll")
@click.argument("supplier")
@click.option("--dry-run", is_flag=True, help="Read the feed and show its entries; take nothing in.")
@click.option("--json", "as_json", is_flag=True, help="Print entries or verdicts as JSON.")
def poll(supplier: str, dry_run: bool, as_json: bool) -> None:
    """Asks the feed of SUPPLIER now, and says what became of each new entry. The first poll learns what is there."""
    from orchestrator.app.factories.feed_factory import build_feed_poller, feed_reader
    from orchestrator.core.ports.suppliers.feeds import FeedFailed

    settings = load_settings()
    part = wiring.fleet(settings).ledger().charter.suppliers.get(supplier)
    if part is None or not part.feed:
        raise NotFound(f"fleet.toml has no feed of {supplier}: write suppliers.{supplier}.feed")
    if not dry_run:
        with _stores(settings) as stores:
            polled = build_feed_poller(settings, stores).poll(supplier, part)
        if polled.why:
            raise Refused(f"{supplier}: {polled.why}")
        _print_verdicts([vars(each) for each in polled.results], as_json)
        return
    try:
        entries = feed_reader(settings).fetch(part.feed).entries or ()
    except FeedFailed as error:
        raise Refused(f"{supplier}: {error}") from error
    if as_json:
        times = [each.published.isoformat() if each.published else None for each in entries]
        terminal.print_json([vars(each) | {"published": at} for each, at in zip(entries, times, strict=True)])
        return
    for each in entries:
        terminal.print_rows([("", each.title or each.ident, each.link, "")])


def _print_verdicts(results: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        terminal.print_json([each | {"missions": list(each.get("missions") or ())} for each in results])
        return
    for each in results:
        detail = " · ".join(filter(None, [str(each.get("why") or ""), *map(str, each.get("missions") or ())]))
        terminal.print_rows([("", str(each.get("id")), detail, str(each.get("verdict")))])
    if not results:
        click.echo("nothing new")
