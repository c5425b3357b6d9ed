"""How does a test ask the store of the page? As any other tab of that browser does."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

CALL = """
async ([method, args]) => {
  const channel = new BroadcastChannel('shiftbook-store');
  const id = Math.floor(Math.random() * 1e9);
  try {
    return await new Promise((done, failed) => {
      setTimeout(() => failed(new Error('no worker leads')), 20000);
      channel.onmessage = ({ data }) => {
        if (data.kind === 'ready') channel.postMessage({ kind: 'call', from: 'test', id, method, args });
        if (data.kind !== 'reply' || data.to !== 'test' || data.id !== id) return;
        data.error ? failed(new Error(data.error.says)) : done(data.result);
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
    return page.evaluate(CALL, [method, list(args)])
