// Is there a newer page, and can this one be installed?
import { session } from './session.svelte.ts';

interface InstallEvent extends Event {
  prompt(): Promise<{ outcome: 'accepted' | 'dismissed' }>;
}

class PageState {
  /** A new version waits to be used. */
  ready = $state(false);
  installable = $state.raw<InstallEvent | null>(null);
}

export const page = new PageState();
let waiting: ServiceWorker | null = null;
const SOON_MS = 400;
const LATE_MS = 3000;
const HEALED = 'shiftbook.healed';

/** Uses the version that waits, and loads the page again. */
export function applyUpdate(): void {
  if (waiting) waiting.postMessage('use');
  else location.reload();
}

export async function install(): Promise<void> {
  await page.installable?.prompt();
  page.installable = null;
}

function watch(found: ServiceWorkerRegistration): void {
  const check = (worker: ServiceWorker | null): void => {
    if (worker?.state !== 'installed' || !navigator.serviceWorker.controller) return;
    waiting = worker;
    page.ready = true;
  };
  check(found.waiting);
  found.addEventListener('updatefound', () => {
    const worker = found.installing;
    worker?.addEventListener('statechange', () => check(worker));
  });
}

/** An old page before a new API: fetches the new page and uses it, once; after that the person is told. */
export async function heal(): Promise<void> {
  const found = await navigator.serviceWorker?.getRegistration();
  await found?.update().catch(() => undefined);
  if (sessionStorage.getItem(HEALED) === __PAGE__) return;
  sessionStorage.setItem(HEALED, __PAGE__);
  if (found && !waiting) await found.unregister(); // nothing new came: what is cached is not to be believed
  applyUpdate();
}

export function startPage(): void {
  addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault();
    page.installable = event as InstallEvent;
  });
  addEventListener('appinstalled', () => (page.installable = null));
  if (!('serviceWorker' in navigator) || __PAGE__ === 'development') return;
  let had = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    if (had) location.reload();
    had = true;
  });
  // After the first screen: what is kept for later must not hold up what is needed now.
  setTimeout(() => {
    navigator.serviceWorker.register('/app/sw.js', { scope: '/app/', updateViaCache: 'none' }).then(watch, () => undefined);
    void navigator.serviceWorker.ready.then((found) => setTimeout(() => found.active?.postMessage('late'), LATE_MS));
  }, SOON_MS);
}

/** Another page than the node's own is fetched in the background; the person decides when it is used. */
export async function lookForUpdate(): Promise<void> {
  const theirs = session.me?.page;
  if (!theirs || theirs === __PAGE__ || __PAGE__ === 'development') return;
  const found = await navigator.serviceWorker?.getRegistration();
  if (found) await found.update().catch(() => undefined);
  else page.ready = true;
}
