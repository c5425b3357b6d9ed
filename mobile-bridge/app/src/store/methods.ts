// What can be asked of the store? Every call by its name; each is one transaction of SQLite, wherever it runs.
import { MergedOperations, resolution } from '../sync/merge.ts';
import type { Draft, Operation, PushLimits, Value } from '../sync/operations.ts';
import { AnswerTable, type StoredAnswer } from './answer-table.ts';
import type { Db } from './db.ts';
import { OrderTable, type GivenOrder } from './order-table.ts';
import { OperationLog, type Outgoing, type Standing } from './operation-log.ts';
import { QuestionTable, type HeldQuestion } from './question-table.ts';
import { searchTurns } from './search.ts';

export interface OpenConflict {
  id: string;
  entity: string;
  field: string;
  standing: string;
  members: Operation[];
}

/** The calls, as the page sees them: each promises what it answers. */
export interface StoreCalls {
  say(drafts: Draft[], nonce: string): Operation[];
  settle(id: string, value: Value, nonce: string): Operation[];
  correct(offset: number): void;
  outgoing(held: number, limits: PushLimits): Outgoing;
  refused(first: number[]): void;
  held(seq: number): void;
  take(node: string, texts: string[], cursor: string): number;
  cursor(node: string): string;
  rename(owner: string, from: string, held: number): string;
  standing(): Standing;
  of(entity: string): Operation[];
  page(entity: string, field: string, before: string, limit: number): Operation[];
  conflicts(): OpenConflict[];
  search(words: string, limit: number): Operation[];
  readAnswer(path: string): StoredAnswer | null;
  writeAnswer(path: string, answer: StoredAnswer): void;
  clearAnswers(): void;
  questions(): HeldQuestion[];
  holdQuestion(question: HeldQuestion): void;
  dropQuestion(key: string): void;
  bindQuestions(chat: string): void;
  orders(): GivenOrder[];
  seeOrder(entity: string): void;
}

/** The calls over an open database. `named` makes a name of its own for a store of this device. */
export function storeMethods(db: Db, now: () => number, owner: string, named: (owner: string) => string): StoreCalls {
  const device = (): string => log.fact('device') ?? first();
  const log: OperationLog = new OperationLog(db, device);
  const answers = new AnswerTable(db);
  const questions = new QuestionTable(db);
  const orders: OrderTable = new OrderTable(db, device);
  function first(): string {
    const name = named(owner);
    log.put('device', name);
    return name;
  }
  const open = (): ReturnType<MergedOperations['conflicts']> =>
    MergedOperations.of(log.disputed()).conflicts().filter((each) => !each.resolvedBy);
  return {
    say: (drafts, nonce) => log.say(drafts, nonce, now()),
    settle(id, value, nonce) {
      const one = open().find((each) => each.id === id);
      return one ? log.say([resolution(one, value)], nonce, now()) : [];
    },
    correct: (offset) => log.correct(offset, now()),
    outgoing: (held, limits) => log.outgoing(held, limits),
    refused: (first) => log.refused(first),
    held: (seq) => log.held(seq),
    take: (node, texts, cursor) => log.take(node, texts, cursor),
    cursor: (node) => log.cursor(node),
    rename(other, from, held) {
      const { device } = log.standing();
      if (device === from) log.rename(named(other), from, held, now());
      return log.standing().device;
    },
    standing: () => log.standing(),
    of: (entity) => log.of(entity),
    page: (entity, field, before, limit) => log.page(entity, field, before, limit),
    conflicts: () => open().map(({ id, entity, field, standing, members }) => ({ id, entity, field, members, standing: `${standing.device}/${standing.seq}` })),
    search: (words, limit) => searchTurns(db, words, limit),
    readAnswer: (path) => answers.read(path),
    writeAnswer: (path, answer) => answers.write(path, answer),
    clearAnswers: () => answers.clear(),
    questions: () => questions.all(),
    holdQuestion: (question) => questions.hold(question),
    dropQuestion: (key) => questions.drop(key),
    bindQuestions: (chat) => questions.bind(chat),
    orders: () => orders.all(now()),
    seeOrder: (entity) => orders.see(entity),
  };
}
