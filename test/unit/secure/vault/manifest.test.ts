import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { runNow } from '../../../../src/base/steps.ts';
import { type ErrorCode, Identity } from '../../../../src/index.ts';
import { hashOf } from '../../../../src/secure/digest.ts';
import {
  type CollectionState,
  epochOfVersion,
  stateLength,
} from '../../../../src/secure/vault/collection-state.ts';
import {
  type Change,
  type LogEntry,
  type Manifest,
  nextManifest,
  verifyEntry,
  verifyLog,
  verifyState,
} from '../../../../src/secure/vault/manifest.ts';
import { maxStateLength } from '../../../../src/secure/vault/vault-limits.ts';
import { withCode } from '../../../support/errors.ts';

const owner = Identity.generate();
const reader = Identity.generate().id;
const collection = 'c';
const name = { owner: owner.id, collection };
const state: CollectionState = {
  epochs: [
    { epoch: 1, from: 0, wraps: { [owner.id]: 'a', [reader]: 'b' } },
    { epoch: 3, from: 10, wraps: { [owner.id]: 'c' } },
  ],
  readers: { [reader]: { since: 1, history: false } },
  replicas: [reader],
  closed: 0,
};

/** A step of the owner's, which can be wrong in any way: it is signed all the same. */
function step(
  head: LogEntry | undefined,
  of: { state?: unknown; time?: number; change?: Change } = {},
): Manifest {
  const { time = 1, change = { kind: 'create' } } = of;
  const next = (of.state ?? state) as CollectionState;
  return nextManifest(owner, { collection, head }, { time, change, state: next });
}

function chain(length: number): LogEntry[] {
  const log: LogEntry[] = [];
  while (log.length < length) log.push(step(log.at(-1), { time: log.length + 1 }).head);
  return log;
}

const proveLog = (...args: Parameters<typeof verifyLog>) => runNow(verifyLog(...args));
const proveState = (...args: Parameters<typeof verifyState>) => runNow(verifyState(...args));

const refused = (code: ErrorCode, work: () => void, message?: RegExp) => {
  assert.throws(work, withCode(code, message));
};

suite('a log', () => {
  test('of the owner is believed, from its beginning and from any entry on', () => {
    const log = chain(4);
    assert.deepEqual(
      log.map(({ sequence, epoch }) => [sequence, epoch]),
      [1, 2, 3, 4].map((sequence) => [sequence, 3]),
    );
    proveLog(log, name, undefined);
    proveLog(log.slice(2), name, log[1]);
    proveLog([], name, log[1]);
  });

  test('is refused with an entry left out, doubled, or out of its place', () => {
    const log = chain(4);
    const gap = /has a gap/;
    refused('ERR_VAULT_INVALID', () => proveLog(log.toSpliced(1, 1), name, undefined), gap);
    refused('ERR_VAULT_INVALID', () => proveLog(log.slice(1), name, undefined), gap);
    refused('ERR_VAULT_INVALID', () => proveLog([log[0]!, log[0]!], name, undefined), gap);
    refused('ERR_VAULT_INVALID', () => proveLog(log.toReversed(), name, undefined), gap);
    refused('ERR_VAULT_INVALID', () => proveLog(log.slice(2), name, log[0]), gap);
  });

  test('is a fork when it does not follow the entry that is known', () => {
    const [one, other] = [chain(3), chain(1)];
    const second = step(other[0]!, { time: 99 }).head;
    const third = step(second, { time: 99 }).head;
    refused(
      'ERR_FORK',
      () => proveLog([one[0]!, one[1]!, third], name, undefined),
      /entry 3 of the log of c/,
    );
  });

  test('of another owner or another collection is refused, though it is signed', () => {
    const log = chain(1);
    const another = /another collection/;
    refused('ERR_VAULT_INVALID', () => proveLog(log, { ...name, collection: 'd' }, undefined), another);
    refused('ERR_VAULT_INVALID', () => proveLog(log, { ...name, owner: reader }, undefined), another);
  });

  test('is refused with an entry that was altered, wherever it stands', () => {
    const log = chain(3);
    for (const index of log.keys()) {
      const altered = log.with(index, { ...log[index]!, time: 99 });
      refused('ERR_HASH_MISMATCH', () => proveLog(altered, name, undefined));
    }
  });

  test('is checked entry by entry, so that others can run in between', () => {
    const steps = verifyLog(chain(5), name, undefined);
    let stops = 0;
    while (!steps.next().done) stops += 1;
    assert.equal(stops, 5);
  });
});

suite('an entry of a log', () => {
  test('can be of each kind of change', () => {
    const changes: Change[] = [
      { kind: 'create' },
      { kind: 'grant', id: reader, history: false },
      { kind: 'revoke', id: reader, reencrypt: true },
      { kind: 'add-replica', id: reader },
      { kind: 'remove-replica', id: reader },
    ];
    for (const change of changes) verifyEntry(step(undefined, { change }).head);
  });

  test('is refused when any field of it was altered', () => {
    const [, entry] = chain(2) as [LogEntry, LogEntry];
    const changes: Partial<LogEntry>[] = [
      { owner: reader },
      { collection: 'd' },
      { sequence: 7 },
      { previous: 'f'.repeat(64) },
      { time: 2_000 },
      { change: { kind: 'grant', id: reader, history: true } },
      { epoch: 4 },
      { state: 'f'.repeat(64) },
      { hash: 'f'.repeat(64) },
    ];
    verifyEntry(entry);
    for (const change of changes) {
      refused('ERR_HASH_MISMATCH', () => verifyEntry({ ...entry, ...change }));
    }
  });

  test('is refused when the owner did not sign it, whoever did', () => {
    const { head } = step(undefined);
    const { hash: _, signature, ...unsigned } = head;
    const posing = { ...unsigned, owner: reader };
    refused('ERR_SIGNATURE_INVALID', () => verifyEntry({ ...posing, hash: hashOf(posing), signature }));
    const other = step(undefined, { time: 5 }).head;
    refused('ERR_SIGNATURE_INVALID', () => verifyEntry({ ...head, signature: other.signature }));
  });

  test('is refused in another form, though the owner signed it', () => {
    const forms: Partial<Record<keyof LogEntry, unknown>>[] = [
      { collection: 7 },
      { sequence: -1 },
      { sequence: 1.5 },
      { sequence: 2 ** 53 },
      { sequence: '1' },
      { time: -1 },
      { time: 0.5 },
      { time: null },
      { epoch: -1 },
      { epoch: 1.5 },
      { state: 'x' },
      { state: 'F'.repeat(64) },
      { previous: 'f'.repeat(64) },
      { change: null },
      { change: { kind: 'destroy' } },
      { change: { kind: 'add-replica', id: 'nobody' } },
      { change: { kind: 'remove-replica' } },
      { change: { kind: 'grant', id: reader } },
      { change: { kind: 'grant', id: reader, history: 1 } },
      { change: { kind: 'revoke', id: reader, reencrypt: true, history: true } },
      { change: { kind: 'create', id: reader } },
      { secret: 'in a field that nobody looks at' } as object,
      { change: { kind: 'grant', id: 'nobody', history: true } },
      { change: { kind: 'revoke', id: reader, reencrypt: 1 } },
      { sequence: 2, previous: '' },
      { sequence: 0, previous: '' },
    ];
    const { hash: _, signature: __, ...unsigned } = step(undefined).head;
    for (const form of forms) {
      const entry = { ...unsigned, ...form };
      const hash = hashOf(entry as never);
      const signed = { ...entry, hash, signature: 'A'.repeat(86) } as LogEntry;
      refused('ERR_VAULT_INVALID', () => verifyEntry(signed), /malformed/);
    }
    for (const signature of ['A'.repeat(85), 'A'.repeat(87), '!'.repeat(86)]) {
      refused('ERR_VAULT_INVALID', () => verifyEntry({ ...step(undefined).head, signature }), /malformed/);
    }
  });
});

suite('a state', () => {
  test('is believed when the entry names it', () => {
    proveState(state, step(undefined).head);
    const first = { ...state, epochs: state.epochs.slice(0, 1) };
    proveState(first, step(undefined, { state: first }).head);
    const atOnce = { ...state, epochs: [state.epochs[0]!, { ...state.epochs[1]!, from: 0 }] };
    proveState(atOnce, step(undefined, { state: atOnce }).head);
  });

  test('is refused when the entry names another one', () => {
    const { head } = step(undefined);
    const other = { ...state, replicas: [] };
    refused('ERR_VAULT_INVALID', () => proveState(other, head), /not the one that the owner signed/);
    const older = { ...state, epochs: state.epochs.slice(0, 1) };
    refused('ERR_VAULT_INVALID', () => proveState(older, head), /malformed/);
  });

  test('is refused in another form, though the owner signed it', () => {
    const [first, second] = state.epochs as [CollectionState['epochs'][0], CollectionState['epochs'][0]];
    const forms: Record<string, unknown>[] = [
      { epochs: [{ ...first, from: 11 }, second] }, // the spans of versions go back
      { epochs: [{ ...first, epoch: 3 }, second] },
      { epochs: [{ ...first, epoch: 4 }, second] },
      { epochs: [second, first, second] },
      { epochs: [{ ...first, epoch: -1 }, second] },
      { epochs: [{ ...first, from: -1 }, second] },
      { epochs: [{ ...first, from: 0.5 }, second] },
      { epochs: [{ ...first, wraps: null }, second] },
      { epochs: [{ ...first, wraps: 'x' }, second] },
      { epochs: [{ ...first, wraps: { nobody: 'a' } }, second] },
      { epochs: [{ ...first, wraps: { [owner.id]: 7 } }, second] },
      { closed: -1 },
      { closed: 0.5 },
      { readers: null },
      { readers: 7 },
      { readers: { nobody: { since: 1, history: false } } },
      { readers: { [reader]: { since: -1, history: false } } },
      { readers: { [reader]: { since: 1, history: 1 } } },
      { readers: { [reader]: { since: 1 } } },
      { readers: { [reader]: { since: 1, history: true, more: 1 } } },
      { readers: { [reader]: { since: 1, history: true }, [owner.id]: null } },
      { readers: [] },
      { epochs: [{ ...first, wraps: [] }, second] },
      { epochs: [{ ...first, wraps: { [owner.id]: 'x'.repeat(108) } }, second] },
      { epochs: [{ ...first, more: 1 }, second] },
      { more: 1 },
      { replicas: [reader, 7] },
      { replicas: null },
      { replicas: ['nobody'] },
      { replicas: { 0: reader } },
    ];
    for (const form of forms) {
      const other = { ...state, ...form } as CollectionState;
      const { head } = step(undefined, { state: other });
      refused('ERR_VAULT_INVALID', () => proveState(other, head), /malformed/);
    }
    for (const epochs of [[], {}, null]) {
      const other = { ...state, epochs } as unknown as CollectionState;
      const unusable = withCode('ERR_VAULT_INVALID', /malformed/);
      assert.throws(() => proveState(other, step(undefined).head), unusable);
    }
  });

  test('may be two mebibytes long, and is counted before anything else of it is looked at', () => {
    const withReplicas = (count: number) => ({ ...state, replicas: Array<string>(count).fill(reader) });
    const most = Math.floor((maxStateLength - stateLength({ ...state, replicas: [] })) / 80);
    const allowed = withReplicas(most);
    proveState(allowed, step(undefined, { state: allowed }).head);
    const tooLong = withReplicas(most + 1);
    const { head } = step(undefined, { state: tooLong });
    refused('ERR_VAULT_INVALID', () => proveState(tooLong, head), /too large/);
    const replicas = Object.defineProperty([...tooLong.replicas], 0, { get: assert.fail });
    assert.throws(() => verifyState({ ...tooLong, replicas }, head).next(), withCode('ERR_VAULT_INVALID'));
  });

  test('is never longer as JSON than it is counted, and not much shorter', () => {
    const ids = Array.from({ length: 40 }, () => Identity.generate().id);
    const wraps = (count: number) =>
      Object.fromEntries(ids.slice(0, count).map((id) => [id, 'w'.repeat(107)]));
    const readers = (count: number) =>
      Object.fromEntries(ids.slice(0, count).map((id) => [id, { since: 1_700_000_000_000, history: false }]));
    for (const [epochs, perEpoch, readerCount, replicas] of [
      [1, 0, 0, 0],
      [1, 40, 0, 0],
      [4, 30, 30, 5],
      [30, 1, 0, 0],
      [1, 1, 40, 0],
      [1, 1, 0, 40],
    ] as const) {
      const one: CollectionState = {
        epochs: Array.from({ length: epochs }, (_, index) => ({
          epoch: index,
          from: 1_700_000_000_000 + index,
          wraps: wraps(perEpoch),
        })),
        readers: readers(readerCount),
        replicas: ids.slice(0, replicas),
        closed: 0,
      };
      const [counted, length] = [stateLength(one), JSON.stringify(one).length];
      assert.ok(counted >= length && counted <= 1.45 * length + 120, `${counted} for ${length} characters`);
    }
  });

  test('is checked in steps, so that others can run in between', () => {
    const ids = Array.from({ length: 600 }, () => Identity.generate().id);
    const large = { ...state, replicas: [...ids, ...ids] };
    const { head } = step(undefined, { state: large });
    const steps = verifyState(large, head);
    let stops = 0;
    while (!steps.next().done) stops += 1;
    assert.equal(stops, 2, 'after 256 ids, each counted once');
  });

  test('tells the epoch of a version', () => {
    const epochs = [-1, 0, 9, 10, 11, 1_000].map((version) => epochOfVersion(state, version)?.epoch);
    assert.deepEqual(epochs, [undefined, 1, 1, 3, 3, 3]);
  });
});
