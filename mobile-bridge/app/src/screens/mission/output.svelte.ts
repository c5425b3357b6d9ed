// What does a running attempt say? A look every other second from where the last one ended; whichever machine it runs on.
import { get } from '../../api/client.ts';
import { Unreachable } from '../../api/problem.ts';
import { withoutAnsi } from '../../text/visible.ts';

const ROOF = 2000;
const LOOK_MS = 1500;
const LATER_MS = 6000;

/** One look, as the node tells it. */
export interface Look {
  status: string;
  says: string;
  age_seconds: number | null;
  seconds: number | null;
  text: string;
  missed: number;
  cursor: string;
  cost_usd: number | null;
  diff: { files: number; added: number; removed: number } | null;
}

export class LiveOutput {
  lines = $state.raw<string[]>([]);
  /** The number of the first line that is kept. */
  first = $state(0);
  look = $state.raw<Look | null>(null);
  #open = '';

  take(look: Look): void {
    this.look = look;
    if (look.missed) this.#add(`\n… ${look.missed} …\n`);
    if (look.text) this.#add(look.text);
  }

  #add(text: string): void {
    const whole = withoutAnsi(this.#open + text);
    const pieces = whole.split(/\r?\n/).map((line) => line.slice(line.lastIndexOf('\r') + 1)); // a progress bar overwrites itself
    this.#open = pieces.pop() ?? '';
    const all = [...this.lines, ...pieces];
    const over = Math.max(0, all.length - ROOF);
    this.first += over;
    this.lines = over ? all.slice(over) : all;
  }
}

/** For a component's script: follows one mission until the component ends; rests while nobody looks at the page. */
export function followOutput(name: () => string): LiveOutput {
  const output = new LiveOutput();
  $effect(() => {
    const stop = new AbortController();
    const place = `/api/v1/missions/${encodeURIComponent(name())}/output`;
    let timer = 0;
    let after = '';
    const look = async (): Promise<void> => {
      let wait = LOOK_MS;
      try {
        if (document.visibilityState === 'visible') {
          const { data } = await get<Look>(place, { after }, stop.signal, false);
          after = data.cursor;
          output.take(data);
        }
      } catch (error) {
        wait = error instanceof Unreachable ? LATER_MS : LATER_MS * 5; // refused: the screen says why; it may be over by then
      }
      if (!stop.signal.aborted) timer = window.setTimeout(() => void look(), wait);
    };
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  });
  return output;
}
