// Which shortcuts hold on every screen?
import { navigation } from '../routes.ts';
import { go } from '../router/router.svelte.ts';
import type { Shortcut } from '../state/keys.svelte.ts';
import { t } from '../texts/index.ts';
import { panels } from './panels.svelte.ts';

export function globalKeys(): Shortcut[] {
  const screens = navigation.map(({ path, nav }) => ({ keys: `g ${nav?.key}`, label: t.keys.goto(nav?.label ?? ''), run: () => go(path) }));
  return [
    { keys: 'mod+k', label: t.keys.palette, run: () => (panels.palette = !panels.palette) },
    { keys: '/', label: t.keys.search, run: () => focusSearch() },
    { keys: 'c', label: t.keys.create, run: () => go('/missions/new') },
    { keys: '?', label: t.keys.help, run: () => (panels.keys = true) },
    ...screens,
  ];
}

function focusSearch(): void {
  const field = document.querySelector<HTMLInputElement>('main input[type=search]');
  if (field) field.focus();
  else panels.palette = true;
}
