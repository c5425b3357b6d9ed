// Who wrote an entry, in one line?
import type { LogEntry } from '../../api/documents.ts';
import { t } from '../../texts/index.ts';

export function byWhom(entry: Pick<LogEntry, 'node' | 'agent' | 'model' | 'mission' | 'project'>): string {
  const agent = [entry.agent, entry.model].filter(Boolean).join(', ');
  const who = [entry.node, agent && (entry.node ? `(${agent})` : agent)].filter(Boolean).join(' ');
  return [who, entry.mission, entry.project || t.log.fleets].filter(Boolean).join(' · ');
}
