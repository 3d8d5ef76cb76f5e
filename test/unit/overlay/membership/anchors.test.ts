import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Anchors } from '../../../../src/overlay/membership/anchors.ts';

interface Node {
  readonly id: string;
}

/** Anchors of a node whose sample is a list: it takes the first that fits. */
function anchorsOf(sample: Node[]): {
  anchors: Anchors<Node>;
  connected: Set<string>;
  asked: string[];
} {
  const connected = new Set<string>();
  const asked: string[] = [];
  const anchors = new Anchors<Node>({
    choose: (fits) => sample.find(fits),
    isConnected: (id) => connected.has(id),
    isKept: (id) => connected.has(id),
    connect: ({ id }) => void asked.push(id),
  });
  return { anchors, connected, asked };
}

const [a, b, c] = ['a', 'b', 'c'].map((id) => ({ id })) as [Node, Node, Node];

suite('anchors', () => {
  test('are two nodes of the sample, one looked for in each round', () => {
    const { anchors, connected, asked } = anchorsOf([a, b, c]);
    for (const id of ['a', 'b']) {
      anchors.round();
      assert.equal(asked.at(-1), id);
      connected.add(id);
      anchors.up();
    }
    anchors.round();
    assert.deepEqual(
      [asked, anchors.ids],
      [
        ['a', 'b'],
        ['a', 'b'],
      ],
    );
  });

  test('are none of the nodes that there is a link with', () => {
    const { anchors, connected, asked } = anchorsOf([a, b]);
    connected.add('a');
    anchors.round();
    assert.deepEqual(asked, ['b']);
  });

  test('are waited for one at a time, and another one is looked for when one cannot be reached', () => {
    const { anchors, asked } = anchorsOf([a]);
    anchors.round();
    anchors.round();
    assert.deepEqual(asked, ['a']);
    anchors.failed();
    assert.deepEqual(anchors.ids, []);
    anchors.round();
    assert.deepEqual(asked, ['a', 'a']);
  });

  test('stay whoever joins the sample, until their link ends', () => {
    const sample = [a, b];
    const { anchors, connected, asked } = anchorsOf(sample);
    for (const { id } of [a, b]) {
      anchors.round();
      connected.add(id);
      anchors.up();
    }
    sample.splice(0, 2, c);
    anchors.round();
    assert.deepEqual(anchors.ids, ['a', 'b']);
    connected.delete('a');
    anchors.round();
    assert.deepEqual([anchors.ids, asked.at(-1)], [['b'], 'c']);
  });
});
