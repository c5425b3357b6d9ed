// Where are we? Real addresses below /app/; a screen is loaded when it is gone to, and the old one stays until then.
import type { Component } from 'svelte';
import { announce } from '../state/announcer.svelte.ts';
import { t } from '../texts/index.ts';
import { find, type Params } from './match.ts';
import { routes, type Route } from '../routes.ts';

const BASE = '/app';

class Router {
  path = $state('/');
  query = $state.raw(new URLSearchParams());
  params = $state.raw<Params>({});
  route = $state.raw<Route | null>(null);
  screen = $state.raw<Component | null>(null);
  error = $state.raw<unknown>(null);
  loading = $state(false);
}

export const router = new Router();
const places = new Map<string, number>();
let key = '';
let turn = 0;

/** An address of this page, for `href`. */
export function href(path: string): string {
  return BASE + path;
}

export function go(path: string, { replace = false }: { replace?: boolean } = {}): void {
  if (location.pathname + location.search === href(path)) return;
  places.set(key, scrollY);
  history[replace ? 'replaceState' : 'pushState']({}, '', href(path));
  void show(false);
}

/** From here to another screen, once what takes time is done: a person who has gone elsewhere meanwhile stays there. */
export function goOn(): typeof go {
  const { href: here } = location;
  return (path, how) => {
    if (location.href === here) go(path, how);
  };
}

/** Changes the query only: filters. The screen stays as it is; the address can be shared. One that is being left changes no more. */
export function setQuery(change: Record<string, string | null>): void {
  if (location.pathname !== key) return;
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(change)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString();
  history.replaceState({}, '', location.pathname + (text ? `?${text}` : ''));
  router.query = query;
}

async function show(back: boolean): Promise<void> {
  const mine = ++turn;
  const path = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) || '/' : '/';
  const found = find(routes, path) ?? { route: routes[routes.length - 1] as Route, params: {} };
  router.loading = true;
  try {
    const screen = (await found.route.screen()).default;
    if (mine !== turn) return;
    router.error = null;
    router.screen = screen;
  } catch (error) {
    if (mine !== turn) return;
    router.error = error; // the file of an older build is gone, or no network: the frame says so
  }
  router.loading = false;
  const moved = router.route !== null;
  key = location.pathname;
  Object.assign(router, { path, params: found.params, route: found.route, query: new URLSearchParams(location.search) });
  const title = found.route.title(found.params);
  document.title = `${title} · ${t.product}`;
  if (!moved) return;
  announce(title);
  requestAnimationFrame(() => {
    scrollTo(0, back ? (places.get(key) ?? 0) : 0);
    document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true });
  });
}

function follow(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute('download')) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || !(url.pathname + '/').startsWith(`${BASE}/`) || url.hash) return;
  event.preventDefault();
  go((url.pathname + url.search).slice(BASE.length) || '/');
}

/** Starts following addresses and links. Call once. */
export function startRouter(): void {
  history.scrollRestoration = 'manual';
  addEventListener('popstate', () => {
    places.set(key, scrollY);
    void show(true);
  });
  document.addEventListener('click', follow);
  void show(false);
}
