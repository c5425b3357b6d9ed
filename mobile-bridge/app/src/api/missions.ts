// What does the page ask about missions?
import { get, send, type Answer } from './client.ts';
import type { ComparedAttempt, Diff, Explanation, FieldHelp, MissionDetail, MissionPage, Now, TextProblem } from './types.ts';

export interface MissionFilter {
  state?: string;
  project?: string;
  q?: string;
  archived?: boolean;
  after?: string;
}

const PAGE = 100;
const place = (name: string): string => `/api/v1/missions/${encodeURIComponent(name)}`;

export const getNow = (signal: AbortSignal): Promise<Answer<Now>> => get('/api/v1/now', {}, signal);
export const listMissions = (filter: MissionFilter, signal: AbortSignal): Promise<Answer<MissionPage>> =>
  get('/api/v1/missions', { ...filter, limit: PAGE }, signal);
/** What came to an end lately, the newest first. */
export const listLately = (signal: AbortSignal): Promise<Answer<MissionPage>> => get('/api/v1/missions', { state: 'done', archived: true, limit: 8 }, signal);
export const getMission = (name: string, signal: AbortSignal): Promise<Answer<MissionDetail>> => get(place(name), {}, signal);
export const getDiff = (name: string, signal: AbortSignal): Promise<Answer<Diff>> => get(`${place(name)}/diff`, {}, signal);
/** By a group's name, or that of one of its attempts. */
export const getAttempts = (name: string, signal: AbortSignal): Promise<Answer<{ group: string; attempts: ComparedAttempt[] }>> => get(`${place(name)}/attempts`, {}, signal);
export const getReasons = (name: string, signal: AbortSignal): Promise<Answer<Explanation>> => get(`${place(name)}/approval`, {}, signal);
export const getFields = (signal: AbortSignal): Promise<Answer<FieldHelp[]>> => get('/api/v1/missions/fields', {}, signal);
export const checkText = (text: string, signal: AbortSignal): Promise<{ ok: boolean; problems: TextProblem[] }> =>
  send('POST', '/api/v1/missions/check', { text }, { signal });
