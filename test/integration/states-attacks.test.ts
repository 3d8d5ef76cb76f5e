import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import type { Data, PeerStream, StateDict } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { startNodes, startPair, startVirtualNodes } from '../support/start-nodes.ts';

const mebibyte = 2 ** 20;

interface Lie {
  /** Behind the manifest. */
  readonly elements?: Uint8Array;
  readonly manifest?: unknown;
  /** Fields of the header that are not what they should be. */
  readonly header?: Record<string, Data>;
}

/** A stream that carries a state of one tensor, or what an attacker makes of it. */
function forged({ elements = new Uint8Array(8), manifest = [['w', 'float32', [2]]], header = {} }: Lie): {
  header: Data;
  body: Uint8Array;
} {
  const text = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
  const body = Buffer.concat([Buffer.from(text), elements]);
  const tensors = Array.isArray(manifest) ? manifest.length : 1;
  const sha256 = createHash('sha256').update(body).digest('hex');
  const manifestBytes = Buffer.byteLength(text);
  const honest = { peerloom: 'state/1', sha256, bytes: elements.length, manifestBytes, tensors, info: null };
  return { header: { ...honest, ...header }, body: new Uint8Array(body) };
}

/** Sends it. @returns how the receiver ended it: `'arrived'`, its refusal, or the message of its abort. */
async function attack(opening: PeerStream | Promise<PeerStream>, body: Uint8Array): Promise<string> {
  const answer: Uint8Array[] = [];
  try {
    const stream = await opening;
    for (let length = 0; length === 0; length = answer.length) {
      const bytes = await stream.read();
      if (bytes === undefined) break;
      answer.push(bytes);
    }
    if (answer[0]?.[0] === 0) stream.write(body);
    stream.end();
    for (let bytes = await stream.read(); bytes !== undefined; bytes = await stream.read())
      answer.push(bytes);
    return answer[0]?.[0] === 0 ? 'arrived' : Buffer.concat(answer).subarray(1).toString();
  } catch (error) {
    return (error as Error).message;
  }
}

const lies: Record<string, Lie & { outcome: RegExp }> = {
  'nothing that is wrong': { outcome: /^arrived$/ },
  'a hash of something else': { header: { sha256: 'ab'.repeat(32) }, outcome: /its hash differs/ },
  'a hash that is no text': { header: { sha256: ['ab'.repeat(32)] }, outcome: /malformed/ },
  'no hash': { header: { sha256: 'ab' }, outcome: /header of the state is malformed/ },
  'a negative size': { header: { bytes: -1 }, outcome: /malformed/ },
  'a size that is no whole number': { header: { bytes: 0.5 }, outcome: /malformed/ },
  'a size past the limit': { header: { bytes: 2 ** 40 }, outcome: /it has 1099511627776 bytes/ },
  'a manifest past the limit': { header: { manifestBytes: 2 ** 30 }, outcome: /too many bytes/ },
  'more tensors than are allowed': { header: { tensors: 16_385 }, outcome: /16384 are allowed/ },
  'another number of tensors': { header: { tensors: 2 }, outcome: /manifest has not 2 tensors/ },
  'fewer bytes than announced': { header: { bytes: 12 }, outcome: /8 bytes, but 12 were announced/ },
  'more bytes than announced': {
    manifest: [['w', 'float32', [1]]],
    header: { bytes: 4 },
    outcome: /more bytes came than were announced/,
  },
  'a state that ends early': {
    manifest: [['w', 'float32', [4]]],
    header: { bytes: 16 },
    outcome: /ended early/,
  },
  'a shape past 2^53': { manifest: [['w', 'int8', [2 ** 30, 2 ** 30]]], outcome: /2\^53 bytes/ },
  'a shape of text': { manifest: [['w', 'int8', ['8']]], outcome: /whole number/ },
  '33 dimensions': { manifest: [['w', 'int8', new Array(33).fill(1)]], outcome: /32 dimensions/ },
  'an unknown type': { manifest: [['w', 'int128', [1]]], outcome: /without type or shape/ },
  'a name that is too long': {
    manifest: [['n'.repeat(513), 'int8', [8]]],
    outcome: /name that no tensor can have/,
  },
  'a name that is a number': { manifest: [[1, 'int8', [8]]], outcome: /name that no tensor can have/ },
  'a name twice': {
    manifest: [
      ['w', 'int8', [4]],
      ['w', 'int8', [4]],
    ],
    outcome: /name twice/,
  },
  'a manifest that is no JSON': { manifest: '{', outcome: /JSON/ },
  'a manifest nested deep': { manifest: '['.repeat(1_000), outcome: /nested deeper/ },
  'a manifest of many lists': { manifest: `[${'[],'.repeat(40_000)}[]]`, outcome: /more than 32769 lists/ },
  'a bool that is neither 0 nor 1': {
    manifest: [['w', 'bool', [8]]],
    elements: new Uint8Array(8).fill(2),
    outcome: /neither 0 nor 1/,
  },
};

class Victim extends RecordingNode {
  readonly states: StateDict[] = [];
  override nodeState(_peer: unknown, state: StateDict): void {
    this.states.push(state);
  }
}

suite('a receiver of states, by the clauses 9.10, 9.11, 9.12, 9.13', () => {
  test('ends every transfer that lies, keeps none of it, and the connection lives on', async (t) => {
    const { b, connection } = await startPair(t, { kind: Victim });
    for (const [what, { outcome, ...lie }] of Object.entries(lies)) {
      const { header, body } = forged(lie);
      const found = await attack(connection.openStream(header), body);
      assert.match(found, outcome, what);
      await connection.deliver(what);
      const rejected = b.of('node_message_rejected');
      const isOfferRefused = /allowed|too many bytes/.test(found);
      if (found === 'arrived' || isOfferRefused) continue;
      const error = rejected.at(-1)!.data;
      withCode('ERR_STATE_INVALID', outcome)(error);
    }
    const refused = 3;
    assert.equal(b.of('node_message_rejected').length, Object.keys(lies).length - 1 - refused);
    assert.equal(b.states.length, 1);
    assert.ok(b.memoryBudget.heldBytes < mebibyte, `${b.memoryBudget.heldBytes} bytes`);
  });

  test('takes no memory for what is announced and never sent, and gives up after a minute', async (t) => {
    const { nodes, runtime } = await startVirtualNodes(t, 2, { kind: Victim });
    const [a, b] = nodes;
    const peer = await runtime.settle(a.connectWithNode(b.host, b.port));
    const streams: PeerStream[] = [];
    for (let count = 0; count < 4; count++) {
      const elements = 100 * mebibyte;
      const lie = {
        manifest: [['w', 'int8', [elements]]],
        header: { bytes: elements, sha256: `${count}`.repeat(64) },
      };
      const { header, body } = forged({ ...lie, elements: new Uint8Array(0) });
      const stream = await runtime.settle(peer.openStream(header));
      stream.write(body);
      streams.push(stream);
    }
    await runtime.advance(100);
    assert.ok(b.memoryBudget.heldBytes < mebibyte, `${b.memoryBudget.heldBytes} bytes`);
    await runtime.advance(59_000);
    streams[0]!.write(new Uint8Array(1));
    await runtime.advance(2_000);
    for (const stream of streams.slice(1)) {
      await assert.rejects(
        stream.closed,
        withCode('ERR_STREAM_ABORTED', /nothing of the state came for 60000 ms/),
      );
    }
    await runtime.advance(60_000);
    await assert.rejects(streams[0]!.closed, withCode('ERR_STREAM_ABORTED'));
    // What came of the first is kept, so that it can be resumed; another one takes its place.
    assert.ok(b.memoryBudget.heldBytes < 101 * mebibyte);
    await runtime.advance(300_000);
    assert.ok(b.memoryBudget.heldBytes < mebibyte);
  });

  test('has at most four at once from a node', async (t) => {
    const { b, connection } = await startPair(t, { kind: Victim });
    const { header, body } = forged({});
    const streams: PeerStream[] = [];
    for (let count = 0; count < 5; count++) streams.push(await connection.openStream(header));
    assert.match(await attack(streams[4]!, body), /4 states of this node are under way/);
    for (const stream of streams.slice(0, 4)) assert.equal(await attack(stream, body), 'arrived');
    assert.equal(await attack(connection.openStream(header), body), 'arrived');
    assert.equal(b.states.length, 5);
  });

  test('ends transfers of many nodes before they take more memory than the node has for all', async (t) => {
    const budget = 32 * mebibyte;
    const limits = { memoryBudgetBytes: budget, maxMessageBytes: mebibyte, queueMaxBytes: mebibyte };
    const [victim] = await startNodes(t, 1, { kind: Victim, options: { limits } });
    const attackers = await startNodes(t, 5);
    const elements = 15 * mebibyte;
    const lie = {
      manifest: [['w', 'int8', [elements]]],
      header: { bytes: elements },
      elements: new Uint8Array(0),
    };
    const ended: string[] = [];
    for (const attacker of attackers) {
      const peer = await attacker.connectWithNode('127.0.0.1', victim.port);
      const { header, body } = forged(lie);
      const stream = await peer.openStream(header);
      stream.closed.catch((error: Error) => ended.push(error.message));
      await stream.read();
      stream.write(Buffer.concat([body, Buffer.alloc(1)]));
      await peer.deliver('is it here?');
      for (let wait = 0; wait < 50; wait++) await peer.ping();
      assert.ok(victim.memoryBudget.heldBytes <= budget, `${victim.memoryBudget.heldBytes} bytes`);
    }
    assert.ok(ended.length >= 3, `${ended}`);
    for (const message of ended) assert.match(message, /too little memory/);
    for (const attacker of attackers) await attacker.allNodes[0]!.deliver('still here');
  });
});
