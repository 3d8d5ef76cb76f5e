import assert from 'node:assert/strict';
import { beforeEach, suite, test } from 'node:test';
import type { MultiaddrConnection, PeerId } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { resolveLimits } from '../../../src/base/limits.ts';
import { Identity, type TransportContext } from '../../../src/index.ts';
import { InboundGate } from '../../../src/libp2p/inbound-gate.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { silentLog } from '../../support/silent-log.ts';

const relay = '/ip4/203.0.113.1/tcp/1/p2p/12D3KooWSrKnMZUcSxK8G7wmBbXdU8nFEfWGhLu6H8xjn8LmCSJb/p2p-circuit';

/** An inbound connection, as libp2p shows it to the gate. */
class Visitor extends EventTarget {
  readonly remoteAddr: ReturnType<typeof multiaddr>;
  isAborted = false;

  constructor(text: string) {
    super();
    this.remoteAddr = multiaddr(text);
  }

  abort(error: Error): void {
    this.isAborted = true;
    this.end(error);
  }

  end(error?: Error): void {
    this.dispatchEvent(Object.assign(new Event('close'), { error }));
  }
}

suite('the gate of inbound connections of libp2p', () => {
  let runtime: VirtualRuntime;
  let gate: InboundGate;
  let failures: string[];

  beforeEach(() => {
    runtime = new VirtualRuntime();
    failures = [];
    const context: Partial<TransportContext> = {
      limits: resolveLimits(),
      runtime,
      log: silentLog,
      onInboundFailure: ({ host }, { code }) => void failures.push(`${host} ${code}`),
    };
    gate = new InboundGate(context as TransportContext);
  });

  async function arrive(text: string): Promise<Visitor | undefined> {
    const visitor = new Visitor(text);
    const isDenied = await gate.gater.denyInboundConnection!(visitor as unknown as MultiaddrConnection);
    return isDenied ? undefined : visitor;
  }

  async function upgrade(visitor: Visitor): Promise<void> {
    const connection = visitor as unknown as MultiaddrConnection;
    assert.equal(await gate.gater.denyInboundUpgradedConnection!({} as PeerId, connection), false);
  }

  /** How many of so many connections of one address are let in. */
  async function admitted(count: number, text: string, isUpgraded: boolean): Promise<Visitor[]> {
    const visitors: Visitor[] = [];
    for (let index = 0; index < count; index++) {
      const visitor = await arrive(text);
      if (visitor === undefined) continue;
      visitors.push(visitor);
      if (isUpgraded) await upgrade(visitor);
    }
    return visitors;
  }

  test('lets in 4 handshakes of one address, and the next one when one has ended', async () => {
    const text = '/ip4/203.0.113.7/tcp/5';
    const visitors = await admitted(6, text, false);
    assert.equal(visitors.length, 4);
    assert.ok(await arrive('/ip4/198.51.100.1/tcp/5'), 'another address has places of its own');
    visitors[0]!.end();
    assert.ok(await arrive(text));
  });

  test('lets in 8 connections of one address, with or without a link', async () => {
    const text = '/ip6/2001:db8::7/tcp/5';
    assert.equal((await admitted(10, text, true)).length, 8);
    assert.equal(await arrive('/ip6/2001:db8::8/tcp/5'), undefined, 'IPv6 addresses of one network are one');
    assert.ok(await arrive('/ip6/2001:db8:0:1::8/tcp/5'));
  });

  test('counts nobody of this machine', async () => {
    assert.equal((await admitted(20, '/ip4/127.0.0.1/tcp/5', false)).length, 20);
  });

  test('counts each node behind a relay for itself', async () => {
    const first = Identity.generate().id;
    assert.equal((await admitted(6, `${relay}/p2p/${first}`, false)).length, 4);
    assert.ok(await arrive(`${relay}/p2p/${Identity.generate().id}`));
  });

  test('has 32 places for handshakes, and the slow give way to the new after a second', async () => {
    const visitors = await admitted(40, '/ip4/127.0.0.1/tcp/5', false);
    assert.equal(visitors.length, 32);
    await runtime.advance(999);
    assert.equal(await arrive('/ip4/203.0.113.7/tcp/5'), undefined);
    await runtime.advance(1);
    assert.ok(await arrive('/ip4/203.0.113.7/tcp/5'));
    assert.deepEqual(
      visitors.map(({ isAborted }) => isAborted),
      [true, ...Array(31).fill(false)],
    );
    await upgrade(visitors[1]!);
    assert.ok(await arrive('/ip4/127.0.0.1/tcp/6'), 'whose handshake is over has no place there');
    assert.equal(visitors[2]!.isAborted, false);
  });

  test('reports those that end in their handshake, unless the transport closes', async () => {
    const [first, second, third] = await admitted(3, '/ip4/127.0.0.1/tcp/5', false);
    first!.end(new Error('garbage'));
    assert.deepEqual(failures, ['127.0.0.1 ERR_HANDSHAKE']);
    await upgrade(second!);
    second!.end();
    gate.isClosing = true;
    third!.end();
    assert.equal(failures.length, 1);
  });
});
