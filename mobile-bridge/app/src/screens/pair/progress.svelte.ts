// Where does a pairing stand on this device? Scan, name, compare, done; or why it did not work.
import { Problem } from '../../api/problem.ts';
import { keyOfDevice } from '../../pairing/device-key.ts';
import { claimAnywhere, confirmed, WrongNode, type Waiting } from '../../pairing/pair.ts';
import { readTicket, WrongTicket, type Ticket } from '../../pairing/ticket.ts';
import { refreshSession } from '../../state/session.svelte.ts';
import { t } from '../../texts/index.ts';
import { startLines } from '../../transport/lines.svelte.ts';
import { keepNode, pairedNodes } from '../../transport/paired-nodes.ts';

export type Step = 'scan' | 'name' | 'asking' | 'compare' | 'done' | 'failed';

export class PairingProgress {
  step = $state<Step>('scan');
  ticket = $state.raw<Ticket | null>(null);
  waiting = $state.raw<Waiting | null>(null);
  trouble = $state('');
  #stop = new AbortController();

  /** What a camera found, or a person pasted. Anything that is no ticket is told, and the camera goes on. */
  read(found: string): void {
    try {
      this.ticket = readTicket(found);
      this.trouble = '';
      this.step = 'name';
    } catch (error) {
      this.trouble = error instanceof WrongTicket ? t.pair.faults[error.fault] : String(error);
    }
  }

  /** Whether the code is of another fleet than what this device is paired with. */
  get foreign(): boolean {
    const known = pairedNodes();
    return this.ticket !== null && known.length > 0 && known.every((one) => one.fleet !== this.ticket?.fleet);
  }

  async ask(name: string): Promise<void> {
    const ticket = this.ticket;
    if (!ticket) return;
    this.step = 'asking';
    try {
      const urls = [...new Set([...ticket.urls, location.origin])];
      this.waiting = await claimAnywhere(ticket, urls, await keyOfDevice(), name.trim(), this.#stop.signal);
      this.step = 'compare';
      keepNode(await confirmed(this.waiting, ticket.pairing, this.#stop.signal), this.waiting.url);
      startLines();
      await refreshSession();
      this.step = 'done';
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.trouble = words(error);
      this.step = 'failed';
    }
  }

  again(): void {
    Object.assign(this, { step: 'scan', ticket: null, waiting: null, trouble: '' });
  }

  end(): void {
    this.#stop.abort();
  }
}

function words(error: unknown): string {
  if (error instanceof WrongNode) return t.pair.wrongNode;
  if (error instanceof Problem) return error.detail || error.title;
  if (error instanceof TypeError) return t.pair.unreachable;
  return error instanceof Error && error.name === 'InvalidStateError' ? t.pair.keepsNothing : String(error);
}
