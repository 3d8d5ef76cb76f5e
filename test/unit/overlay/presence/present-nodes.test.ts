import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { PresentNodes } from '../../../../src/overlay/presence/present-nodes.ts';

const everyMs = 10_000;

/** What a node knows whom announcements come from one neighbour or several. */
function scene(maxNodes = 1_000) {
  let keptBytes = 0;
  const nodes = new PresentNodes({
    maxNodes,
    onGrowth: (bytes) => {
      keptBytes += bytes;
    },
  });
  let timeUs = 0;
  const says = (
    origin: string,
    { source = 'near', nowMs = 0, at = ++timeUs }: { source?: string; nowMs?: number; at?: number } = {},
  ) => nodes.heard({ origin, timeUs: at, everyMs }, source, nowMs);
  const leaves = (origin: string, { nowMs = 0, at = ++timeUs }: { nowMs?: number; at?: number } = {}) =>
    nodes.heard({ origin, timeUs: at, everyMs: undefined }, 'near', nowMs);
  return { nodes, says, leaves, keptBytes: () => keptBytes };
}

suite('nodes that announce themselves', () => {
  test('join with the first announcement, and are there until three of their periods were silent', () => {
    const { nodes, says } = scene();
    assert.equal(says('ada'), 'joined');
    assert.equal(says('ada', { nowMs: 9_000 }), undefined);
    assert.deepEqual(nodes.forgetSilent(38_999), []);
    assert.deepEqual(nodes.ids, ['ada']);
    assert.deepEqual(nodes.forgetSilent(39_000), ['ada']);
    assert.deepEqual([nodes.ids, nodes.heldBytes], [[], 0]);
    assert.equal(says('ada', { nowMs: 40_000 }), 'joined');
  });

  test('leave once, and earlier announcements that arrive later bring none of them back', () => {
    const { nodes, says, leaves } = scene();
    says('ada', { at: 10 });
    assert.equal(leaves('ada', { at: 20 }), 'left');
    assert.equal(says('ada', { at: 15 }), undefined);
    assert.equal(leaves('ada', { at: 25 }), undefined);
    assert.deepEqual(nodes.ids, []);
    assert.equal(says('ada', { at: 30, nowMs: 50_000 }), 'joined');
    assert.deepEqual(nodes.forgetSilent(60_000), []);
  });

  test('that left are forgotten in silence', () => {
    const { nodes, says, leaves } = scene();
    says('ada');
    leaves('ada', { nowMs: 1_000 });
    assert.deepEqual(nodes.forgetSilent(240_999), []);
    assert.ok(nodes.heldBytes > 0);
    assert.deepEqual(nodes.forgetSilent(241_000), []);
    assert.equal(nodes.heldBytes, 0);
  });

  test('that leave before they joined are none', () => {
    const { nodes, leaves } = scene();
    assert.equal(leaves('ada'), undefined);
    assert.equal(nodes.heldBytes, 0);
  });

  test('are not silent while this node stood still itself', () => {
    const { nodes, says } = scene();
    says('ada');
    nodes.excuse(60_000);
    assert.deepEqual(nodes.forgetSilent(89_999), []);
    assert.deepEqual(nodes.forgetSilent(90_000), ['ada']);
  });

  test('of ever new ids that one neighbour brings take half of the places, and push out nobody', () => {
    const { nodes, says, keptBytes } = scene();
    says('ada', { source: 'honest' });
    let joined = 0;
    for (let count = 0; count < 5_000; count++) if (says(`made up ${count}`) === 'joined') joined += 1;
    assert.ok(joined >= 499 && joined <= 500, `${joined}`);
    assert.equal(says('ben', { source: 'honest' }), 'joined');
    assert.ok(nodes.ids.includes('ada'));
    assert.equal(nodes.heldBytes, keptBytes());
    assert.equal(nodes.forgetSilent(3 * everyMs).length, joined + 2);
    assert.equal(says('made up again'), 'joined', 'the share is free again');
  });

  test('of ever new ids that ever new neighbours bring stay within the bound', () => {
    const { nodes, says } = scene();
    for (let count = 0; count < 20_000; count++) says(`made up ${count}`, { source: `${count % 100}` });
    assert.ok(nodes.ids.length <= 1_000, `${nodes.ids.length}`);
  });
});
