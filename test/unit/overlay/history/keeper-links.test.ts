import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ProtocolPeer } from '../../../../src/api/protocol.ts';
import { KeeperLinks } from '../../../../src/overlay/history/keeper-links.ts';
import type { AddressRecord } from '../../../../src/overlay/membership/address-record.ts';
import { VirtualRuntime } from '../../../../src/simulator/virtual-runtime.ts';

const minuteMs = 60_000;
const teller = {} as ProtocolPeer;
const recordOf = (id: string): AddressRecord => ({ id }) as AddressRecord;

class Scene {
  readonly runtime = new VirtualRuntime();
  readonly held = new Set<string>();
  readonly dialled: string[] = [];
  walks = 0;
  told = 0;
  readonly links = new KeeperLinks({
    runtime: this.runtime,
    seek: () => {
      this.walks += 1;
    },
    tell: () => {
      this.told += 1;
    },
    links: {
      record: undefined,
      reach: async ({ id }) => {
        this.dialled.push(id);
        this.held.add(id);
        return true;
      },
      holdForTopic: (id) => void this.held.add(id),
      releaseFromTopics: (id) => void this.held.delete(id),
    },
  });
}

suite('the keepers of a topic that a node keeps connected', () => {
  test('are the first two, and the next one when one has gone', () => {
    const { links, held } = new Scene();
    links.kept('chat');
    for (const id of ['a', 'b', 'c']) links.came('chat', id);
    assert.deepEqual([...held], ['a', 'b']);
    links.left('chat', 'a');
    assert.deepEqual([...held], ['b']);
    links.came('chat', 'c');
    assert.deepEqual([...held], ['b', 'c']);
  });

  test('are let go of with their last topic', () => {
    const { links, held } = new Scene();
    for (const topic of ['chat', 'chess']) {
      links.kept(topic);
      links.came(topic, 'a');
    }
    links.forgotten('chat');
    assert.deepEqual([...held], ['a']);
    links.forgotten('chess');
    assert.deepEqual([...held], []);
  });

  test('are looked for while there are fewer, ever less often', async () => {
    const scene = new Scene();
    scene.links.kept('chat');
    await scene.runtime.advance(24 * 60 * minuteMs);
    assert.ok(scene.walks > 100 && scene.walks < 2_500, `${scene.walks}`);
    for (const id of ['a', 'b']) scene.links.came('chat', id);
    const { walks } = scene;
    await scene.runtime.advance(24 * 60 * minuteMs);
    assert.equal(scene.walks, walks);
    scene.links.left('chat', 'b');
    await scene.runtime.advance(minuteMs);
    assert.ok(scene.walks > walks);
    scene.links.close();
  });

  test('learn of this node every few minutes where walks had to find them, and not where they were neighbours', async () => {
    const scene = new Scene();
    scene.links.kept('chat');
    for (const id of ['a', 'b']) scene.links.came('chat', id);
    await scene.runtime.advance(60 * minuteMs);
    assert.equal(scene.told, 0);
    scene.links.kept('rare');
    await scene.runtime.advance(2_000);
    assert.ok(scene.told > 0 && scene.told === scene.walks);
    for (const id of ['a', 'b']) scene.links.came('rare', id);
    const { told } = scene;
    await scene.runtime.advance(60 * minuteMs);
    const inAnHour = scene.told - told;
    assert.ok(inAnHour >= 12 && inAnHour <= 25, `${inAnHour}`);
    scene.links.close();
  });

  test('are not dialled again where they turned out to be none', async () => {
    const { links, dialled, runtime } = new Scene();
    links.kept('chat');
    await links.found('chat', recordOf('liar'), teller);
    await runtime.advance(10_000);
    assert.ok(!links.wants('chat', 'liar') && links.wants('chat', 'keeper'));
    await links.found('chat', recordOf('liar'), teller);
    assert.deepEqual(dialled, ['liar']);
    for (let at = 0; at < 64; at++) await links.found('chat', recordOf(`liar ${at}`), teller);
    await runtime.advance(10_000);
    assert.ok(links.wants('chat', 'liar'), '64 are remembered');
    assert.ok(!links.wants('chat', 'liar 0'));
    links.close();
  });

  test('are dialled when a walk finds them, and let go of unless they keep the topic', async () => {
    const { links, held, dialled, runtime } = new Scene();
    links.kept('chat');
    await links.found('chat', recordOf('liar'), teller);
    await links.found('chat', recordOf('keeper'), teller);
    await links.found('chat', recordOf('keeper'), teller);
    links.came('chat', 'keeper');
    assert.deepEqual(dialled, ['liar', 'keeper']);
    await runtime.advance(10_000);
    assert.deepEqual([...held], ['keeper']);
    links.came('chat', 'other');
    await links.found('chat', recordOf('third'), teller);
    await links.found('chess', recordOf('fourth'), teller);
    assert.deepEqual(dialled, ['liar', 'keeper']);
    links.close();
  });
});
