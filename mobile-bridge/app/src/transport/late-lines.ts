// Who needs the sealed lines? A paired device; everybody else never loads their code. Until it is there, requests wait.
import { send, setTransport } from '../api/transport.ts';
import { pairedNodes } from './paired-nodes.ts';

/** Has the sealed lines go by this way only; null: by whichever is best. Nothing where this device is paired with nobody. */
export async function chooseWay(way: 'lan' | 'hq' | null): Promise<void> {
  if (pairedNodes().length) (await import('./lines.svelte.ts')).wishWay(way);
}

/** Call once, before the first request. Where the code cannot be loaded nothing is sent: never in clear instead. */
export function startLinesIfPaired(): void {
  if (!pairedNodes().length) return;
  const loaded = import('./lines.svelte.ts').then(({ startLines }) => startLines());
  loaded.catch(() => undefined); // each request that waits is told
  setTransport(async (request) => {
    await loaded;
    return send(request);
  });
}
