// What does the page ask about merge queues?
import { get, type Answer } from './client.ts';

export type QueueStanding = 'waiting' | 'testing' | 'landing' | 'stopped';

/** Where one mission stands; a mission that waits in no queue has none. */
export interface QueuePlace {
  project: string;
  place: number;
  of: number;
  state: QueueStanding;
  node: string;
  says: string;
}

export interface WaitingResult {
  place: number;
  mission: string;
  title: string;
  decided_by: string;
  decided: string;
  state: QueueStanding;
}

export interface MergeQueue {
  name: string; // the project
  batch: number;
  missions: WaitingResult[];
  says: string;
}

/** Of every project that has one; or of one project. */
export const listQueues = (project: string, signal: AbortSignal): Promise<Answer<{ items: MergeQueue[] }>> => get('/api/v1/merge-queues', { project }, signal);
