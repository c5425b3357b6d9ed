// What does the page ask about values that two people, or two devices, set at once?
import { get, send, type Answer } from './client.ts';

/** A value of the ledger that a merge did not keep. A side of null: it was taken out. */
export interface LedgerConflict {
  ident: string;
  mission: string;
  part: string; // a field, or `file`
  kept: string | null;
  lost: string | null;
  kept_by: string;
  lost_by: string;
  path: string;
  says: string;
}

export interface DeviceConflict {
  id: string;
  entity: string;
  field: string;
  standing: string; // the key of the member whose value stands
  members: { op: string; hlc: string; device: string; value: unknown }[];
}

export const listConflicts = (signal: AbortSignal): Promise<Answer<LedgerConflict[]>> => get('/api/v1/conflicts', {}, signal);
export const decideConflict = (ident: string, value: 'kept' | 'lost' | 'text', text: string | null = null): Promise<unknown> =>
  send('PUT', `/api/v1/conflicts/${encodeURIComponent(ident)}`, value === 'text' ? { value, text } : { value });
export const listDeviceConflicts = (signal: AbortSignal): Promise<Answer<{ items: DeviceConflict[] }>> => get('/sync/conflicts', {}, signal);
export const settleDeviceConflict = (id: string, take: string): Promise<unknown> => send('PUT', '/sync/conflicts', { id, take });
