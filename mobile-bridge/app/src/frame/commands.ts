// What can be done by its name?
import type { Mission } from '../api/types.ts';
import type { IconName } from '../components/icons.ts';
import { navigation } from '../routes.ts';
import { go } from '../router/router.svelte.ts';
import { install, page } from '../state/page.svelte.ts';
import { setTheme } from '../state/theme.svelte.ts';
import { t } from '../texts/index.ts';
import { panels } from './panels.svelte.ts';

export interface Command {
  id: string;
  label: string;
  hint: string;
  icon: IconName;
  run: () => void;
}

export function commands(missions: readonly Mission[]): Command[] {
  const screens = navigation.map(({ path, nav }) => ({
    id: path, label: nav?.label ?? '', hint: `g ${nav?.key}`, icon: nav?.icon ?? 'file', run: () => go(path),
  }) satisfies Command);
  const more: Command[] = [
    { id: 'conflicts', label: t.nav.conflicts, hint: '', icon: 'alert', run: () => go('/conflicts') },
    { id: 'heartbeat', label: t.nav.heartbeat, hint: '', icon: 'now', run: () => go('/heartbeat') },
    { id: 'desk', label: t.nav.desk, hint: '', icon: 'command', run: () => go('/desk') },
    { id: 'new', label: t.keys.create, hint: 'c', icon: 'plus', run: () => go('/missions/new') },
    { id: 'light', label: `${t.theme.label}: ${t.theme.light}`, hint: '', icon: 'sun', run: () => setTheme('light') },
    { id: 'dark', label: `${t.theme.label}: ${t.theme.dark}`, hint: '', icon: 'moon', run: () => setTheme('dark') },
    { id: 'system', label: `${t.theme.label}: ${t.theme.system}`, hint: '', icon: 'auto', run: () => setTheme('system') },
    { id: 'keys', label: t.palette.keys, hint: '?', icon: 'command', run: () => (panels.keys = true) },
  ];
  if (page.installable) more.push({ id: 'install', label: t.update.install, hint: '', icon: 'download', run: () => void install() });
  const filed = missions.map((one) => ({
    id: `mission ${one.name}`, label: one.title || one.name, hint: t.status[one.status] ?? one.status, icon: 'file', run: () => go(`/missions/${encodeURIComponent(one.name)}`),
  }) satisfies Command);
  return [...screens, ...more, ...filed];
}

/** Those whose words hold every typed word; those that begin with it first. */
export function matching(all: readonly Command[], typed: string): Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = (one: Command): number => (one.label.toLowerCase().startsWith(words[0] ?? '') ? 0 : 1);
  const found = all.filter((one) => words.every((word) => `${one.label} ${one.hint} ${one.id}`.toLowerCase().includes(word)));
  return found.map((one, n) => ({ one, n })).sort((a, b) => rank(a.one) - rank(b.one) || a.n - b.n).map(({ one }) => one).slice(0, 60);
}
