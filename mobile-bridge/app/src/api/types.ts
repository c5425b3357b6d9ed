// What do the node's answers hold? The same JSON as the commands' `--json`.

import type { Evidence } from './evidence.ts';
import type { QueuePlace } from './merge-queues.ts';

export type Status = 'queued' | 'running' | 'review' | 'approved' | 'rejected' | 'done' | 'failed' | 'dead' | 'parked' | 'cancelled' | 'quarantined' | 'untrusted';

export interface Mission {
  name: string;
  title: string;
  status: Status | string;
  path: string;
  reason: string;
  line: number | null;
  hint: string;
  project: string | null;
  task: string;
  agent: string;
  priority: number;
  node: string | null;
  attempt: number;
  epoch: number;
  started: string | null;
  finished: string | null;
  branch: string | null;
  cost_usd: number | null;
  commit: string;
  decision: string;
  decided_by: string;
  decided: string | null;
  comment: string;
  merged: string;
  group?: string; // an older node tells of none
  pull_request?: string;
  pull_state?: string;
  parent: string;
  author: string;
}

export interface InboxItem {
  kind: string;
  name: string;
  title: string;
  says: string;
  step: string;
  when: string;
}

export interface NodeRow {
  name: string;
  role: string;
  state: string;
  agents: string[];
  capabilities: string[];
  version: string;
  moved: string | null;
  works_on: string[];
  load: string;
  disk: string;
  silent_seconds: number | null;
}

export interface Me {
  name: string;
  kind: 'token' | 'ops' | 'local' | 'device';
  scopes: string[];
  device: string | null;
  node: string;
  role: string;
  fleet: string;
  model: { name: string; backend: string; toy: boolean; better: string } | null;
  version: string;
  api: number;
  page: string;
}

export interface Now {
  running: Mission[];
  waiting: InboxItem[];
  trouble: InboxItem[];
  queued: number;
  today: { cost_usd: number; tokens: number; missions: number };
  nodes: NodeRow[];
  tip: string;
}

export interface TimelineEntry {
  when: string;
  node: string;
  what: string;
  says: string;
}

export interface MissionDetail extends Mission {
  text: string;
  memo: string;
  output: string;
  evidence?: Evidence; // none of nodes before it
  queue?: QueuePlace | null; // nor this
  timeline: TimelineEntry[];
  children: string[];
  depends_on: string[];
  budget_usd: number | null;
}

/** One of several attempts at one thing, as `mission compare --json` tells of it. */
export interface ComparedAttempt {
  number: number;
  name: string;
  agent: string;
  node: string;
  status: Status | string;
  tested: boolean | null;
  cost_usd: number | null;
  seconds: number | null;
  files: string[];
  added: number;
  removed: number;
}

export interface MissionPage {
  items: Mission[];
  next: string | null;
  tip: string;
}

export interface FieldHelp {
  name: string;
  type: string;
  default: unknown;
  help: string;
  values?: string[];
}

export interface TextProblem {
  line: number | null;
  says: string;
  step: string;
}

export interface DiffLine {
  kind: '+' | '-' | ' ';
  old: number | null;
  new: number | null;
  text: string;
}

export interface DiffHunk {
  heading: string;
  old_start: number;
  new_start: number;
  lines: DiffLine[];
}

export interface DiffFile {
  path: string;
  old_path: string;
  status: string;
  notes: string[];
  added: number;
  removed: number;
  binary: boolean;
  hunks: DiffHunk[];
}

export interface Diff {
  files: DiffFile[];
  digest: string;
  truncated: boolean;
  bytes: number;
}

export interface Explanation {
  mission: string;
  status: string;
  rules: { rule: string; passed: boolean; says: string }[];
  standing: { tier: string; points: number; accepted: number; rejected: number; failed: number } | null;
  tools: string[] | null;
}
