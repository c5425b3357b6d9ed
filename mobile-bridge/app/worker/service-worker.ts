// What does the page have when no node answers? Its own shell, whole, of one build; nothing else goes through here.
import { noticeOf } from '../src/push/notification.ts';

declare const self: ServiceWorkerGlobalScope;
declare const __PAGE__: string;
declare const __SHELL__: string[];
declare const __LATE__: string[];

const BASE = '/app/';
const CACHE = `shell-${__PAGE__}`;
const INDEX = BASE;

self.addEventListener('install', (event) => {
  const all = [INDEX, ...__SHELL__.map((name) => BASE + name)].map((path) => new Request(path, { cache: 'reload', credentials: 'omit' }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(all)).catch(discard)); // all or nothing: half a build is never used
});

/** An update that is not whole leaves nothing; it is tried again with the next look. */
async function discard(error: unknown): Promise<never> {
  await caches.delete(CACHE);
  throw error;
}

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith('shell-') && name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener('message', (event) => {
  if (event.data === 'use') void self.skipWaiting();
  if (event.data === 'late') event.waitUntil(fetchLate());
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  // Other origins, the API, chats, streams: the browser does them itself. A stream answered here would hold up the next
  // version, and a node on plain HTTP cannot be reached from here at all.
  if (request.method !== 'GET' || url.origin !== self.location.origin || !url.pathname.startsWith(BASE)) return;
  if (request.mode === 'navigate') event.respondWith(shell());
  else if (url.pathname.startsWith(`${BASE}assets/`) || __SHELL__.includes(url.pathname.slice(BASE.length))) event.respondWith(asset(request));
});

/** Faces, the database's engine, the reader of codes: one after the other, in the background, so that all of it is here later. */
async function fetchLate(): Promise<void> {
  const cache = await caches.open(CACHE);
  for (const name of __LATE__) {
    if (!(await cache.match(BASE + name))) await cache.add(BASE + name).catch(() => undefined); // asked for again the next time
  }
}

async function shell(): Promise<Response> {
  return (await (await caches.open(CACHE)).match(INDEX)) ?? fetch(INDEX, { credentials: 'omit' });
}

/** Names of assets hold the hash of their content: what is kept is right. Faces and models are kept when first asked for. */
async function asset(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreVary: true });
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok && answer.status === 200) await cache.put(request, answer.clone()).catch(() => undefined); // a full disk is no reason to fail
  return answer;
}

self.addEventListener('push', (event) => {
  const notice = noticeOf(event.data?.text() ?? '');
  event.waitUntil(self.registration.showNotification(notice.title, { body: notice.body, tag: notice.tag, icon: `${BASE}icon-192.png`, data: notice.open }));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const path = BASE + String(event.notification.data ?? '').replace(/^\//, '');
  event.waitUntil(
    self.clients.matchAll({ type: 'window' }).then(async (open) => {
      const one = open[0];
      if (!one) return void (await self.clients.openWindow(path));
      const there = await one.navigate(path).catch(() => null); // refused of a tab that another version controls
      if (!there) return void (await self.clients.openWindow(path));
      await there.focus().catch(() => undefined); // refused when the tap is too long ago: it is open all the same
    }),
  );
});
