import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeldQuestion } from '../../store/question-table.ts';
import { inTurn, type Came } from './delivery.ts';

const held = (chat: string, text: string, expires = 100): HeldQuestion => ({ key: text, chat, text, project: '', tools: false, at: 0, expires });

/** Asks what is held of a node that says this of each chat; answers what was asked, in order. */
async function asked(questions: HeldQuestion[], says: Record<string, Came>): Promise<{ texts: string[]; asked: number; left: boolean }> {
  const texts: string[] = [];
  const ask = async (one: HeldQuestion): Promise<Came> => {
    texts.push(one.text);
    const came = says[one.chat] ?? 'settled';
    if (came === 'settled') questions = questions.filter((each) => each !== one);
    return came;
  };
  return { texts, ...(await inTurn(async () => questions, ask, () => 50)) };
}

test('a conversation that answers already keeps its own messages waiting, and no other’s', async () => {
  const made = await asked([held('a', 'a1'), held('b', 'b1'), held('a', 'a2'), held('b', 'b2')], { a: 'later' });
  assert.deepEqual(made, { texts: ['a1', 'b1', 'b2'], asked: 2, left: true });
});

test('where nobody answers no more is asked', async () => {
  assert.deepEqual(await asked([held('a', 'a1'), held('b', 'b1')], { a: 'nobody' }), { texts: ['a1'], asked: 0, left: true });
});

test('what has run out is not asked, and nothing waits for it', async () => {
  assert.deepEqual(await asked([held('a', 'a1', 50), held('b', 'b1')], {}), { texts: ['b1'], asked: 1, left: false });
});
