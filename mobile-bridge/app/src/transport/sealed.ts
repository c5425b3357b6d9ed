// How does any request of the page travel sealed? Through one channel to a paired node, renewed when the node says it is over.
import { problemOf } from '../api/problem.ts';
import { fromNode, type Outgoing } from '../api/transport.ts';
import { newKey, type DeviceKey } from '../pairing/device-key.ts';
import type { Fetch, PairedNode } from '../pairing/pair.ts';
import { concat, decode64, utf8, type Bytes } from '../pairing/wire.ts';
import { helloMessage, NotSealed, openAnswer, openChannel, sealRequest, type ChannelKeys } from './channel.ts';
import { encodeMessage, readLength } from './frames.ts';

interface Open {
  keys: ChannelKeys;
  cookie: Bytes;
  number: number;
}

/** A line to one paired node at one address. */
export class SealedLine {
  readonly node: PairedNode;
  readonly url: string;
  readonly #key: DeviceKey;
  readonly #fetch: Fetch;
  #open: Promise<Open> | null = null;

  constructor(node: PairedNode, url: string, key: DeviceKey, fetcher: Fetch = (where, init) => fetch(where, init)) {
    this.node = node;
    this.url = url;
    this.#key = key;
    this.#fetch = fetcher;
  }

  #post(body: Bytes, signal: AbortSignal | null): Promise<Response> {
    return this.#fetch(`${this.url}/sealed`, { method: 'POST', body, signal, headers: { 'Content-Type': 'application/octet-stream' }, credentials: 'omit', cache: 'no-store', redirect: 'error' });
  }

  /** Opens the channel now. Rejects with TypeError where nobody answers, ChangedKey where it is another node. */
  async hello(signal: AbortSignal | null = null): Promise<void> {
    this.#open = this.#hello(signal);
    await this.#open;
  }

  async #hello(signal: AbortSignal | null): Promise<Open> {
    const fresh = await newKey();
    const answer = await this.#post(helloMessage(this.node.device, fresh.public), signal);
    if (!answer.ok) throw await problemOf(answer);
    const welcome = new Uint8Array(await answer.arrayBuffer());
    return { ...(await openChannel(this.node.device, this.#key, fresh, decode64(this.node.key, 65), welcome)), number: 0 };
  }

  /** One request. What the node refuses outside of the seal (a revoked device) is a Response like any other. */
  async send(request: Outgoing): Promise<Response> {
    const first = await this.#once(request);
    if (first.status !== 401 || first.headers.get('Content-Type') === 'application/octet-stream') return first;
    this.#open = null; // the channel is over, or this device is: a new hello tells
    return this.#once(request);
  }

  async #once({ method, path, headers, body, signal }: Outgoing): Promise<Response> {
    this.#open ??= this.#hello(signal);
    const open = await this.#open.catch((error: unknown) => {
      this.#open = null;
      throw error;
    });
    const data = encodeMessage({ method, path, headers }, body === null ? new Uint8Array() : utf8(body));
    const message = await sealRequest(open.keys, open.number++, data, open.cookie);
    const answer = fromNode(await this.#post(message, signal));
    if (!answer.ok || !answer.body) return answer;
    return unsealed(openAnswer(open.keys, message, answer.body as ReadableStream<Bytes>));
  }
}

/** The Response inside a seal; its body goes on as it comes, and fails where it was cut or changed. */
async function unsealed(chunks: AsyncGenerator<Bytes>): Promise<Response> {
  let begun: Bytes = new Uint8Array();
  while (begun.length < 4 || begun.length < 4 + readLength(begun)) {
    const { value, done } = await chunks.next();
    if (done) throw new NotSealed();
    begun = concat(begun, value);
  }
  const end = 4 + readLength(begun);
  const head = JSON.parse(new TextDecoder().decode(begun.slice(4, end))) as { status: number; headers: Record<string, string> };
  const rest = begun.slice(end);
  const body = new ReadableStream<Bytes>({
    start: (into) => { if (rest.length) into.enqueue(rest); },
    async pull(into) {
      const { value, done } = await chunks.next();
      if (done) into.close();
      else into.enqueue(value);
    },
    async cancel() { await chunks.return(undefined); },
  });
  const bare = [204, 205, 304].includes(head.status);
  if (bare) for await (const _ of chunks) void _; // to its marked end
  return new Response(bare ? null : body, { status: head.status, headers: head.headers });
}
