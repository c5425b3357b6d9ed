// Who needs the sealed lines? A paired device; everybody else never loads their code. Until it is there, requests wait.
import { send, setTransport } from '../api/transport.ts';
import { pairedNodes } from './paired-nodes.ts';

/** Call once, before the first request. */
export function startLinesIfPaired(): void {
  if (!pairedNodes().length) return;
  const loaded = import('./lines.svelte.ts').then(
    ({ startLines }) => startLines(),
    () => setTransport(null), // the file is not there: what needs no device's key goes on
  );
  setTransport(async (request) => {
    await loaded;
    return send(request);
  });
}
