// How is a value that a device set shown, and when was it set? Pure.

/** Text as it is, what is no text as JSON; null where it was taken out. */
export function shownValue(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

/** The moment in a stamp (`MILLISECONDS-COUNT-DEVICE`); null where it holds none. */
export function whenSaid(hlc: string): Date | null {
  const milliseconds = Number(/^(\d{15})-/.exec(hlc)?.[1] ?? Number.NaN);
  return Number.isNaN(milliseconds) ? null : new Date(milliseconds);
}
