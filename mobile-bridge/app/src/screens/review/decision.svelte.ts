// What does a person say to a result? Line comments while reading, then one word: approve, or send it back.
import { expiry, perform } from '../../api/intents.ts';
import { Problem } from '../../api/problem.ts';
import type { DiffLine } from '../../api/types.ts';
import { toldShort } from '../../components/told.ts';
import { go } from '../../router/router.svelte.ts';
import { afterUndo, toast, toastError } from '../../state/toasts.svelte.ts';
import { t } from '../../texts/index.ts';
import { rejection } from './comment.ts';
import { numberOf, type LineComment } from './rows.ts';

const UNDO_SECONDS = 5;

export class Decision {
  readonly mission: string;
  comments = $state.raw<LineComment[]>([]);
  /** The line that is being commented on. */
  draft = $state.raw<LineComment | null>(null);
  rejecting = $state(false);
  onApproval = $state('');

  constructor(mission: string) {
    this.mission = mission;
  }

  begin(path: string, line: DiffLine): void {
    const at = { path, line: numberOf(line), removed: line.kind === '-' };
    const same = (one: LineComment): boolean => one.path === at.path && one.line === at.line && one.removed === at.removed;
    this.draft = this.comments.find(same) ?? { ...at, text: '' };
  }

  /** Keeps what was written about the line; nothing written takes the comment away. */
  finish(text: string): void {
    const draft = this.draft;
    this.draft = null;
    if (!draft) return;
    const rest = this.comments.filter((one) => one.path !== draft.path || one.line !== draft.line || one.removed !== draft.removed);
    this.comments = text.trim() ? [...rest, { ...draft, text }] : rest;
  }

  remove = (comment: LineComment): void => {
    this.comments = this.comments.filter((one) => one !== comment);
  };

  /** Approves this very result, after a moment in which it can be taken back. */
  approve(digest: string): void {
    afterUndo(t.review.approvedUndo, () => void this.#send('approve', { state: 'approved', digest, on_approval: this.onApproval }, digest, t.review.approved), UNDO_SECONDS);
    go('/review');
  }

  async reject(whole: string, digest: string): Promise<void> {
    const comment = rejection(whole, this.comments);
    if (await this.#send('reject', { state: 'rejected', digest, comment }, digest, t.review.rejected)) {
      this.rejecting = false;
      go('/review');
    }
  }

  async #send(action: 'approve' | 'reject', body: Record<string, unknown>, digest: string, said: string): Promise<boolean> {
    try {
      const outcome = await perform({ action, mission: this.mission, digest, expires: expiry(), body });
      toast(outcome.state === 'queued' ? t.review.queued : said);
      return true;
    } catch (error) {
      const moved = error instanceof Problem && error.status === 409;
      toastError(moved ? `${error.detail || t.review.moved} ${t.review.movedStep}` : toldShort(error));
      return false;
    }
  }
}
