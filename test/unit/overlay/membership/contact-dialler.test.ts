import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseAddress } from '../../../../src/base/address.ts';
import { Identity, systemRuntime } from '../../../../src/index.ts';
import { type AddressRecord, signAddressRecord } from '../../../../src/overlay/membership/address-record.ts';
import { ContactDialler, type LinkDialler } from '../../../../src/overlay/membership/contact-dialler.ts';
import type { Contact } from '../../../../src/overlay/membership/contacts.ts';
import { NeighbourRefused } from '../../../../src/peers/neighbour-refused.ts';

/** What becomes of each dial, by port. */
type Outcomes = (port: number) => Error | undefined;

function diallerWith(outcomeOf: Outcomes, privateAddresses = false) {
  const clock = { nowMs: 0 };
  const dials: number[] = [];
  const proven: string[] = [];
  const dial = async ({ port }: { port: number }): Promise<void> => {
    dials.push(port);
    const error = outcomeOf(port);
    if (error !== undefined) throw error;
  };
  const links: LinkDialler = {
    parse: (text) => parseAddress(text),
    canDial: ({ scheme }) => scheme !== 'odd',
    ownAddresses: [],
    connect: dial,
    probe: dial,
    hold: () => true,
    isHeldBy: () => false,
    release: () => {},
    stopping: new AbortController().signal,
  };
  const dialler = new ContactDialler({
    network: '',
    runtime: {
      ...systemRuntime,
      now: () => clock.nowMs,
      setTimeout: (act, delayMs) => {
        if (delayMs === 0) queueMicrotask(act);
        return { cancel: () => {} };
      },
    },
    links,
    privateAddresses,
    isOfUse: () => false,
    onProven: ({ id }) => void proven.push(id),
    onFailed: () => {},
    log: () => {},
  });
  return { dialler, dials, proven, clock };
}

const identities = Array.from({ length: 30 }, () => Identity.generate());

function learn(
  dialler: ContactDialler,
  number: number,
  addresses = [`192.0.2.1:${number + 1}`],
  sequence = 1,
): Contact {
  const record = signAddressRecord(identities[number]!, {
    network: '',
    sequence,
    addresses,
  }) as AddressRecord;
  return dialler.contacts.learn(record, (address) => dialler.mayDial(address, 'public'))!;
}

const unreachable = (): Error => new Error('nobody is there');

suite('nodes of address records', () => {
  test('are dialled once, and no faster than a rate, while nobody has reached them', async () => {
    const { dialler, dials, clock } = diallerWith(unreachable);
    const contacts = identities.map((_, at) => learn(dialler, at));
    const outcomes = await Promise.all(contacts.map((contact) => dialler.dial(contact, 'low')));
    assert.equal(dials.length, 20);
    assert.equal(outcomes.filter((outcome) => outcome === 'later').length, 10);
    clock.nowMs += 1_000;
    for (const contact of contacts) await dialler.dial(contact, 'low');
    assert.equal(dials.length, 25, 'five more in a second, and none of those that failed');
    clock.nowMs += 60_000;
    for (const contact of contacts) await dialler.dial(contact, 'low');
    assert.equal(dials.length, 30);
    learn(dialler, 0, ['192.0.2.1:9999'], 2);
    await dialler.dial(contacts[0]!, 'low');
    assert.equal(dials.at(-1), 9_999, 'a node that moved is tried again');
  });

  test('are proven faster where they have connected from, but not where they name another host', async () => {
    const { dialler, dials } = diallerWith(unreachable);
    const there = Array.from({ length: 30 }, (_, at) => learn(dialler, at));
    for (const contact of there) {
      dialler.seenAt(contact, '192.0.2.1');
      dialler.prove(contact);
    }
    await nextTurn();
    assert.equal(dials.length, 30, 'a hundred nodes may start at once');

    const victims = diallerWith(unreachable);
    for (const [at] of identities.entries()) {
      const contact = learn(victims.dialler, at, ['198.51.100.1:7777', `192.0.2.1:${at + 1}`]);
      victims.dialler.seenAt(contact, '192.0.2.1');
      victims.dialler.prove(contact);
    }
    await nextTurn();
    assert.equal(victims.dials.filter((port) => port === 7_777).length, 20, 'the rate for what others tell');
  });

  test('are proven by a dial, also one that is refused', async () => {
    const { dialler, proven } = diallerWith((port) =>
      port === 1 ? new NeighbourRefused('there', 'full') : undefined,
    );
    const [refusing, accepting] = [learn(dialler, 0), learn(dialler, 1)];
    assert.equal(await dialler.dial(refusing, 'low'), 'refused');
    assert.equal(await dialler.dial(accepting, 'low'), 'connected');
    assert.deepEqual(proven, [refusing.id, accepting.id]);
    assert.ok(dialler.contacts.isProven(refusing) && dialler.contacts.isProven(accepting));
  });

  test('are tried at three of their addresses', async () => {
    const { dialler, dials } = diallerWith(unreachable);
    const contact = learn(
      dialler,
      0,
      [1, 2, 3, 4, 5].map((port) => `192.0.2.1:${port}`),
    );
    assert.equal(await dialler.dial(contact, 'low'), 'failed');
    assert.deepEqual(dials, [1, 2, 3]);
  });

  test('are dialled first at the address at which they answered', async () => {
    for (const answer of [undefined, new NeighbourRefused('there', 'full')]) {
      const { dialler, dials } = diallerWith((port) => (port === 2 ? answer : unreachable()));
      const addresses = [1, 2, 3].map((port) => `192.0.2.1:${port}`);
      const contact = learn(dialler, 0, addresses);
      await dialler.dial(contact, 'low');
      await dialler.dial(contact, 'low');
      assert.deepEqual(dials, [1, 2, 2]);
      assert.deepEqual(contact.addresses, ['192.0.2.1:2', '192.0.2.1:1', '192.0.2.1:3']);
    }
  });

  test('are proven no faster than a rate, too, and 64 wait for it', async () => {
    const { dialler, dials } = diallerWith(() => undefined);
    for (const [at] of identities.entries()) dialler.prove(learn(dialler, at));
    await new Promise(setImmediate);
    assert.equal(dials.length, 20);
    dialler.stop();
  });

  test('are not dialled at private addresses that public peers tell of, unless that is wanted', () => {
    const { dialler } = diallerWith(unreachable);
    assert.ok(dialler.mayDial('192.0.2.1:1', 'public'));
    assert.ok(!dialler.mayDial('192.168.0.1:1', 'public'));
    assert.ok(!dialler.mayDial('tls://[::1]:1', 'public'));
    assert.ok(!dialler.mayDial('localhost:1', 'public'));
    assert.ok(dialler.mayDial('192.168.0.1:1', 'private'));
    assert.ok(!dialler.mayDial('odd://192.0.2.1:1', 'public'), 'no transport dials it');
    assert.ok(!dialler.mayDial('no address', 'public'));
    const { dialler: wanting } = diallerWith(unreachable, true);
    assert.ok(wanting.mayDial('192.168.0.1:1', 'public'));
    assert.ok(!wanting.mayDial('0.0.0.0:1', 'public'));
  });
});
