import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Connection, Libp2p } from '@libp2p/interface';
import { StaleConnections } from '../../../src/libp2p/stale-connections.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { silentLog } from '../../support/silent-log.ts';
import { turns } from '../../support/turns.ts';

/** A connection whose other end answers pings, refuses them, at once or after the stream is open, or says nothing. */
function connection(id: string, how: 'answers' | 'refuses' | 'resets' | 'is silent') {
  const asked = { times: 0, isEnded: false, openStreams: 0 };
  const remotePeer = { equals: (other: unknown) => other === one.remotePeer || `${other}` === id };
  const one = {
    asked,
    direct: true,
    status: 'open',
    remotePeer: Object.assign(remotePeer, { toString: () => id }),
    abort: () => {
      asked.isEnded = true;
    },
    newStream: async () => {
      asked.times += 1;
      if (how === 'refuses') throw new Error('it speaks no pings');
      const send = (): void => {
        if (how === 'is silent') return;
        queueMicrotask(() => stream.dispatchEvent(new Event(how === 'answers' ? 'message' : 'close')));
      };
      const abort = (): void => {
        asked.openStreams -= 1;
      };
      const stream = Object.assign(new EventTarget(), { send, abort });
      asked.openStreams += 1;
      return stream;
    },
  };
  return one;
}

suite('connections of a node that has opened another one', () => {
  test('end if nobody answers on them, and no others do', async () => {
    const runtime = new VirtualRuntime();
    const silent = connection('a', 'is silent');
    const alive = connection('a', 'answers');
    const without = connection('a', 'refuses');
    const busy = connection('a', 'resets');
    const other = connection('b', 'is silent');
    const latest = connection('a', 'answers');
    const all = [silent, alive, without, busy, other, latest];
    const node = { getConnections: () => all } as unknown as Libp2p;
    const stale = new StaleConnections({ node, runtime, log: silentLog });
    stale.opened(latest as unknown as Connection);
    stale.opened(latest as unknown as Connection);
    await turns();
    await runtime.advance(2_999);
    await turns();
    assert.deepEqual(
      all.map(({ asked }) => asked.isEnded),
      [false, false, false, false, false, false],
    );
    await runtime.advance(1);
    await turns();
    assert.deepEqual(
      all.map(({ asked }) => asked.isEnded),
      [true, false, false, false, false, false],
    );
    assert.deepEqual([silent.asked.times, other.asked.times, latest.asked.times], [1, 0, 1]);
    await runtime.advance(3_000);
    await turns();
    assert.deepEqual(
      all.map(({ asked }) => asked.openStreams),
      [0, 0, 0, 0, 0, 0],
    );
  });

  test('stay if nobody answers on the other one either: the way to the node may be interrupted', async () => {
    const runtime = new VirtualRuntime();
    const earlier = connection('a', 'is silent');
    const later = connection('a', 'is silent');
    const node = { getConnections: () => [earlier, later] } as unknown as Libp2p;
    new StaleConnections({ node, runtime, log: silentLog }).opened(later as unknown as Connection);
    for (let second = 0; second < 20; second++) {
      await turns();
      await runtime.advance(1_000);
    }
    await turns();
    assert.deepEqual([earlier.asked.isEnded, later.asked.times], [false, 1]);
    assert.deepEqual([earlier.asked.openStreams, later.asked.openStreams], [0, 0]);
  });

  test('stay, and are asked no more, once the node is closing', async () => {
    const runtime = new VirtualRuntime();
    const earlier = connection('a', 'is silent');
    const later = connection('a', 'answers');
    const node = { getConnections: () => [earlier, later] } as unknown as Libp2p;
    const stale = new StaleConnections({ node, runtime, log: silentLog });
    stale.opened(later as unknown as Connection);
    await turns();
    stale.close();
    await turns();
    assert.equal(earlier.asked.openStreams, 0);
    await runtime.advance(20_000);
    await turns();
    assert.deepEqual([earlier.asked.isEnded, later.asked.times], [false, 0]);
  });
});
