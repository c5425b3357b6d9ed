"""How does a test ask the store of the page? As any other tab of that browser does."""

from __future__ import annotations

from typing import Any

import httpx
from playwright.sync_api import Page

from tests.page.desk import Desk
from tests.page.evaluation import evaluate
from tests.page.tab import Tab
from tests.waiting import PATIENCE

CONTROLLED = "navigator.serviceWorker.controller !== null"

CALL = """
async ([method, args]) => {
  const channel = new BroadcastChannel('shiftbook-store');
  const id = Math.floor(Math.random() * 1e9);
  try {
    return await new Promise((done, failed) => {
      channel.onmessage = ({ data }) => {
        if (data.kind === 'ready') channel.postMessage({ kind: 'call', from: 'test', id, method, args });
        if (data.kind !== 'reply' || data.to !== 'test' || data.id !== id) return;
        data.error ? failed(new Error(`${data.error.name}: ${data.error.says}`)) : done(data.result);
      };
      channel.postMessage({ kind: 'hello' });
    });
  } finally {
    channel.close();
  }
}
"""
"""A call of the store as any other tab of this browser makes it."""


def call(page: Page, method: str, *args: object) -> Any:
    """Asks the store."""
    return evaluate(page, CALL, [method, list(args)])


def turn(text: str) -> dict[str, Any]:
    """A turn of a chat, to be said."""
    return {"kind": "append", "entity": "chat/c1", "field": "turn", "value": {"role": "user", "text": text}}


def held(desk: Desk) -> list[dict[str, Any]]:
    """What devices said, as the node holds it."""
    ops = httpx.get(f"{desk.url}/sync/pull?limit=1000", timeout=PATIENCE, trust_env=False).json()["ops"]
    return [op for op in ops if not op["device"].startswith("@")]


def opened(tab: Tab) -> None:
    """Opens the page and waits until its store is there, and is there again without a network."""
    tab.go("/settings")
    tab.until(CONTROLLED)
    tab.page.get_by_role("button", name="Export what is kept").wait_for()
