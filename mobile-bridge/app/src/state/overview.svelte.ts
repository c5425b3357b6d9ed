// What waits, runs and went wrong? Asked for once for the whole page: the rail counts it on every screen, Now tells it.
import { getNow } from '../api/missions.ts';
import type { Now } from '../api/types.ts';
import { resource, type Resource } from './resource.svelte.ts';

let held: Resource<Now> | null = null;

/** For the frame's script, once. */
export function startOverview(): void {
  held = resource((signal) => getNow(signal));
}

export function overview(): Resource<Now> {
  if (!held) throw new Error('the frame starts the overview');
  return held;
}

/** How many results wait for a person's word. */
export function reviewsWaiting(): number {
  return held?.data?.waiting.filter((one) => one.kind === 'review').length ?? 0;
}
