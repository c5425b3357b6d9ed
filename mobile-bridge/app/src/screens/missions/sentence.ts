// How does a colleague tell of a mission in one line?
import type { Mission } from '../../api/types.ts';
import { dollars, duration, moment } from '../../text/amounts.ts';
import { t } from '../../texts/index.ts';

/** Who, where, which try, how long, at what cost, and what it means for you. */
export function missionSays(mission: Mission, now: Date): string {
  const began = moment(mission.started);
  const ended = moment(mission.finished);
  const who = mission.node ? `${mission.agent || mission.task} ${t.now.on} ${mission.node}` : mission.agent;
  const seconds = began ? ((ended ?? now).getTime() - began.getTime()) / 1000 : 0;
  const where = mission.line ? `${t.newMission.line(mission.line)}: ` : '';
  return [
    mission.project ?? '',
    who,
    mission.attempt > 1 ? t.now.attempt(mission.attempt) : '',
    began && (ended || mission.status === 'running') ? duration(Math.max(seconds, 0)) : '',
    mission.cost_usd === null ? '' : dollars(mission.cost_usd),
    mission.reason ? where + mission.reason : '',
  ].filter(Boolean).join(' · ');
}
