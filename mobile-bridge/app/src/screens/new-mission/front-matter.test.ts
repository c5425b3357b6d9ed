import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldsIn, withAttachment, withField } from './front-matter.ts';

const priority = { name: 'priority', type: 'whole number', default: 1, help: '' };
const task = { name: 'task', type: 'text', default: 'general_task', help: '', values: ['general_task', 'coding_task'] };

test('a field comes into front matter that is made for it', () => {
  assert.equal(withField('Do it.\n', priority), '---\npriority: 1\n---\nDo it.\n');
});

test('a field comes below those that are there, once', () => {
  const once = withField('---\npriority: 1\n---\nDo it.\n', task);
  assert.equal(once, '---\npriority: 1\ntask: general_task\n---\nDo it.\n');
  assert.equal(withField(once, task), once);
  assert.deepEqual([...fieldsIn(once)], ['priority', 'task']);
});

test('empty front matter takes a field', () => {
  assert.equal(withField('---\n---\nx', { ...priority, default: null }), '---\npriority:\n---\nx');
});

test('an attached file cannot end its own fence', () => {
  const text = withAttachment('See below.', 'a`\n.log', 'x\n````\ny\n');
  assert.equal(text, 'See below.\n\n**a.log**\n\n`````\nx\n````\ny\n`````\n');
});
