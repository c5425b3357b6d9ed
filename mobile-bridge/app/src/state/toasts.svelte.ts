// What just happened, and can it be taken back?
import { announce } from './announcer.svelte.ts';

export interface Toast {
  id: number;
  says: string;
  tone: 'plain' | 'bad';
  undo: (() => void) | null;
}

const SECONDS = 6;
let last = 0;
export const toasts = $state<Toast[]>([]);

export function dismiss(id: number): void {
  const at = toasts.findIndex((each) => each.id === id);
  if (at >= 0) toasts.splice(at, 1);
}

function show(says: string, tone: Toast['tone'], undo: Toast['undo'], seconds: number): number {
  const id = ++last;
  toasts.push({ id, says, tone, undo });
  if (toasts.length > 3) toasts.splice(Math.max(0, toasts.findIndex((each) => !each.undo)), 1);
  announce(says);
  setTimeout(() => dismiss(id), seconds * 1000);
  return id;
}

export const toast = (says: string): number => show(says, 'plain', null, SECONDS);
export const toastError = (says: string): number => show(says, 'bad', null, SECONDS * 2);

/** Does something after a while in which it can be called back, or as soon as the page is left. `taken`: it was called back. */
export function afterUndo(says: string, act: () => void, taken: () => void, seconds: number = SECONDS): void {
  let open = true;
  const finish = (done: boolean): void => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    removeEventListener('pagehide', now);
    dismiss(id);
    if (done) act();
    else taken();
  };
  const now = (): void => finish(true);
  const timer = setTimeout(now, seconds * 1000);
  addEventListener('pagehide', now);
  const id = show(says, 'plain', () => finish(false), seconds + 1);
}
