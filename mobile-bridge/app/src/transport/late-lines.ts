// Who needs the sealed lines? A paired device; everybody else never loads their code. Until it is there, requests wait.
import { send, setTransport } from '../api/transport.ts';
import { pairedNodes } from './paired-nodes.ts';

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
