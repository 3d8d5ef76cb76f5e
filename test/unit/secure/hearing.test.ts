import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, Identity, type Runtime, systemRuntime } from '../../../src/index.ts';
import { Hearing } from '../../../src/secure/hearing.ts';
import { Notary } from '../../../src/secure/notary.ts';
import { PeerTurns } from '../../../src/secure/peer-turns.ts';
import { withCode } from '../../support/errors.ts';

const [alice, bob, carol] = [Identity.generate(), Identity.generate(), Identity.generate()];
const now = 1_700_000_000_000;

/** The clock stands still, so that no share of a turn is used up on a slow machine. */
const stillRuntime: Runtime = { ...systemRuntime, now: () => 0 };

function notaryOf(identity: Identity): Notary {
  const runtime = { ...systemRuntime, wallNow: () => now };
  return new Notary({ identity, runtime, timeWindowMs: 60_000, maxSeenMessages: 64 });
}

/** What Alice makes of what Bob says. */
function setUp(turns = new PeerTurns(systemRuntime)) {
  const told: string[] = [];
  const hearing = new Hearing({
    ownId: alice.id,
    bringer: { id: bob.id, source: bob.id, isEncrypted: true },
    notary: notaryOf(alice),
    runtime: stillRuntime,
    turns,
    onRefused: (error) => told.push((error as { code?: string }).code ?? error.message),
    onDuplicate: () => told.push('duplicate'),
  });
  return { hearing, told };
}

const forAll = () => notaryOf(carol).sign('message', 1) as unknown as Data;

suite('what a neighbour says', () => {
  test('again is a duplicate where messages belong, and refused where they do not', () => {
    const { hearing, told } = setUp();
    const message = forAll();
    hearing.examine(message, ['message']);
    assert.throws(() => hearing.examine(message, ['message', 'returned']), withCode('ERR_REPLAYED'));
    assert.throws(() => hearing.examine(message, ['request']), withCode('ERR_REPLAYED'));
    assert.throws(() => hearing.examine(message, ['stream']), withCode('ERR_REPLAYED'));
    assert.deepEqual(told, ['duplicate', 'ERR_REPLAYED', 'ERR_REPLAYED']);
  });

  test('is not handed on when the connection closed while it was being proven, and nobody is told', async () => {
    const turns = new PeerTurns(systemRuntime);
    const proof = Promise.withResolvers<unknown>();
    turns.begin = () => proof.promise as never;
    const { hearing, told } = setUp(turns);
    const examined = hearing.examine(forAll(), ['message']) as Promise<unknown>;
    hearing.close();
    proof.resolve({});
    await assert.rejects(examined, withCode('ERR_CONNECTION_CLOSED'));
    assert.deepEqual(told, []);
  });

  test('is refused, and told, when its proof fails later', async () => {
    const turns = new PeerTurns(systemRuntime);
    turns.begin = () => Promise.reject(new Error('a fault')) as never;
    const { hearing, told } = setUp(turns);
    await assert.rejects(hearing.examine(forAll(), ['message']) as Promise<unknown>, /a fault/);
    assert.deepEqual(told, ['a fault']);
  });
});
