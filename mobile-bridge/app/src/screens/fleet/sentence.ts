// How is a node told of in a line? Pure: a row in, words out.
import type { FleetNode } from '../../api/fleet.ts';
import { duration } from '../../text/amounts.ts';
import { t } from '../../texts/screens.ts';

export const roleOf = (node: Pick<FleetNode, 'role'>): string => t.fleet.roles[node.role] ?? node.role;

/** For how long nothing was heard of it; what it says instead where that is not known. */
export const beatOf = (node: Pick<FleetNode, 'silent_seconds' | 'state'>): string => (node.silent_seconds === null ? '–' : node.silent_seconds < 1 ? t.fleet.beatNow : duration(node.silent_seconds));

export function nodeSays(node: FleetNode): string {
  const isUp = node.state === 'live';
  const takers = [...new Set(Object.values(node.handed_over))].join(t.common.and);
  return [
    roleOf(node), node.works_on.length ? t.fleet.worksOn(node.works_on.join(', ')) : isUp ? t.fleet.idle : '', isUp || node.queue ? t.fleet.queue(node.queue) : '',
    takers ? t.fleet.takenOver(takers, Object.keys(node.handed_over).length) : '',
  ].filter(Boolean).join(' · ');
}

/** The pill's colour for a state of a node. */
export const toneOf = (state: string): string => ({ live: 'done', stale: 'review', offline: 'failed' })[state] ?? 'queued';
