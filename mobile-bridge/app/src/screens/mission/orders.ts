// What may a person order of a mission now, and how is it carried out?
import { expiry, perform, type Intent } from '../../api/intents.ts';
import type { MissionDetail } from '../../api/types.ts';
import { toldShort } from '../../components/told.ts';
import { toast, toastError } from '../../state/toasts.svelte.ts';
import { t } from '../../texts/screens.ts';

const GOES_ON = new Set(['running', 'queued', 'failed', 'untrusted']);
const STOPS = new Set([...GOES_ON, 'parked', 'review', 'dead']);

export const canPause = (status: string): boolean => status === 'running' || status === 'queued' || status === 'failed';
export const canResume = (status: string): boolean => status === 'parked';
/** Whether somebody hears what is said to it: who works on it, or who goes on with it. */
export const canSteer = (status: string): boolean => status === 'running' || status === 'parked';
/** What was approved and waits in a merge queue can be called off, too, until it is pushed. */
export const canCancel = (mission: Pick<MissionDetail, 'status' | 'queue'>): boolean => STOPS.has(mission.status) || isWithdrawable(mission);
export const isWithdrawable = ({ queue }: Pick<MissionDetail, 'queue'>): boolean => !!queue && queue.state !== 'landing';

/** Orders it and tells the person what came of it; whether it is done or kept. */
export async function order(action: Intent['action'], mission: string, said: string, body: Record<string, unknown> = {}): Promise<boolean> {
  try {
    const outcome = await perform({ action, mission, digest: '', expires: expiry(), body });
    toast(outcome.state === 'queued' ? t.mission.queued : said);
    return true;
  } catch (error) {
    toastError(toldShort(error));
    return false;
  }
}
