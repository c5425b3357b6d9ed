// What can go wrong with a request? Three things, each with words a person can act on.

/** The node answered with an error (RFC 9457, problem+json). */
export class Problem extends Error {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** The fields or the line that are wrong, as the node names them. */
  readonly where: unknown;

  constructor(status: number, title: string, detail: string, where: unknown = null) {
    super(detail || title);
    this.name = 'Problem';
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.where = where;
  }
}

/** No node answered: off, gone from this network, or kept from us by the browser. All of these look the same to a page. */
export class Unreachable extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'Unreachable';
  }
}

/** The answer's problem, whatever it is made of: a proxy in between may answer with HTML. */
export async function problemOf(answer: Response): Promise<Problem> {
  const kind = answer.headers.get('Content-Type') ?? '';
  const said = kind.includes('json') ? await answer.json().catch(() => null) : null;
  const text = (name: string): string => (said && typeof said[name] === 'string' ? said[name] : '');
  return new Problem(answer.status, text('title') || answer.statusText || String(answer.status), text('detail'), said?.where ?? null);
}
