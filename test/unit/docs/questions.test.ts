import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { suite, test } from 'node:test';

/** That the links lead to headings, the test of all documents checks. */
suite('docs/questions.md', () => {
  const text = readFileSync(resolve(import.meta.dirname, '../../../docs/questions.md'), 'utf8');
  const rows = Array.from(text.matchAll(/^\| (.*\?) \| (.*) \|$/gm), ([, question, answer]) => ({
    question: question!,
    answer: answer!,
  }));

  test('has at least twenty questions, each once', () => {
    assert.ok(rows.length >= 20, `${rows.length} questions`);
    assert.equal(new Set(rows.map(({ question }) => question)).size, rows.length);
  });

  test('answers each with a link to a heading of another page', () => {
    for (const { question, answer } of rows) {
      assert.match(answer, /^\[[^\]]+\]\([\w./-]+\.md#[\w-]+\)$/, question);
    }
  });
});
