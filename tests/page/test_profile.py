"""Does a test on a kept profile find nothing of those before it, and is its own fault told?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.page.profile import ALL, KEPT, Profile

LEAVE = """async () => {
  localStorage.setItem('left', '1'); sessionStorage.setItem('left', '1'); document.cookie = 'left=1; path=/';
  await (await caches.open('left')).put('/app/left', new Response('1'));
  await new Promise((done) => { indexedDB.open('left', 1).onsuccess = (e) => { e.target.result.close(); done(); }; });
  await (await navigator.storage.getDirectory()).getFileHandle('left', { create: true });
}"""
FIND = """async () => {
  const files = [];
  for await (const name of (await navigator.storage.getDirectory()).keys()) files.push(name);
  const bases = (await indexedDB.databases()).map((one) => one.name);
  const worker = await navigator.serviceWorker.getRegistration('/app/');
  return [localStorage.getItem('left'), sessionStorage.getItem('left'), document.cookie, await caches.has('left'),
    bases.includes('left'), files.includes('left'), worker === undefined];
}"""
NOTHING = [None, None, "", False, False, False, True]


def test_a_kept_profile_has_no_choice_of_another_test(profiles: Callable[[str], Profile]) -> None:
    """What one typed or chose is gone, and so are answers that a test put in the node's place; the store stays."""
    profile = profiles("desktop")
    tab = profile.open()
    tab.answer("**/api/v1/me", {"name": "nobody"}, 401)
    tab.go("/")
    tab.js(LEAVE)
    profile.leave()
    tab = profile.open()
    left = tab.js(FIND)
    assert (left[:3], left[4]) == (NOTHING[:3], False)
    tab.go("/")
    tab.page.get_by_text("desk · this machine").first.wait_for()
    profile.leave()


def test_a_fresh_profile_is_as_new(profiles: Callable[[str], Profile]) -> None:
    """Stores, cookies and files of one tab are gone in the next, and where nobody has been at all the caches and the
    service worker, too."""
    profile = profiles("desktop")
    tab = profile.open()
    tab.go("/")
    tab.until("navigator.serviceWorker.controller !== null")
    tab.js(LEAVE)
    assert tab.js(FIND) == ["1", "1", "left=1", True, True, True, False]
    profile.leave()
    tab = profile.open(without=KEPT)
    assert tab.js(FIND) == [None, None, "", True, False, False, False]
    profile.leave()
    tab = profile.open(without=ALL)
    assert tab.js(FIND) == NOTHING
    profile.leave()


def test_a_clock_that_stands_runs_again_for_whoever_comes_next(profiles: Callable[[str], Profile]) -> None:
    """What waits on the page waits as long as the test likes; the next test's waits no longer than it was told."""
    later = "() => { window.late = false; setTimeout(() => (window.late = true), 20); }"
    profile = profiles("desktop")
    tab = profile.open()
    tab.freeze()
    tab.go("/")
    tab.js(later)
    tab.page.wait_for_timeout(60)
    assert tab.js("window.late") is False
    tab.page.clock.run_for(20)
    assert tab.js("window.late") is True
    profile.leave()
    tab = profile.open()
    tab.go("/")
    tab.js(later)
    tab.until("window.late")
    profile.leave()


def test_a_fault_is_the_tabs_that_made_it(profiles: Callable[[str], Profile]) -> None:
    """A policy that a page broke fails that test, and not the one after it."""
    profile = profiles("desktop")
    tab = profile.open()
    tab.go("/")
    tab.js("() => { try { document.createElement('div').innerHTML = '<b>x</b>'; } catch { /* told */ } }")
    tab.breaks_on_purpose("TrustedHTML")
    tab.forgiven = False
    with pytest.raises(AssertionError):
        profile.leave()
    profile.open()
    profile.leave()
