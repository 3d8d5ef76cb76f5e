import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { resolveOptions } from '../../../src/api/options.ts';
import type { NodeOptions } from '../../../src/index.ts';
import { Admission } from '../../../src/peers/admission.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { limitedSource } from '../../../src/transport/address-limits.ts';
import '../../support/look-over.ts';

const elsewhere = '203.0.113.7';

/** An admission office with a clock of its own, at which connections from given addresses ask for a place. */
class Desk {
  readonly runtime = new VirtualRuntime();
  readonly #admission: Admission;
  #count = 0;

  constructor(options: NodeOptions = {}) {
    this.#admission = new Admission(resolveOptions({ ...options, runtime: this.runtime }), assert.fail);
  }

  /** @returns why there is no place. */
  enter(address: string): string | undefined {
    return this.#admission.reserve(++this.#count, limitedSource(true, address, 'id'))?.message;
  }

  /** The connection that entered last ends. */
  leave(): void {
    this.#admission.release(this.#count);
  }

  /** How many of so many that come at once, and leave at once, are let in. */
  admitted(address: string, count: number): number {
    let admitted = 0;
    for (let index = 0; index < count; index++) {
      if (this.enter(address) !== undefined) continue;
      this.leave();
      admitted += 1;
    }
    return admitted;
  }
}

suite('admission', () => {
  test('128 inbound connections in all, loopback or not', () => {
    const desk = new Desk();
    for (let index = 0; index < 128; index++) {
      assert.equal(desk.enter(index % 2 === 0 ? '127.0.0.1' : `203.0.113.${index}`), undefined);
    }
    assert.match(desk.enter('127.0.0.1')!, /as many connections as it allows/);
    assert.match(desk.enter(elsewhere)!, /as many connections as it allows/);
  });

  test('maxConnections 0 is no limit', () => {
    const desk = new Desk({ maxConnections: 0 });
    for (let index = 0; index < 1_000; index++) assert.equal(desk.enter('::1'), undefined);
  });

  test('8 inbound connections from one address', async () => {
    const desk = new Desk();
    for (let index = 0; index < 8; index++) assert.equal(desk.enter(elsewhere), undefined);
    assert.match(desk.enter(elsewhere)!, /8 connections from one address/);
    assert.equal(desk.enter('203.0.113.8'), undefined, 'another address');
    desk.leave();
    await desk.runtime.advance(1_000);
    assert.match(desk.enter(elsewhere)!, /8 connections from one address/);
  });

  test('a place that is given back can be taken again', () => {
    const desk = new Desk();
    for (let index = 0; index < 8; index++) desk.enter(elsewhere);
    desk.leave();
    assert.equal(desk.enter(elsewhere), undefined);
    assert.match(desk.enter(elsewhere)!, /one address/);
  });

  test('maxInboundPerAddress 0 is no limit', () => {
    const desk = new Desk({ limits: { maxInboundPerAddress: 0, inboundPerSecondPerAddress: 1_000 } });
    for (let index = 0; index < 100; index++) assert.equal(desk.enter(elsewhere), undefined);
  });

  test('10 a second from one address, and as many at once', async () => {
    const desk = new Desk();
    assert.equal(desk.admitted(elsewhere, 1_000), 10);
    assert.match(desk.enter(elsewhere)!, /too many connections from this address in one second/);
    await desk.runtime.advance(500);
    assert.equal(desk.admitted(elsewhere, 1_000), 5);
    await desk.runtime.advance(3_600_000);
    assert.equal(desk.admitted(elsewhere, 1_000), 10, 'an hour saves up no more than a second');
  });

  test('IPv6 addresses of one network count as one', () => {
    const desk = new Desk();
    const others = ['2001:db8::1', '2001:db8:0:0:1::1', '2001:db8::ffff:1:2:3', '2001:db8:0:0:a:b:c:d'];
    for (const address of [...others, ...others]) assert.equal(desk.enter(address), undefined);
    assert.match(desk.enter('2001:db8::2')!, /one address/);
    assert.equal(desk.enter('2001:db8:0:1::1'), undefined, 'another network');
  });

  test('loopback is exempt from the limits of an address', () => {
    const desk = new Desk();
    for (let index = 0; index < 100; index++) assert.equal(desk.enter('127.0.0.1'), undefined);
  });

  test('an address is remembered while 4,096 others come, and no longer', () => {
    const desk = new Desk();
    const others = (count: number): void => {
      for (let index = 0; index < count; index++) desk.admitted(`198.18.${index >> 8}.${index & 255}`, 1);
    };
    assert.equal(desk.admitted(elsewhere, 20), 10);
    others(4_095);
    assert.equal(desk.admitted(elsewhere, 20), 0);
    others(4_096);
    assert.equal(desk.admitted(elsewhere, 20), 10);
  });
});
