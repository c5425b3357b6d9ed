// Which screens are there? The one table: address, name, icon, and the file that is loaded when it is gone to.
import type { Component } from 'svelte';
import type { IconName } from './components/icons.ts';
import type { Params } from './router/match.ts';
import { t } from './texts/index.ts';

export interface Route {
  path: string;
  screen: () => Promise<{ default: Component }>;
  title: (params: Params) => string;
  /** In the rail (all of them) and in the phone's dock (the first five). */
  nav?: { icon: IconName; label: string; key: string; scope?: string };
}

export const routes: readonly Route[] = [
  { path: '/', screen: () => import('./screens/now/Now.svelte'), title: () => t.nav.now, nav: { icon: 'now', label: t.nav.now, key: 'n' } },
  { path: '/missions', screen: () => import('./screens/missions/Missions.svelte'), title: () => t.nav.missions, nav: { icon: 'missions', label: t.nav.missions, key: 'm' } },
  { path: '/missions/new', screen: () => import('./screens/new-mission/NewMission.svelte'), title: () => t.newMission.title },
  { path: '/missions/:name', screen: () => import('./screens/mission/Mission.svelte'), title: ({ name }) => name ?? t.nav.missions },
  { path: '/review', screen: () => import('./screens/review/Reviews.svelte'), title: () => t.nav.review, nav: { icon: 'review', label: t.nav.review, key: 'r' } },
  { path: '/review/:name', screen: () => import('./screens/review/Review.svelte'), title: ({ name }) => t.review.title(name ?? '') },
  { path: '/chat', screen: () => import('./screens/chat/Chat.svelte'), title: () => t.nav.chat, nav: { icon: 'chat', label: t.nav.chat, key: 'c' } },
  { path: '/desk', screen: () => import('./screens/desk/Desk.svelte'), title: () => t.nav.desk },
  { path: '/handoff', screen: () => import('./screens/handoff/Handoff.svelte'), title: () => t.nav.handoff, nav: { icon: 'book', label: t.nav.handoff, key: 'h' } },
  { path: '/log', screen: () => import('./screens/log/Log.svelte'), title: () => t.nav.log, nav: { icon: 'log', label: t.nav.log, key: 'l' } },
  { path: '/log/:entry', screen: () => import('./screens/log/Entry.svelte'), title: ({ entry }) => entry ?? t.nav.log },
  { path: '/memos', screen: () => import('./screens/memos/Memos.svelte'), title: () => t.log.memos },
  { path: '/memos/:memo', screen: () => import('./screens/memos/MemoPage.svelte'), title: ({ memo }) => t.memos.title(memo ?? '') },
  { path: '/fleet', screen: () => import('./screens/fleet/Fleet.svelte'), title: () => t.nav.fleet, nav: { icon: 'fleet', label: t.nav.fleet, key: 'f' } },
  { path: '/fleet/:node', screen: () => import('./screens/fleet/NodePage.svelte'), title: ({ node }) => node ?? t.nav.fleet },
  { path: '/heartbeat', screen: () => import('./screens/heartbeat/Heartbeat.svelte'), title: () => t.nav.heartbeat },
  { path: '/devices', screen: () => import('./screens/devices/Devices.svelte'), title: () => t.nav.devices, nav: { icon: 'device', label: t.nav.devices, key: 'd' } },
  { path: '/pair', screen: () => import('./screens/pair/Pair.svelte'), title: () => t.pair.title },
  { path: '/conflicts', screen: () => import('./screens/conflicts/Conflicts.svelte'), title: () => t.nav.conflicts },
  { path: '/settings', screen: () => import('./screens/settings/Settings.svelte'), title: () => t.nav.settings, nav: { icon: 'settings', label: t.nav.settings, key: 's' } },
  { path: '*', screen: () => import('./screens/not-found/NotFound.svelte'), title: () => t.notFound.title },
];

export const navigation = routes.filter((route) => route.nav);
