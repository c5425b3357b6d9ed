// Which events stand in the pieces of an event stream? One read may hold several events, or half of one.

export interface StreamEvent {
  kind: string;
  data: string;
  id: string;
}

/** Keeps the rest of a piece for the next one. `push` answers the events that are whole by now; comments are dropped. */
export class EventParser {
  lastId = '';
  #rest = '';
  #kind = '';
  #data: string[] = [];

  push(piece: string): StreamEvent[] {
    const found: StreamEvent[] = [];
    const text = this.#rest + piece;
    const held = text.endsWith('\r') ? 1 : 0; // the line feed may come with the next piece
    const lines = text.slice(0, text.length - held).split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? '') + text.slice(text.length - held);
    for (const line of lines) {
      if (line === '') this.#finish(found);
      else this.#field(line);
    }
    return found;
  }

  #finish(found: StreamEvent[]): void {
    if (this.#data.length) found.push({ kind: this.#kind || 'message', data: this.#data.join('\n'), id: this.lastId });
    this.#kind = '';
    this.#data = [];
  }

  #field(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.#kind = value;
    if (name === 'data') this.#data.push(value);
    if (name === 'id' && !value.includes('\0')) this.lastId = value;
  }
}
