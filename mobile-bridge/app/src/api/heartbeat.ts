// What does the page ask about the heartbeat: what nodes look at, what they found, what waits, and what it may cost?
import { get, type Answer } from './client.ts';

export interface HeartbeatLine {
  line: number; // its number in the file
  id: string;
  text: string;
  cadence: string;
  who: string;
  mission: string | null;
  next: string | null;
  looked: string | null;
}

export interface HeartbeatFinding {
  says: string;
  subject: string;
  by: string;
  since: string;
  told: boolean;
  line: string;
}

export interface HeartbeatMission {
  mission: string;
  title: string;
  status: string;
  line: string; // the id of its line
}

export interface HeartbeatSpent {
  notices: number;
  missions: number;
  usd: number;
}

export interface HeartbeatOverview {
  signed_by: string | null;
  active: boolean;
  every_minutes: number;
  lines: HeartbeatLine[];
  findings: HeartbeatFinding[];
  waiting: HeartbeatMission[];
  problems: string[];
  today: HeartbeatSpent;
  budget: HeartbeatSpent & { mission_usd: number };
}

export const getHeartbeat = (signal: AbortSignal): Promise<Answer<HeartbeatOverview>> => get('/api/v1/heartbeat', {}, signal);
