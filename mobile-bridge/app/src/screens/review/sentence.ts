// How large is a change, in one line?
import type { Diff } from '../../api/types.ts';
import { t } from '../../texts/index.ts';

export function diffSub(diff: Diff): string {
  const added = diff.files.reduce((sum, file) => sum + file.added, 0);
  const removed = diff.files.reduce((sum, file) => sum + file.removed, 0);
  return `${t.review.filesCount(diff.files.length)} · +${added} −${removed}`;
}
