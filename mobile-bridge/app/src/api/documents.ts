// What does the page ask about the journal, the memos and the handoff?
import { get, type Answer } from './client.ts';

export interface LogEntry {
  id: string;
  when: string;
  node: string;
  agent: string;
  model: string;
  mission: string;
  title: string;
  heading: string;
  text: string;
  project: string;
  path: string;
  line: number | null;
  /** The lines that a search found. */
  found?: string[];
}

export interface Memo {
  memo_id: string;
  node: string;
  mission: string;
  task: string;
  summary: string;
  key_findings: string[];
  lessons_learned: string[];
  artifacts: string[];
  promotion_candidate: boolean;
  created: string;
  path: string;
  project: string | null;
  text?: string;
}

export interface Citation {
  entry: string;
  path: string;
  line: number | null;
}

export interface HandoffItem {
  text: string;
  section: string;
  heading: boolean;
  standing: boolean;
  line: number;
  cites: Citation[];
}

export interface Tier {
  tier: string;
  title: string;
  path: string;
  text: string;
  items: HandoffItem[];
}

export interface Handoff {
  commit: string;
  project: string;
  tiers: Tier[];
  commits: { commit: string; when: string; says: string }[];
}

/** One measure of a month: how many of how many, with an interval of 95 %. */
export interface ContinuityShare {
  key: string;
  name: string;
  short: string;
  count: number;
  of: number;
  share: number | null;
  low: number | null;
  high: number | null;
  share_words: string;
  interval_words: string;
}

export interface ContinuityMonth {
  month: string;
  measures: ContinuityShare[];
}

export interface Continuity {
  month: string;
  says: string;
  harmful: { project: string; text: string; cites: string[]; why: string }[];
  series: ContinuityMonth[];
}

export interface Listed<T> {
  items: T[];
  next: string | null;
}

export interface Wanted {
  project?: string | undefined;
  q?: string;
  after?: string;
}

const PAGE = 50;

export const listEntries = (wanted: Wanted, signal: AbortSignal): Promise<Answer<Listed<LogEntry>>> => get('/api/v1/log', { ...wanted, limit: PAGE }, signal);
export const getEntry = (id: string, signal: AbortSignal): Promise<Answer<LogEntry>> => get(`/api/v1/log/${encodeURIComponent(id)}`, {}, signal);
export const listMemos = (wanted: Wanted, signal: AbortSignal): Promise<Answer<Listed<Memo>>> => get('/api/v1/memos', { ...wanted, limit: PAGE }, signal);
export const getMemo = (id: string, signal: AbortSignal): Promise<Answer<Memo>> => get(`/api/v1/memos/${encodeURIComponent(id)}`, {}, signal);
export const getHandoff = (project: string, commit: string, signal: AbortSignal): Promise<Answer<Handoff>> => get('/api/v1/handoff', { project, commit }, signal);
export const getContinuity = (signal: AbortSignal): Promise<Answer<Continuity>> => get('/api/v1/continuity', {}, signal);
export const listProjects = (signal: AbortSignal): Promise<Answer<{ name: string }[]>> => get('/api/v1/projects', {}, signal);
