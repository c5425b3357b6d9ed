// What are operations, as every device and node writes them? The same text to the byte as `mobile_bridge/operations.py`.

export type Value = string | number | boolean | null | Value[] | { [name: string]: Value };
export type Kind = 'append' | 'set';

export interface Operation {
  device: string; // NAME~STORE; what a node says itself begins with @
  seq: number; // the device's own, from 1 without a gap
  hlc: string;
  kind: Kind;
  entity: string;
  field: string;
  value: Value;
  base: string; // of `set`: the key of the one whose value its author saw
  resolves: string[];
}

/** What shall be said, before it has a number and a stamp. */
export interface Draft {
  kind: Kind;
  entity: string;
  field: string;
  value: Value;
  resolves?: string[];
}

export const MAX_OPERATIONS = 1000; // of one push
export const MAX_OPERATION_BYTES = 1024 * 1024;

/** The device without its store: whose token may write it. */
export const ownerOf = (device: string): string => device.split('~')[0] ?? device;
export const keyOf = (op: { device: string; seq: number }): string => `${op.device}/${op.seq}`;

/** The one text of an operation. The parts that are put in as they are have only characters that need no escape. */
export function encode(op: Operation): string {
  const resolves = op.resolves.map((key) => `"${key}"`).join(',');
  return (
    `{"base":"${op.base}","device":"${op.device}","entity":"${op.entity}","field":"${op.field}","hlc":"${op.hlc}",` +
    `"kind":"${op.kind}","resolves":[${resolves}],"seq":${op.seq},"value":${encodeValue(op.value)}}`
  );
}

/** Keys in the order of their characters, no spaces. Throws RangeError for what not every language writes alike. */
export function encodeValue(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value.replace(/\p{Surrogate}/gu, '\ufffd'));
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError('numbers are whole: write others as text');
    return String(value + 0 === 0 ? 0 : value);
  }
  if (value === null || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `[${value.map(encodeValue).join(',')}]`;
  const names = Object.keys(value).sort();
  if (!names.every((name) => /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name))) throw new RangeError('keys are letters, digits and _');
  return `{${names.map((name) => `"${name}":${encodeValue(value[name] ?? null)}`).join(',')}}`;
}

/** An operation of a node's page. */
export function decode(text: string): Operation {
  return { base: '', resolves: [], ...(JSON.parse(text) as Partial<Operation>) } as Operation;
}
