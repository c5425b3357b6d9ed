// Which node, at which address, answers best now? The nearest that does: LAN first, headquarters soon after, and back again.

export interface Candidate {
  node: string;
  url: string;
  near: boolean; // an address of this network
}

export interface Reached<L> {
  candidate: Candidate;
  line: L;
}

/** Milliseconds that near addresses have before the others are tried, too. */
export const HEAD_START_MS = 700;
/** The same where a near line was just lost: its address was silent for a while already. With what finds that out it stays within 2 s. */
export const AFTER_LOSS_MS = 250;
/** Milliseconds after which an address counts as silent: in this network, and beyond it, where a phone may have to wake its radio. */
export const SILENT_MS = 1500;
export const FAR_SILENT_MS = 5000;

export type Knock<L> = (candidate: Candidate, signal: AbortSignal) => Promise<L>;

/** The remembered address first, then the near ones, then the rest, each once. */
export function ordered(candidates: Candidate[], remembered: string | null): Candidate[] {
  const rank = (one: Candidate): number => (one.near ? 0 : 2) - (one.url === remembered ? 1 : 0);
  return candidates.filter((one, at) => candidates.findIndex((other) => other.url === one.url && other.node === one.node) === at).sort((one, other) => rank(one) - rank(other));
}

/**
 * The first line that opens; a near one wins if it opens within its head start (in milliseconds). Rejects with the last reason when none does.
 * Those that are not needed are called off.
 */
export function reach<L>(candidates: Candidate[], knock: Knock<L>, signal: AbortSignal, headStart = HEAD_START_MS): Promise<Reached<L>> {
  return new Promise((keep, fail) => {
    const stop = new AbortController();
    const end = (): void => { stop.abort(); clearTimeout(timer); signal.removeEventListener('abort', off); };
    const off = (): void => { end(); fail(signal.reason as Error); };
    let open = 0;
    let waiting = candidates.filter((one) => !one.near);
    let last: unknown = new TypeError('no address is known');
    const settle = (): void => {
      if (open > 0) return;
      if (waiting.length) release();
      else { end(); fail(last as Error); }
    };
    const begin = (candidate: Candidate): void => {
      open++;
      knock(candidate, AbortSignal.any([stop.signal, AbortSignal.timeout(candidate.near ? SILENT_MS : FAR_SILENT_MS)])).then(
        (line) => { if (!stop.signal.aborted) { end(); keep({ candidate, line }); } },
        (error: unknown) => { open--; last = error; if (!stop.signal.aborted) settle(); },
      );
    };
    const release = (): void => { const now = waiting; waiting = []; for (const one of now) begin(one); };
    const timer = setTimeout(release, headStart);
    signal.addEventListener('abort', off);
    for (const one of candidates.filter((each) => each.near)) begin(one);
    settle();
  });
}
