"""How does a test ask a page something that takes time? With an end: a promise that is never kept fails that test."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, Worker

from tests.waiting import PATIENCE

BOUNDED = """async (given) => {
  let timer;
  const late = new Promise((_, fail) => {
    const says = () => globalThis.document?.body?.innerText?.slice(0, 2000);
    timer = setTimeout(() => fail(new Error(`not within %d s: ${says()}`)), %d);
  });
  const said = (%s);
  try {
    return await Promise.race([typeof said === 'function' ? said(given) : said, late]);
  } finally {
    clearTimeout(timer);
  }
}"""


def evaluate(where: Page | Worker, words: str, given: object = None) -> Any:
    """What an expression is there, or a function answers. Playwright's own way waits for ever."""
    return where.evaluate(BOUNDED % (PATIENCE, PATIENCE * 1000, words.strip().rstrip(";")), given)
