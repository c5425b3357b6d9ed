// Who am I here, what may I, and do page and node belong together?
import { getMe } from '../api/session.ts';
import { Problem } from '../api/problem.ts';
import type { Me } from '../api/types.ts';
import { node } from './node.svelte.ts';

/** The form of the HTTP surface that this page was written for. */
export const API = 1;

class Session {
  me = $state.raw<Me | null>(null);
  /** The node wants a token, or refuses the one it was given. */
  unknown = $state(false);
  /** The node speaks another form of the API than this page. */
  stale = $state(false);
}

export const session = new Session();

let turn = 0;

export async function refreshSession(): Promise<void> {
  const mine = ++turn; // another node may have been chosen since: only the last question's answer counts
  try {
    const { data } = await getMe();
    if (mine !== turn) return;
    session.me = data;
    session.unknown = false;
    session.stale = data.api !== API;
    node.name = data.node;
  } catch (error) {
    if (mine === turn && error instanceof Problem && error.status === 401) session.unknown = true;
  }
}

/** Whether this caller may do such a thing; true while it is not known, for then the node says. */
export function may(scope: string): boolean {
  const scopes = session.me?.scopes;
  return !scopes || scopes.includes(scope) || (scope !== 'approvals' && scopes.includes('ops'));
}

/** The name under which this browser speaks at the node, as far as it is known. */
export const deviceName = (): string => (session.me?.device || (session.me?.kind === 'token' ? session.me.name : '') || 'browser').replace(/[^A-Za-z0-9._:-]/g, '-').slice(0, 64);
