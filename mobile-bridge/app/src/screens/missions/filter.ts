// Which missions are wanted? The filters as they stand in the address, so that a view can be shared and come back to.
import type { MissionFilter } from '../../api/missions.ts';
import type { Mission } from '../../api/types.ts';

export type View = 'list' | 'board';
export type Column = 'waiting' | 'queued' | 'running' | 'over';

export const STATES = ['review', 'running', 'queued', 'failed', 'dead', 'parked', 'untrusted', 'quarantined', 'done', 'cancelled'] as const;
const OVER = new Set(['done', 'cancelled', 'rejected']);
const WAITING = new Set(['review', 'untrusted', 'quarantined', 'dead', 'parked', 'approved']);

export function filterOf(query: URLSearchParams): MissionFilter {
  const state = query.get('state') ?? '';
  const filter: MissionFilter = { state, q: query.get('q') ?? '', archived: query.get('over') === '1' || OVER.has(state) || boardOf(query) };
  const project = query.get('project');
  return project === null ? filter : { ...filter, project };
}

const boardOf = (query: URLSearchParams): boolean => query.get('view') === 'board';
export const viewOf = (query: URLSearchParams): View => (boardOf(query) ? 'board' : 'list');
export const isFiltered = (query: URLSearchParams): boolean => ['state', 'q', 'project'].some((name) => query.get(name));

/** Where a mission stands on the board. */
export function columnOf(mission: Mission): Column {
  if (mission.status === 'running') return 'running';
  if (OVER.has(mission.status)) return 'over';
  return WAITING.has(mission.status) ? 'waiting' : 'queued';
}
