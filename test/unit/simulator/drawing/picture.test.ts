import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ticks } from '../../../../src/simulator/drawing/chart.ts';
import { layout } from '../../../../src/simulator/drawing/layout.ts';
import { draw, type Picture } from '../../../../src/simulator/drawing/picture.ts';

const star: Picture = {
  title: 'a < b & "c"',
  subtitle: 'seed 7',
  nodes: [
    { isUp: true, reachedAtMs: 0 },
    { isUp: true, reachedAtMs: 40 },
    { isUp: true, reachedAtMs: undefined },
    { isUp: false, reachedAtMs: 20 },
  ],
  links: [
    [0, 1],
    [0, 2],
    [0, 3],
  ],
};

suite('the picture of a run', () => {
  test('is well-formed, and shows each node and link as what it is', () => {
    const svg = draw(star);
    assertWellFormed(svg);
    const graph = /<g transform.*?<\/g>.*?<\/g>/s.exec(svg)![0];
    const classes = Array.from(
      graph.matchAll(/<(\w+) (?:class="([\w-]+)"|fill="([^"]+)")/g),
      ([, ...found]) => found.filter(Boolean).join(' '),
    );
    assert.deepEqual(classes, [
      'line link',
      'line link',
      'line down-link',
      'circle rgb(20,184,166)',
      'circle rgb(217,119,6)',
      'circle missed',
      'circle down',
    ]);
    assert.match(svg, /<title>.*a &lt; b &amp; &quot;c&quot;/s);
    assert.match(svg, /prefers-color-scheme: dark/);
  });

  test('counts the links between nodes that run, and the nodes that the rumour reached', () => {
    const svg = draw(star);
    // One node with two links, two nodes with one: the second bar is the tallest.
    const heights = Array.from(svg.matchAll(/class="bar".*? height="([\d.]+)"/g), ([, height]) =>
      Number(height),
    );
    assert.deepEqual(
      heights.sort((one, other) => one - other),
      [125, 250],
    );
    const [, line] = /class="curve" points="([^"]+)"/.exec(svg)!;
    assert.equal(line!.split(' ').length, 1 + 2 * 3);
  });

  test('is the same for the same run, and has no size at which it fails', () => {
    assert.equal(draw(star), draw(star));
    for (const nodes of [[], star.nodes.slice(0, 1), star.nodes.map((node) => ({ ...node, isUp: false }))]) {
      const svg = draw({ ...star, nodes, links: [] });
      assertWellFormed(svg);
      assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
    }
  });

  test('places all nodes inside, those with a link nearer to each other than the others', () => {
    const links = Array.from({ length: 99 }, (_, index) => [index, index + 1] as const);
    const places = layout(100, links, { size: 500 });
    const distance = (one: number, other: number): number =>
      Math.hypot(places[one]!.x - places[other]!.x, places[one]!.y - places[other]!.y);
    for (const { x, y } of places) assert.ok(x >= 0 && x <= 500 && y >= 0 && y <= 500);
    const near = links.reduce((sum, ends) => sum + distance(...ends), 0) / links.length;
    const far = links.reduce((sum, [one]) => sum + distance(one, (one + 50) % 100), 0) / links.length;
    assert.ok(near * 4 < far, `${near} and ${far}`);
  });

  test('has round numbers on its axes', () => {
    assert.deepEqual(ticks(1_000, 4), [0, 500, 1_000]);
    assert.deepEqual(ticks(7, 6), [0, 2, 4, 6]);
    assert.deepEqual(ticks(1, 4), [0, 1]);
    assert.deepEqual(ticks(123, 4), [0, 50, 100]);
  });
});

/** Each element ends, in the right order, and no attribute is there twice. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, end, name, attributes, isEmpty] of svg.matchAll(/<(\/?)([a-z]+)([^>]*?)(\/?)>/gi)) {
    if (end) assert.equal(open.pop(), name);
    else if (!isEmpty) open.push(name!);
    const names = Array.from(attributes!.matchAll(/ ([\w-]+)="[^"<]*"/g), ([, key]) => key);
    assert.equal(new Set(names).size, names.length, attributes);
  }
  assert.deepEqual(open, []);
}
