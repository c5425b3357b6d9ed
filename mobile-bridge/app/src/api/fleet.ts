// What does the page ask about nodes, and about what they spend?
import { get, type Answer } from './client.ts';
import type { Listed } from './documents.ts';
import type { Mission, NodeRow } from './types.ts';

/** A node of the fleet's page. */
export interface FleetNode extends NodeRow {
  weak: string[];
  notifies: boolean;
  workload: number;
  queue: number;
  handed_over: Record<string, string>;
  accounts?: { account: string; closed_until: string | null; says: string }[]; // an older headquarters tells of none
}

export interface Figures {
  runs: number;
  tokens_in: number;
  tokens_out: number;
  tokens_cached: number;
  seconds: number;
  cost_usd: number;
  unpriced: number;
}

export interface Outlook {
  what: string; // a project; '' is the whole fleet
  today_usd: number;
  month_usd: number;
  budget_usd: number | null;
  month_end_usd: number | null;
  says: string[];
}

export interface FleetUsage {
  since: string;
  total: Figures;
  by_day: Record<string, Figures>;
  by_node: Record<string, Figures>;
  by_project: Record<string, Figures>;
  by_agent: Record<string, Figures>;
  by_model: Record<string, Figures>;
  forecasts: Outlook[];
  remarks: string[];
}

export const listNodes = (signal: AbortSignal): Promise<Answer<FleetNode[]>> => get('/api/v1/fleet', {}, signal);
export const listHistory = (node: string, after: string, signal: AbortSignal): Promise<Answer<Listed<Mission>>> =>
  get(`/api/v1/fleet/${encodeURIComponent(node)}/history`, { after, limit: 50 }, signal);
/** `since`: a day (UTC); empty: since the month began. */
export const getFleetUsage = (since: string, signal: AbortSignal): Promise<Answer<FleetUsage>> => get('/api/v1/usage/fleet', { since }, signal);
