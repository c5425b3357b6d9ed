// How do bytes reach the chosen node? A port: plain fetch to its address with a token, until something better is set.

export interface Outgoing {
  method: string;
  path: string; // from the node's root, with its query
  headers: Record<string, string>;
  body: string | null;
  signal: AbortSignal | null;
}

/** Promises a Response, or rejects with what fetch rejects with. `/chat` and `/events` are read from it as streams. */
export type Transport = (request: Outgoing) => Promise<Response>;
/** The secret for the next request; null where none is known. It never stands in a URL. */
export type TokenProvider = () => Promise<string | null> | string | null;

/** Characters of a body that a browser sends after its page is gone. */
const LASTING = 16_000;

let base = '';
let token: TokenProvider = () => null;

/** The address of the chosen node, without a slash at its end; '' is the one that this page came from. */
export function setBase(url: string): void {
  base = url.replace(/\/+$/, '');
}

export function setTokenProvider(provider: TokenProvider): void {
  token = provider;
}

const plain: Transport = async ({ method, path, headers, body, signal }) => {
  const secret = await token();
  const all = secret ? { ...headers, Authorization: `Bearer ${secret}` } : headers;
  const keepalive = method === 'PUT' && (body?.length ?? 0) < LASTING; // a decision that is given as the page is left goes out all the same
  return fetch(base + path, { method, headers: all, body, signal, keepalive, credentials: 'omit', cache: 'no-store', redirect: 'error' });
};

let current: Transport = plain;

/** Replaces how requests travel (sealed over plain HTTP, say); null goes back to fetch. */
export function setTransport(transport: Transport | null): void {
  current = transport ?? plain;
}

/** The node's answer. Throws TypeError, as fetch does, for a proxy's word that nobody answers behind it: a node's own is JSON. */
export function fromNode(answer: Response): Response {
  const proxy = [502, 503, 504].includes(answer.status) && !(answer.headers.get('Content-Type') ?? '').includes('json');
  if (proxy) throw new TypeError(`a proxy says ${answer.status}: the node does not answer it`);
  return answer;
}

export async function send(request: Outgoing): Promise<Response> {
  return fromNode(await current(request));
}
