// What has a running attempt said so far? The tail by request, then each event as it comes.
import { get } from '../../api/client.ts';
import { on } from '../../live/live.ts';

const ROOF = 2000;

interface OutputPage {
  text?: string;
  lines?: string[];
  next?: string | number | null;
}

export class LiveOutput {
  lines = $state.raw<string[]>([]);
  /** The number of the first line that is kept. */
  first = $state(0);
  live = $state(false);
  #open = '';

  add(text: string): void {
    const pieces = (this.#open + text).split('\n');
    this.#open = pieces.pop() ?? '';
    if (!pieces.length) return;
    const all = [...this.lines, ...pieces];
    const over = Math.max(0, all.length - ROOF);
    this.first += over;
    this.lines = over ? all.slice(over) : all;
  }
}

/** For a component's script: follows one mission's output until the component ends. */
export function followOutput(name: () => string): LiveOutput {
  const output = new LiveOutput();
  let after: string | number = '';
  let asking = false;
  const load = async (signal: AbortSignal): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      const { data } = await get<OutputPage>(`/api/v1/missions/${encodeURIComponent(name())}/output`, { after }, signal);
      const text = data.text ?? (data.lines ?? []).map((line) => `${line}\n`).join('');
      if (text) output.add(text);
      after = data.next ?? after;
      output.live = true;
    } catch {
      output.live = false; // the frame says why no node answers; the tail is asked for again with the next event
    } finally {
      asking = false;
    }
  };
  $effect(() => {
    const stop = new AbortController();
    void load(stop.signal);
    const ends = [on('output', (event) => about(event.data, name()) && void load(stop.signal)), on('ledger', () => void load(stop.signal))];
    return () => {
      stop.abort();
      ends.forEach((end) => end());
    };
  });
  return output;
}

function about(data: string, name: string): boolean {
  try {
    return (JSON.parse(data) as { mission?: string }).mission === name;
  } catch {
    return false;
  }
}
