// What do operations come to when they are merged? The rules of `mobile_bridge/merge.py`; the same vectors hold both.
import { encode, encodeValue, keyOf, type Draft, type Operation, type Value } from './operations.ts';

export interface Conflict {
  id: string;
  entity: string;
  field: string;
  base: string;
  members: Operation[]; // in the order of their stamps
  standing: Operation;
  resolvedBy: string; // the key of the operation that settles it; '' while it is open
}

interface Item {
  op: Operation;
  text: string;
}

const place = (op: { entity: string; field: string }): string => `${op.entity} ${op.field}`;
/** By stamp; of equal ones (a store that was copied) by text, character by character as Python compares. */
const byOrder = (one: Item, other: Item): number =>
  one.op.hlc < other.op.hlc ? -1 : one.op.hlc > other.op.hlc ? 1 : one.text === other.text ? 0 : byCharacters(one.text, other.text);

function byCharacters(one: string, other: string): number {
  const rest = other[Symbol.iterator]();
  for (const each of one) {
    const next = rest.next();
    if (next.done) return 1;
    if (each !== next.value) return (each.codePointAt(0) ?? 0) - (next.value.codePointAt(0) ?? 0);
  }
  return -1;
}

/** What a growing set of operations comes to, in whatever order and however often they come. */
export class MergedOperations {
  private known = new Map<string, string[]>();
  private standing = new Map<string, Item>();
  private sets = new Map<string, Item[]>();
  private lists = new Map<string, Item[]>();

  static of(ops: Iterable<Operation>): MergedOperations {
    const made = new MergedOperations();
    made.add(ops);
    return made;
  }

  /** Takes operations in; answers those that were new. */
  add(ops: Iterable<Operation>): Operation[] {
    return [...ops].filter((op) => this.take(op));
  }

  private take(op: Operation): boolean {
    const text = encode(op);
    const texts = this.known.get(keyOf(op)) ?? [];
    if (texts.includes(text)) return false;
    this.known.set(keyOf(op), [...texts, text]);
    const item = { op, text };
    const kept = op.kind === 'append' ? this.lists : this.sets;
    const items = kept.get(place(op)) ?? [];
    kept.set(place(op), items);
    if (op.kind === 'append') insert(items, item);
    else {
      items.push(item);
      const before = this.standing.get(place(op));
      if (!before || byOrder(item, before) > 0) this.standing.set(place(op), item);
    }
    return true;
  }

  /** The operation whose value a register has. */
  register(entity: string, field: string): Operation | null {
    return this.standing.get(place({ entity, field }))?.op ?? null;
  }

  /** A list's items, in the order of their stamps. */
  items(entity: string, field: string): Operation[] {
    return (this.lists.get(place({ entity, field })) ?? []).map((item) => item.op);
  }

  /** Every conflict, open or not, by its name. */
  conflicts(): Conflict[] {
    const found = [...this.sets.values()].filter((items) => items.length > 1).flatMap((items) => this.ofRegister(items));
    return found.sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  private ofRegister(items: Item[]): Conflict[] {
    const byBase = new Map<string, Item[]>();
    for (const item of items) byBase.set(item.op.base, [...(byBase.get(item.op.base) ?? []), item]);
    const found: Conflict[] = [];
    for (const [base, members] of byBase) {
      if (new Set(members.map(({ op }) => encodeValue(op.value))).size < 2) continue;
      const [{ op: first } = never()] = members;
      const settling = items.filter(({ op }) => members.every((member) => op.resolves.includes(keyOf(member.op))));
      const standing = this.standing.get(place(first)) ?? never();
      found.push({
        id: `${first.entity}#${first.field}@${base}`,
        entity: first.entity,
        field: first.field,
        base,
        members: members.toSorted(byOrder).map((item) => item.op),
        standing: standing.op,
        resolvedBy: settling.map(({ op }) => keyOf(op)).sort()[0] ?? '',
      });
    }
    return found;
  }

  /** All of it as plain data, as the node's `json()`. */
  json(): { registers: Told; lists: Told; conflicts: unknown[] } {
    const registers: Told = {};
    for (const { op } of this.standing.values()) (registers[op.entity] ??= {})[op.field] = said(op);
    const lists: Told = {};
    for (const items of this.lists.values()) {
      for (const { op } of items.slice(0, 1)) (lists[op.entity] ??= {})[op.field] = items.map((item) => said(item.op));
    }
    return { registers, lists, conflicts: this.conflicts().map(conflictJson) };
  }
}

type Told = Record<string, Record<string, unknown>>;

function insert(items: Item[], item: Item): void {
  const last = items.at(-1);
  if (!last || byOrder(last, item) < 0) items.push(item);
  else items.splice(items.findIndex((each) => byOrder(each, item) > 0), 0, item);
}

const said = (op: Operation): { op: string; hlc: string; value: Value } => ({ op: keyOf(op), hlc: op.hlc, value: op.value });

function conflictJson(each: Conflict): unknown {
  const { id, entity, field, base, resolvedBy } = each;
  const members = each.members.map((op) => ({ ...said(op), device: op.device }));
  return { id, entity, field, base, open: !resolvedBy, resolved_by: resolvedBy, standing: keyOf(each.standing), members };
}

/** What settles a conflict with this value, once it is said. */
export function resolution(conflict: Conflict, value: Value): Draft {
  const { entity, field, members } = conflict;
  return { kind: 'set', entity, field, value, resolves: members.map(keyOf).sort() };
}

function never(): never {
  throw new Error('a group has members, and its register a value');
}
