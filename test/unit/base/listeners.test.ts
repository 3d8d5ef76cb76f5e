import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Listeners } from '../../../src/base/listeners.ts';

test('a list stays as it is when listeners come and go', () => {
  const listeners = new Listeners();
  const [one, two] = [() => 1, () => 2];
  listeners.add(one, false);
  const before = listeners.list;
  assert.equal(listeners.list, before, 'it is made once');
  listeners.add(two, true);
  listeners.remove(one);
  assert.deepEqual(
    before.map(({ listener }) => listener),
    [one],
  );
  assert.deepEqual(
    listeners.list.map(({ listener }) => listener),
    [two],
  );
  const [registration] = listeners.list;
  assert.deepEqual(
    [listeners.removeRegistration(registration!), listeners.removeRegistration(registration!)],
    [true, false],
  );
  assert.equal(listeners.size, 0);
});
