// How does a person say a time, a duration, a cost, a size?

const two = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const short = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

export const dollars = (amount: number): string => `$${two.format(amount)}`;
export const count = (number: number): string => whole.format(number);
export const tokens = (number: number): string => compact.format(number).toLowerCase();
export const longDay = (when: Date): string => day.format(when);

/** Seconds, rounded as one would say them: 9 s, 4 min, 3 h, 2 days. */
export function duration(seconds: number): string {
  if (seconds < 1) return 'under 1\u00a0s';
  if (seconds < 90) return `${Math.round(seconds)}\u00a0s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)}\u00a0min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)}\u00a0h`;
  return `${Math.round(seconds / 86_400)}\u00a0days`;
}

export function bytes(size: number): string {
  if (size < 1000) return `${size}\u00a0B`;
  const [amount, unit] = size < 1e6 ? [size / 1e3, 'kB'] : size < 1e9 ? [size / 1e6, 'MB'] : [size / 1e9, 'GB'];
  return `${amount < 10 ? amount.toFixed(1) : Math.round(amount)}\u00a0${unit}`;
}

const pad = (number: number): string => String(number).padStart(2, '0');

/** Local clock time today, else the day: what stands in the gutter. */
export function gutter(when: Date, now: Date): string {
  return when.toDateString() === now.toDateString() ? `${pad(when.getHours())}:${pad(when.getMinutes())}` : short.format(when);
}

/** The whole time in UTC, for those who hover. */
export function utc(when: Date): string {
  return `${when.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** A moment of the node's text; null where there is none or it is none. */
export function moment(text: string | null | undefined): Date | null {
  const when = text ? new Date(text) : null;
  return when && !Number.isNaN(when.getTime()) ? when : null;
}
