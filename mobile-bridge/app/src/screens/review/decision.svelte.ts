// What does a person say to a result? Line comments while reading, then one word: approve, or send it back.
import { expiry, newKey, perform } from '../../api/intents.ts';
import { Problem } from '../../api/problem.ts';
import type { DiffLine } from '../../api/types.ts';
import { toldShort } from '../../components/told.ts';
import { go, goOn } from '../../router/router.svelte.ts';
import { forget, give, remember, type Undoable } from '../../state/undoable.ts';
import { afterUndo, toast, toastError } from '../../state/toasts.svelte.ts';
import { t } from '../../texts/index.ts';
import { rejection } from './comment.ts';
import { numberOf, type LineComment } from './rows.ts';
import * as said from './said.ts';

const UNDO_SECONDS = 5;

export class Decision {
  readonly mission: string;
  #comments = $state.raw<LineComment[]>([]);
  #whole = $state('');
  #digest = '';
  /** The line that is being commented on. */
  draft = $state.raw<LineComment | null>(null);
  rejecting = $state(false);
  /** A word was given, and is neither taken back nor refused. */
  given = $state(false);
  onApproval = $state('');

  constructor(mission: string) {
    this.mission = mission;
  }

  /** The result that is looked at: what was written about it before is here again. */
  about(digest: string): void {
    if (this.#digest === digest) return;
    this.#digest = digest;
    ({ comments: this.#comments, whole: this.#whole } = said.read(this.mission, digest));
  }

  get comments(): LineComment[] {
    return this.#comments;
  }

  /** What is wrong as a whole. */
  get whole(): string {
    return this.#whole;
  }

  set whole(text: string) {
    this.#write(this.#comments, text);
  }

  #write(comments: LineComment[], whole: string): void {
    this.#comments = comments;
    this.#whole = whole;
    if (this.#digest) said.write(this.mission, this.#digest, { comments, whole });
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
    this.#write(text.trim() ? [...rest, { ...draft, text }] : rest, this.#whole);
  }

  remove = (comment: LineComment): void => {
    this.#write(this.#comments.filter((one) => one !== comment), this.#whole);
  };

  /** Approves this very result, after a moment in which it can be taken back. */
  approve(digest: string): void {
    if (this.given) return;
    this.given = true;
    const body = { state: 'approved', digest, on_approval: this.onApproval };
    const order: Undoable = { intent: { action: 'approve', mission: this.mission, digest, expires: expiry(), body }, key: newKey(), due: Date.now() + UNDO_SECONDS * 1000 };
    remember(order);
    afterUndo(t.review.approvedUndo, () => void this.#told(give(order), t.review.approved).then((done) => done && this.#write([], '')), () => ((this.given = false), forget(order.key)), UNDO_SECONDS);
    go('/review');
  }

  async reject(digest: string): Promise<void> {
    if (this.given) return;
    this.given = true;
    const on = goOn();
    const body = { state: 'rejected', digest, comment: rejection(this.whole, this.comments) };
    const sent = perform({ action: 'reject', mission: this.mission, digest, expires: expiry(), body }).then(({ state }) => state);
    if (await this.#told(sent, t.review.rejected)) {
      this.#write([], '');
      this.rejecting = false;
      on('/review');
    }
  }

  async #told(order: Promise<'done' | 'queued'>, said: string): Promise<boolean> {
    try {
      toast((await order) === 'queued' ? t.review.queued : said);
      return true;
    } catch (error) {
      const moved = error instanceof Problem && error.status === 409;
      this.given = false;
      toastError(moved ? `${error.detail || t.review.moved} ${t.review.movedStep}` : toldShort(error));
      return false;
    }
  }
}
