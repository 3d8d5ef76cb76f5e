import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ageText } from '../../../src/node/explain/age-text.ts';
import { explainAbsence } from '../../../src/node/explain/explain-absence.ts';
import { explainSelf } from '../../../src/node/explain/explain-self.ts';
import type { ExplainSources } from '../../../src/node/explain/sources.ts';

const nowMs = 1_000_000;
const wallMs = 5_000_000;

/** What the parts of a node know, of which a test gives what matters to it. */
interface Known {
  readonly state?: string;
  readonly addresses?: readonly string[];
  readonly relays?: readonly object[];
  readonly seenAt?: readonly object[];
  readonly seenHosts?: readonly (readonly [host: string, others: number])[];
  readonly active?: readonly object[];
  readonly inbound?: readonly string[];
  readonly maxConnections?: number;
  readonly failedInbound?: Readonly<Record<string, number>>;
  readonly handshakes?: readonly object[];
  readonly dials?: readonly object[];
  readonly handshake?: object;
  readonly past?: object;
  readonly watches?: number;
  readonly entries?: readonly object[];
  readonly contact?: object;
  readonly path?: object;
  readonly isPresent?: boolean;
  readonly deny?: readonly string[];
  readonly allow?: readonly string[];
  readonly peers?: number;
  readonly discovery?: readonly object[];
}

function sources(known: Known): ExplainSources {
  const { seenHosts, active, watches, allow, isPresent = false } = known;
  const hasMembership = seenHosts !== undefined || active !== undefined;
  return {
    options: {
      runtime: { now: () => nowMs, wallNow: () => wallMs },
      maxConnections: known.maxConnections ?? 0,
      deny: new Set(known.deny),
      allow: allow && new Set(allow),
      discovery: known.discovery ?? [],
    },
    peering: {
      state: known.state ?? 'started',
      transports: {
        addresses: known.addresses ?? ['tls://127.0.0.1:1'],
        reach: { relays: known.relays ?? [], seenAt: known.seenAt ?? [] },
      },
      peers: {
        inbound: (known.inbound ?? []).map((host) => ({ host })),
        connections: new Map(Array.from({ length: known.peers ?? 0 }, (_, index) => [index, {}])),
        find: () => watches && { watches },
        failures: {
          handshakes: known.handshakes ?? [],
          handshakeOf: () => known.handshake,
          connectionWith: () => known.past,
          dialsOf: () => known.dials ?? [],
        },
      },
    },
    finder: { known: { entriesOf: () => known.entries ?? [], contactOf: () => known.contact } },
    membership: hasMembership ? { seenHosts: seenHosts ?? [], active: active ?? [] } : undefined,
    presence: { has: () => isPresent },
    broadcasts: { pathTo: () => known.path, clockGapOf: () => undefined },
    failedInbound: known.failedInbound ?? {},
  } as never;
}

/** Each line as text, with `→` before its advice. */
function linesOf(lines: ReturnType<typeof explainSelf>): string[] {
  return lines.map(({ about, text, advice }) => `${about}: ${text}${advice ? ` → ${advice}` : ''}`);
}

const self = (known: Known): string[] => linesOf(explainSelf(sources(known)));

function absence(known: Known): { state: string; lines: string[] } {
  const { state, lines } = explainAbsence('x', sources(known));
  return { state, lines: linesOf(lines) };
}

test('an age is given in the unit that people would use', () => {
  const ages = [
    0, 999.4, 999.5, 1_000, 1_049, 59_949, 59_950, 89_999, 90_000, 3_569_999, 3_570_000, 86_400_000,
  ];
  assert.deepEqual(ages.map(ageText), [
    ...[
      '0 ms',
      '999 ms',
      '1.0 s',
      '1.0 s',
      '1.0 s',
      '59.9 s',
      '1 min',
      '1 min',
      '2 min',
      '59 min',
      '1 h',
      '24 h',
    ],
  ]);
});

suite('what a node says of itself', () => {
  const silence = 'connection: no node that dialled this one is connected';

  test('is where it listens, or that it does not, once it has started', () => {
    const [listens, ...others] = self({});
    assert.match(listens!, /^address: listens on tls:\/\/127\.0\.0\.1:1: only programs on this machine/);
    assert.deepEqual(others, [silence]);
    assert.match(self({ addresses: [] })[0]!, /^address: this node listens on no address.* → let others be/);
    assert.deepEqual(self({ addresses: [], state: 'new' }), [silence]);
  });

  test('is how others see it, and what that means behind a router', () => {
    const lines = self({
      addresses: ['tls://198.51.100.7:1', '/ip4/198.51.100.8/udp/1'],
      seenHosts: [
        ['198.51.100.7', 1],
        ['198.51.100.8', 2],
        ['198.51.100.9', 3],
        ['10.0.0.1', 1],
        ['203.0.113.5', 1],
      ],
      seenAt: [
        { host: '203.0.113.6', by: 1 },
        { host: '10.0.0.2', by: 2 },
      ],
    }).slice(2, -1);
    const advice =
      "if this machine does not have HOST itself, it is its router's: forward the port there, if others cannot dial this node";
    assert.deepEqual(lines, [
      'network: one neighbour hears this node from 198.51.100.7',
      'network: 2 neighbours hear this node from 198.51.100.8',
      `network: 3 neighbours hear this node from 198.51.100.9 → ${advice.replace('HOST', '198.51.100.9')}`,
      'network: one neighbour hears this node from 10.0.0.1',
      `network: one node that this one dialled sees this node from 203.0.113.6 → ${advice.replace('HOST', '203.0.113.6')}`,
      'network: 2 nodes that this one dialled see this node from 10.0.0.2',
    ]);
  });

  test('is which relays have a place for it', () => {
    const relays = [
      { relay: '/r1', isReserved: true },
      { relay: '/r2', isReserved: false },
      { relay: '/r3', isReserved: false, failure: 'it is full' },
    ];
    const [one, two, three] = self({ relays }).slice(1);
    assert.equal(one, 'relay: others reach this node through the relay /r1');
    assert.match(
      two!,
      /^relay: no place at the relay \/r2, .*: it has not answered yet → this node asks again/,
    );
    assert.match(three!, /^relay: no place at the relay \/r3, .*: it is full → /);
  });

  test('is who dialled it, up to the limit, and who did not become a peer', () => {
    assert.equal(
      self({ inbound: ['10.0.0.1'] })[1],
      'connection: 1 node that dialled this one is connected, from addresses: private',
    );
    const inbound = ['10.0.0.1', '127.0.0.1', '10.0.0.2'];
    const three =
      'connection: 3 nodes that dialled this one are connected, from addresses: private, loopback';
    assert.equal(self({ inbound, maxConnections: 4 })[1], three);
    assert.equal(self({ inbound })[1], three);
    assert.match(
      self({ inbound, maxConnections: 3 })[1]!,
      /^limit: .* 3 inbound connections, as many .* → raise/,
    );
    const failedInbound = { ERR_NOT_ALLOWED: 2, ERR_VERSION: 1 };
    const [, , plain] = self({ failedInbound });
    assert.match(plain!, /^admission: .*did not become peers: 2 × ERR_NOT_ALLOWED, 1 × ERR_VERSION → docs/);
    const handshakes = [{ id: 'y', address: 'tcp://h:1', atMs: nowMs - 5_000, message: 'no' }];
    assert.match(
      self({ failedInbound, handshakes })[2]!,
      /ERR_VERSION; the latest, y from tcp:\/\/h:1, 5\.0 s ago: no → /,
    );
  });
});

suite('what a node says of one that is not connected', () => {
  const failure = { address: 'tls://h:1', code: 'ERR_TIMEOUT', message: 'no answer', attempts: 1 };
  const entry = {
    ...{ key: 'tls://127.0.0.1:9', source: 'mdns', standing: 'told', provenAtMs: undefined },
    ...{ lastConnectedAt: undefined, address: { host: '127.0.0.1', port: 9 } },
  };

  test('is unknown, known, failed, ended or denied: the latest counts', () => {
    const dials = [{ ...failure, atMs: nowMs - 100 }];
    const past = (ageMs: number) => ({
      ...{ direction: 'inbound', address: 'tls://h:2', atMs: nowMs - ageMs },
      reason: { by: 'link', code: 'lost', message: 'it was reset' },
    });
    for (const [known, state] of [
      [{}, 'unknown'],
      [{ entries: [entry] }, 'known'],
      [{ contact: { addresses: [] } }, 'known'],
      [{ isPresent: true }, 'known'],
      [{ path: { via: 'y', hops: 3, arrivedAtMs: nowMs - 1 } }, 'known'],
      [{ dials }, 'failed'],
      [{ handshake: dials[0]! }, 'failed'],
      [{ past: past(50) }, 'ended'],
      [{ dials, past: past(50) }, 'ended'],
      [{ dials, past: past(150) }, 'failed'],
      [{ dials, past: past(50), deny: ['x'] }, 'denied'],
      [{ allow: ['y'] }, 'denied'],
      [{ allow: ['x'] }, 'unknown'],
    ] as const) {
      assert.equal(absence(known).state, state, JSON.stringify(known));
    }
  });

  test('is why attempts failed, which it says of eight at most', () => {
    const at = (ageMs: number, more = {}) => ({ ...failure, atMs: nowMs - ageMs, ...more });
    const { lines } = absence({
      dials: [at(100), at(200, { attempts: 3, message: 'see limits.x' })],
      handshake: at(5),
    });
    assert.match(lines[0]!, /^network: dialling tls:\/\/h:1 failed 100 ms ago: no answer → nothing answers/);
    assert.match(
      lines[1]!,
      /^limit: dialling tls:\/\/h:1 failed 200 ms ago \(3 times in a row\): see limits\.x → /,
    );
    assert.match(
      lines[2]!,
      /^network: it dialled this node, from tls:\/\/h:1, in vain 5 ms ago: no answer → /,
    );
    assert.equal(absence({ dials: Array.from({ length: 9 }, () => at(1)) }).lines.length, 8);
    assert.deepEqual(absence({ dials: [at(1)], watches: 1 }).lines.slice(1), [
      'reconnect: this node keeps trying to reach it, with growing delays',
    ]);
    const { lines: codes } = explainAbsence('x', sources({ dials: [at(1), at(1, { code: undefined })] }));
    assert.deepEqual(
      codes.map(({ code, address, ageMs }) => [code, address, ageMs]),
      [
        ['ERR_TIMEOUT', 'tls://h:1', 1],
        [undefined, 'tls://h:1', 1],
      ],
    );
  });

  test('is how the latest connection ended', () => {
    const past = (by: string) => ({
      past: {
        ...{ direction: 'outbound', address: 'tls://h:2', atMs: nowMs - 5 },
        reason: { by, code: 'lost', message: 'so' },
      },
    });
    const begin = 'connection: the last connection (outbound) ended 5 ms ago; ';
    assert.deepEqual(absence(past('us')).lines, [`${begin}this node ended it: so`]);
    assert.deepEqual(absence(past('them')).lines, [`${begin}the other node ended it: so`]);
    const [lost] = absence(past('link')).lines;
    assert.ok(lost!.startsWith(`${begin}the link broke: so → connect with { reconnect: true }`), lost);
  });

  test('is which addresses it knows, from whom, and how sure they are', () => {
    const advice = ' → it leads to this machine: if the node runs elsewhere, use its own address';
    const far = { ...entry, key: 'tls://h:9', address: { host: '203.0.113.9', port: 9 } };
    const entries = [
      entry,
      { ...entry, standing: 'seen', provenAtMs: nowMs - 2_000 },
      { ...far, standing: 'given', lastConnectedAt: wallMs - 60_000 },
      { ...far, lastConnectedAt: wallMs + 60_000 },
      far,
    ];
    assert.deepEqual(absence({ entries, active: [] }).lines.slice(0, 5), [
      `address: tls://127.0.0.1:9 was told by others (mdns); this node has never reached it there${advice}`,
      'address: tls://127.0.0.1:9 was learned from itself (mdns); this node reached it there 2.0 s ago',
      'address: tls://h:9 was given (mdns); the two were connected 1 min ago',
      'address: tls://h:9 was told by others (mdns); the two were connected 0 ms ago',
      'address: tls://h:9 was told by others (mdns); this node has never reached it there',
    ]);
    const record = { sequence: wallMs - 3_000, addresses: ['tls://10.0.0.1:1', 'tls://10.0.0.2:1'] };
    const says =
      'address: it says in a record that it signed 3.0 s ago that it listens on tls://10.0.0.1:1, tls://10.0.0.2:1';
    const [dialled] = absence({ contact: { record, addresses: ['tls://10.0.0.1:1'] } }).lines;
    assert.equal(dialled, says);
    const [none] = absence({ contact: { record, addresses: [] } }).lines;
    assert.ok(none!.startsWith(`${says} → this node may dial none of them`), none);
  });

  test('is what to do next', () => {
    const last = (known: Known) => absence(known).lines.at(-1)!;
    assert.match(last({ peers: 1 }), /^discovery: .*this node has 1 peer to ask → call connectWithNode/);
    assert.match(last({ peers: 2 }), /has 2 peers to ask → /);
    assert.match(last({}), /has no peer to ask → .*give this node a discovery/);
    assert.match(last({ discovery: [{}] }), /has no peer to ask → .*node\.knownNodes/);
    assert.match(last({ isPresent: true }), /^node: nothing asked for a connection → call connectWithNode/);
    assert.match(
      last({ isPresent: true, active: [{}, {}] }),
      /^neighbourhood: .* has 2: .* → broadcasts reach it/,
    );
    const path = { via: 'y', hops: 3, arrivedAtMs: nowMs - 7 };
    assert.match(
      absence({ path, isPresent: true }).lines[0]!,
      /^broadcasts: .* 7 ms ago, over y and 3 links/,
    );
    assert.match(absence({ path, isPresent: true }).lines[1]!, /by its announcements/);
  });
});
