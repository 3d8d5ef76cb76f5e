import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { RememberedKeepers } from '../../../../src/overlay/history/remembered-keepers.ts';
import type { AddressRecord } from '../../../../src/overlay/membership/address-record.ts';
import { VirtualRuntime } from '../../../../src/simulator/virtual-runtime.ts';

const recordOf = (id: string): AddressRecord => ({ id }) as AddressRecord;

suite('keepers of which walks told', () => {
  test('are sixteen of one peer at most, and a peer pushes out only its own', () => {
    const [liar, honest] = [{}, {}];
    const remembered = new RememberedKeepers(new VirtualRuntime());
    remembered.add('chat', recordOf('keeper'), honest);
    remembered.add('chat', recordOf('liar'), liar);
    for (let topic = 0; topic < 16; topic++) remembered.add(`topic ${topic}`, recordOf('liar'), liar);
    for (let at = 0; at < 20; at++) assert.equal(remembered.pick('chat')?.id, 'keeper');
    const known = Array.from({ length: 16 }, (_, topic) => remembered.pick(`topic ${topic}`));
    assert.ok(known.every((record) => record?.id === 'liar'));
    remembered.add('topic 99', recordOf('liar'), liar);
    assert.equal(remembered.pick('topic 0'), undefined);
  });

  test('are one of each peer and topic, the latest', () => {
    const remembered = new RememberedKeepers(new VirtualRuntime());
    const peer = {};
    remembered.add('chat', recordOf('earlier'), peer);
    remembered.add('chat', recordOf('later'), peer);
    for (let at = 0; at < 20; at++) assert.equal(remembered.pick('chat')?.id, 'later');
  });

  test('are forgotten after ten minutes, or with the peer that told of them', async () => {
    const runtime = new VirtualRuntime();
    const remembered = new RememberedKeepers(runtime);
    const peer = {};
    remembered.add('chat', recordOf('keeper'), peer);
    await runtime.advance(599_999);
    assert.equal(remembered.pick('chat')?.id, 'keeper');
    await runtime.advance(1);
    assert.equal(remembered.pick('chat'), undefined);
    remembered.add('chat', recordOf('keeper'), peer);
    remembered.closed(peer);
    assert.equal(remembered.pick('chat'), undefined);
  });
});
