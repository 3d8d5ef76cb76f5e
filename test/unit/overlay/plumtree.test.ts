import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { maxMissingPerPeer, Plumtree } from '../../../src/overlay/plumtree.ts';

/** A node with peers, which writes down what it would do. */
function treeWith(...peers: string[]) {
  const known = new Set<string>();
  let done: string[] = [];
  const effects = {
    push: (peer: string, id: string, hops: number) => void done.push(`push ${id} to ${peer}, ${hops} hops`),
    announce: (peer: string, id: string, hops: number) =>
      void done.push(`announce ${id} to ${peer}, ${hops} hops`),
    graft: (peer: string, id: string | undefined) => void done.push(`graft ${id ?? 'nothing'} from ${peer}`),
    prune: (peer: string) => void done.push(`prune ${peer}`),
    wait: (id: string) => void done.push(`wait for ${id}`),
    settled: (id: string) => void done.push(`settled ${id}`),
  };
  const tree = new Plumtree<string>(effects, (id) => known.has(id));
  for (const peer of peers) tree.opened(peer);
  return {
    tree,
    known,
    /** What it did since this was asked last. */
    done(): string[] {
      const before = done;
      done = [];
      return before;
    },
    arrived(from: string, id: string, hops = 1): void {
      tree.arrived(from, id, hops);
      known.add(id);
    },
  };
}

suite('Plumtree', () => {
  test('pushes to all peers at first, but not back', () => {
    const node = treeWith('a', 'b', 'c');
    node.tree.originated('m');
    assert.deepEqual(node.done(), ['push m to a, 0 hops', 'push m to b, 0 hops', 'push m to c, 0 hops']);
    node.arrived('b', 'n', 3);
    assert.deepEqual(node.done(), ['push n to a, 3 hops', 'push n to c, 3 hops']);
  });

  test('prunes a peer that pushes what is here, and only announces to it from then on', () => {
    const node = treeWith('a', 'b');
    node.arrived('a', 'm');
    node.done();
    node.tree.repeated('b');
    assert.deepEqual(node.done(), ['prune b']);
    node.tree.originated('n');
    assert.deepEqual(node.done(), ['push n to a, 0 hops', 'announce n to b, 0 hops']);
    assert.ok(!node.tree.isEager('b'));
  });

  test('asks again to be spared by a peer that goes on, now and then', () => {
    const node = treeWith('a', 'b');
    for (let count = 0; count < 33; count++) node.tree.repeated('b');
    assert.deepEqual(node.done(), ['prune b', 'prune b', 'prune b']);
  });

  test('announces to a peer that has pruned it, until that grafts it', () => {
    const node = treeWith('a');
    node.tree.pruned('a');
    node.tree.originated('m');
    node.tree.grafted('a');
    node.tree.originated('n');
    assert.deepEqual(node.done(), ['announce m to a, 0 hops', 'push n to a, 0 hops']);
  });

  test('waits for what is announced, then asks one announcer after the other', () => {
    const node = treeWith('a', 'b', 'c');
    for (const peer of ['a', 'b', 'c']) node.tree.pruned(peer);
    node.tree.announced('a', 'm', 2);
    node.tree.announced('b', 'm', 2);
    assert.deepEqual(node.done(), ['wait for m']);
    node.tree.timedOut('m');
    assert.deepEqual(node.done(), ['graft m from a', 'wait for m']);
    assert.ok(node.tree.isEager('a'));
    node.tree.timedOut('m');
    assert.deepEqual(node.done(), ['graft m from b', 'wait for m']);
    node.tree.timedOut('m');
    assert.deepEqual(node.done(), ['settled m']);
    assert.equal(node.tree.announcementCount, 0);
  });

  test('knows which peers it has asked for what has not arrived', () => {
    const node = treeWith('a', 'b');
    node.tree.announced('a', 'm', 1);
    node.tree.announced('b', 'm', 1);
    assert.ok(!node.tree.wasAsked('a', 'm'));
    node.tree.timedOut('m');
    assert.deepEqual([node.tree.wasAsked('a', 'm'), node.tree.wasAsked('b', 'm')], [true, false]);
    node.arrived('b', 'm');
    assert.ok(!node.tree.wasAsked('a', 'm'));
  });

  test('asks nobody for what arrives in time, or is here', () => {
    const node = treeWith('a', 'b');
    node.tree.announced('a', 'm', 2);
    node.arrived('b', 'm');
    assert.deepEqual(node.done(), ['wait for m', 'settled m'], 'nor sends it to a peer that has it');
    node.tree.announced('a', 'm', 2);
    assert.deepEqual(node.done(), []);
  });

  test('passes over announcers that have gone, and gives up what only they announced', () => {
    const node = treeWith('a', 'b');
    node.tree.announced('a', 'm', 1);
    node.tree.announced('b', 'm', 1);
    node.tree.announced('a', 'n', 1);
    node.done();
    node.tree.closed('a');
    assert.deepEqual(node.done(), ['settled n']);
    node.tree.timedOut('m');
    assert.deepEqual(node.done(), ['graft m from b', 'wait for m']);
  });

  test('asks the next announcer at once when the one that was asked has gone', () => {
    const node = treeWith('a', 'b', 'c');
    for (const peer of ['a', 'b', 'c']) node.tree.offered(peer, 'm', 1);
    node.done();
    node.tree.closed('b');
    assert.deepEqual(node.done(), [], 'b was not asked yet');
    node.tree.closed('a');
    assert.deepEqual(node.done(), ['graft m from c', 'wait for m']);
    node.tree.closed('c');
    assert.deepEqual(node.done(), ['settled m']);
  });

  test('forgets what a peer announced when the peer goes, though others announced it too', () => {
    const node = treeWith('b');
    node.tree.announced('b', 'm', 1);
    for (let visit = 0; visit < 100; visit++) {
      node.tree.opened(`a${visit}`);
      node.tree.announced(`a${visit}`, 'm', 1);
      node.tree.closed(`a${visit}`);
    }
    node.done();
    assert.equal(node.tree.announcementCount, 1);
    node.tree.timedOut('m');
    node.tree.timedOut('m');
    assert.deepEqual(node.done(), ['graft m from b', 'wait for m', 'settled m']);
  });

  test('changes over to a path that is shorter by 7 links, and not by 6', () => {
    const node = treeWith('a', 'b');
    node.tree.pruned('b');
    node.tree.announced('b', 'm', 2);
    node.arrived('a', 'm', 8);
    assert.ok(node.tree.isEager('a') && !node.tree.isEager('b'));
    node.tree.announced('b', 'n', 2);
    node.done();
    node.arrived('a', 'n', 9);
    assert.deepEqual(node.done(), ['settled n', 'graft nothing from b', 'prune a']);
    assert.ok(node.tree.isEager('b') && !node.tree.isEager('a'));
  });

  test('changes over to a path that turns out to be shorter by 5 links, and not by 4', () => {
    for (const [hops, isShorter] of [
      [4, false],
      [3, true],
    ] as const) {
      const node = treeWith('a', 'b');
      node.tree.repeated('b');
      node.arrived('a', 'm', 8);
      node.done();
      node.tree.announced('b', 'm', hops);
      assert.deepEqual(node.done(), isShorter ? ['graft nothing from b', 'prune a'] : []);
      assert.equal(node.tree.isEager('b'), isShorter);
      assert.equal(node.tree.isEager('a'), !isShorter);
    }
  });

  test('compares with none of the paths that the tree had before it changed', () => {
    const node = treeWith('a', 'b', 'c');
    for (const peer of ['b', 'c']) node.tree.repeated(peer);
    for (const id of ['m', 'n']) node.arrived('a', id, 9);
    node.tree.announced('b', 'm', 1);
    node.tree.grafted('a');
    node.done();
    node.tree.announced('c', 'n', 1);
    assert.deepEqual(node.done(), []);
  });

  test('compares with the last 64 paths, and with none of a peer that has gone', () => {
    const node = treeWith('a', 'b');
    node.tree.repeated('b');
    for (let count = 0; count < 65; count++) node.arrived('a', `${count}`, 9);
    node.done();
    node.tree.announced('b', '0', 1);
    assert.deepEqual(node.done(), []);
    node.tree.closed('a');
    node.tree.announced('b', '64', 1);
    assert.deepEqual(node.done(), []);
  });

  test('attack: believes a peer once that says its path is shorter, and again when it has pushed something', () => {
    const node = treeWith('honest', 'liar');
    node.tree.repeated('liar');
    const lie = (id: string): string[] => {
      node.arrived('honest', id, 9);
      node.done();
      node.tree.announced('liar', id, 1);
      return node.done();
    };
    assert.deepEqual(lie('first'), ['graft nothing from liar', 'prune honest']);
    for (let count = 0; count < 10; count++) {
      // It withholds what comes, the honest peer is asked, and the liar is pruned when it repeats something.
      node.tree.repeated('liar');
      assert.deepEqual(lie(`${count}`), []);
      assert.ok(node.tree.isEager('honest'));
    }
    // Only what it pushes without being asked counts.
    node.tree.announced('liar', 'late', 1);
    node.tree.timedOut('late');
    node.arrived('liar', 'late', 1);
    node.tree.repeated('liar');
    assert.deepEqual(lie('again'), []);
    node.arrived('liar', 'pushed', 1);
    node.tree.repeated('liar');
    assert.deepEqual(lie('last'), ['graft nothing from liar', 'prune honest']);
  });

  test('asks at once for what is offered, but for one of the offers', () => {
    const node = treeWith('a', 'b');
    node.tree.offered('a', 'm', 1);
    node.tree.offered('b', 'm', 1);
    assert.deepEqual(node.done(), ['graft m from a', 'wait for m']);
    node.arrived('a', 'm');
    assert.deepEqual(node.done(), ['settled m', 'prune b']);
    node.tree.offered('a', 'm', 1);
    assert.deepEqual(node.done(), ['prune a']);
  });

  test('asks the next one when an offer is not kept', () => {
    const node = treeWith('a', 'b');
    node.tree.offered('a', 'm', 1);
    node.tree.offered('b', 'm', 1);
    node.done();
    node.tree.timedOut('m');
    assert.deepEqual(node.done(), ['graft m from b', 'wait for m']);
  });

  test('no longer waits for what was dropped', () => {
    const node = treeWith('a');
    node.tree.announced('a', 'm', 1);
    node.tree.dropped('m');
    assert.deepEqual(node.done(), ['wait for m', 'settled m']);
    assert.equal(node.tree.announcementCount, 0);
  });

  test('waits for a bounded number of broadcasts that one peer announces', () => {
    const node = treeWith('a', 'b');
    for (let count = 0; count < maxMissingPerPeer + 5; count++) node.tree.announced('a', `m${count}`, 1);
    assert.equal(node.tree.announcementCount, maxMissingPerPeer);
    node.tree.announced('b', 'n', 1);
    assert.equal(node.tree.announcementCount, maxMissingPerPeer + 1, 'it is a bound for each peer');
    node.arrived('b', 'm0');
    node.tree.announced('a', 'o', 1);
    assert.equal(node.tree.announcementCount, maxMissingPerPeer + 1, 'what has arrived leaves room');
  });

  test('ignores peers that it does not have', () => {
    const node = treeWith();
    node.tree.announced('x', 'm', 1);
    node.tree.offered('x', 'm', 1);
    node.tree.repeated('x');
    node.tree.grafted('x');
    node.tree.pruned('x');
    assert.deepEqual(node.done(), []);
    assert.equal(node.tree.announcementCount, 0);
  });
});
