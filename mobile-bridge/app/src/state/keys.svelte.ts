// Which keys do what? Screens add theirs while they are there; one list shows all of them.
import { untrack } from 'svelte';

export interface Shortcut {
  /** One key, or two after another: "j", "g n", "?". "mod+k" is Ctrl or ⌘. */
  keys: string;
  label: string;
  run: () => void;
}

const active = $state<Shortcut[]>([]);
/** How this machine calls the key that "mod" stands for. */
export const MOD = /Mac|iP(hone|ad)/.test(navigator.platform) ? '⌘' : 'Ctrl';
export const shortcuts: readonly Shortcut[] = active;
let first = '';
let timer = 0;

function writing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function press(event: KeyboardEvent): void {
  const mod = event.ctrlKey || event.metaKey;
  const open = document.querySelector('dialog[open]');
  if (event.altKey || event.isComposing || (!mod && (writing(event.target) || open))) return;
  const key = mod ? `mod+${event.key.toLowerCase()}` : event.key;
  const typed = first ? `${first} ${key}` : key;
  const found = active.findLast((each) => each.keys === typed) ?? active.findLast((each) => each.keys === key);
  clearTimeout(timer);
  first = '';
  if (found) {
    event.preventDefault();
    found.run();
  } else if (active.some((each) => each.keys.startsWith(`${key} `))) {
    first = key;
    timer = window.setTimeout(() => (first = ''), 1200);
  }
}

/** Adds shortcuts; answers how to take them away. In a component: `$effect(() => useKeys([...]))`. */
export function useKeys(added: Shortcut[]): () => void {
  untrack(() => active.push(...added)); // an effect that adds keys must not wait for keys
  return () =>
    untrack(() => {
      for (const each of added) {
        const at = active.findIndex((one) => one.keys === each.keys && one.label === each.label);
        if (at >= 0) active.splice(at, 1);
      }
    });
}

export function startKeys(): void {
  addEventListener('keydown', press);
}
