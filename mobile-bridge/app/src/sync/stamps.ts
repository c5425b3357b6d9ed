// When was something said, by whom, where no two clocks agree? A hybrid logical clock, as in `sync/hybrid_clock.py`.

export interface Stamp {
  wall: number; // milliseconds since 1970, UTC
  counter: number;
  device: string;
}

export const MAX_COUNTER = 99_999;
export const MAX_AHEAD_MS = 300_000; // how far a node lets a stamp be ahead of its own time

/** The stamp as text, which sorts as the stamp does. */
export function stampText({ wall, counter, device }: Stamp): string {
  return `${String(wall).padStart(15, '0')}-${String(counter).padStart(5, '0')}-${device}`;
}

export function parseStamp(text: string): Stamp {
  return { wall: Number(text.slice(0, 15)), counter: Number(text.slice(16, 21)), device: text.slice(22) };
}

/** The stamp of an event of this device now: later than all that it has seen, whatever its clock says. */
export function tick(device: string, now: number, seen: string): string {
  const last = seen ? parseStamp(seen) : { wall: 0, counter: 0, device };
  if (now > last.wall) return stampText({ wall: now, counter: 0, device });
  if (last.counter >= MAX_COUNTER) return stampText({ wall: last.wall + 1, counter: 0, device });
  return stampText({ wall: last.wall, counter: last.counter + 1, device });
}

/** The later of two stamps; '' is before all. */
export const later = (one: string, other: string): string => (one > other ? one : other);

/** By how much this device's clock must be corrected, from when it asked, what the node told, and when the answer came. */
export function offsetOf(asked: number, nodeTime: number, answered: number): number {
  return Math.round(nodeTime - (asked + answered) / 2);
}
