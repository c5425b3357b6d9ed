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
const MAX_PARTS = 10_000; // texts, numbers, lists and objects of a value
const MAX_DEPTH = 8; // lists and objects inside one another

/** What a node takes in one push: operations, orders among them, bytes of all their texts. */
export interface PushLimits {
  ops: number;
  orders: number;
  bytes: number;
}

/** What every node takes, also one that does not tell. */
export const LEAST_LIMITS: PushLimits = { ops: MAX_OPERATIONS, orders: 20, bytes: 3.5 * 1024 * 1024 };
export const ORDER = 'intent/'; // what the entities of orders begin with

/** What no node takes would keep everything behind it from every node: it is not said. */
export class TooLarge extends RangeError {
  override readonly name = 'StoreTooLarge';
}

/** Throws TooLarge for more bytes, parts or levels than an operation may have. */
export function requireBounded({ value }: Operation, text: string): void {
  if (new TextEncoder().encode(text).length > MAX_OPERATION_BYTES) throw new TooLarge(`at most ${MAX_OPERATION_BYTES} bytes`);
  let [level, count]: [Value[], number] = [[value], 0];
  for (let depth = 0; level.length; depth += 1) {
    const parts = level.flatMap((each) => (each && typeof each === 'object' ? Object.values(each) : []));
    count += parts.length;
    if (depth === MAX_DEPTH || count > MAX_PARTS) throw new TooLarge(`at most ${MAX_PARTS} parts, ${MAX_DEPTH} levels deep`);
    level = parts.filter((each) => typeof each !== 'string');
  }
}

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
