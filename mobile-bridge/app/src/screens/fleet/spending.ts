// How do sums become a chart? Every day of a span in its order, the rest ranked by what it cost. Pure.
import type { Figures } from '../../api/fleet.ts';

export interface Sum {
  name: string;
  cost: number;
  runs: number;
  unpriced: number;
}

const DAY_MS = 86_400_000;
const MAX_DAYS = 400;
export const dayOf = (when: Date): string => when.toISOString().slice(0, 10);

/** The first day of the last `days` (UTC), today among them. */
export const daysAgo = (days: number, now: Date): string => dayOf(new Date(now.getTime() - (days - 1) * DAY_MS));

/** Each day from `since` to `until`, those without a run too; the oldest first. */
export function everyDay(by: Record<string, Figures>, since: string, until: string): Sum[] {
  const first = Date.parse(since);
  const days = Math.min(MAX_DAYS, Math.max(1, Math.round((Date.parse(until) - first) / DAY_MS) + 1));
  return Array.from({ length: days }, (_, n) => dayOf(new Date(first + n * DAY_MS))).map((name) => sumOf(name, by[name]));
}

/** The most expensive first; what is beyond the roof is one sum called `rest`. */
export function ranked(by: Record<string, Figures>, roof: number, rest: string): Sum[] {
  const all = Object.entries(by).map(([name, figures]) => sumOf(name, figures)).sort((a, b) => b.cost - a.cost || b.runs - a.runs);
  if (all.length <= roof) return all;
  const more = all.slice(roof - 1);
  const add = (key: 'cost' | 'runs' | 'unpriced'): number => more.reduce((sum, one) => sum + one[key], 0);
  return [...all.slice(0, roof - 1), { name: rest, cost: add('cost'), runs: add('runs'), unpriced: add('unpriced') }];
}

function sumOf(name: string, figures: Figures | undefined): Sum {
  return { name, cost: figures?.cost_usd ?? 0, runs: figures?.runs ?? 0, unpriced: figures?.unpriced ?? 0 };
}

/** The end of an axis: the next of 1, 2, 5, 10, … that holds the most. */
export function axisEnd(most: number): number {
  if (!(most > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(most));
  return unit * ([1, 2, 5].find((step) => step * unit >= most * 0.999999) ?? 10);
}
