import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { compress } from '../../../src/wire/compression/compression.ts';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { PayloadFormat } from '../../../src/wire/payloads/payload.ts';
import { bombs } from './support/bombs.ts';
import { type FrameFields, RawPeer, rawFrame } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';
import type { Outcome } from './support/victim.ts';

const { response, delivered, failure, message, goodbye } = FrameKind;
const text = { format: 2 };

/** Something that a peer says to a question, after the number of that. */
interface Answer extends FrameFields {
  readonly kind: number;
  readonly body?: string | Uint8Array;
}

suite('peers that answer wrongly', () => {
  const scene = attackScene();

  async function connect(): Promise<RawPeer> {
    const peer = await RawPeer.connect(scene.port);
    await scene.victim.event('connected', peer.id);
    return peer;
  }

  /** What the victim gets for a question. */
  async function ask(question: 'request' | 'deliver', ...answers: Answer[]): Promise<Outcome> {
    const peer = await connect();
    const asked = scene.victim.call('ask', { id: peer.id, question });
    const id = (await peer.next(FrameKind[question])).body.subarray(0, 4);
    for (const { kind, body = '', ...fields } of answers) {
      peer.write(rawFrame(kind, Buffer.concat([id, Buffer.from(body)]), { ...text, ...fields }));
    }
    return asked;
  }

  async function assertFails(asked: Promise<Outcome>, code: string, reason: RegExp): Promise<void> {
    const outcome = await asked;
    assert.equal(outcome.code, code);
    assert.match(outcome.message!, reason);
  }

  test('a confirmation in place of an answer', async () => {
    const wrong = ask('request', { kind: delivered });
    await assertFails(wrong, 'ERR_PROTOCOL', /confirmed a request/);
  });

  test('an answer in place of a confirmation is one', async () => {
    assert.deepEqual(await ask('deliver', { kind: response, body: 'done' }), {});
  });

  test('two answers: the first counts', async () => {
    const answers = ['first', 'second'].map((body) => ({ kind: response, body }));
    assert.deepEqual(await ask('request', ...answers), { value: 'first' });
  });

  test('an answer that cannot be decoded', async () => {
    const { rejected } = await scene.victim.call('stats');
    const wrong = ask('request', { kind: response, body: Uint8Array.of(0xff) });
    await assertFails(wrong, 'ERR_MESSAGE_INVALID', /could not be decoded/);
    assert.equal((await scene.victim.call('stats')).rejected, rejected + 1);
  });

  test('an answer that is a bomb', async () => {
    const body = await bombs.brotli();
    const wrong = ask('request', { kind: response, body, compression: 2 });
    await assertFails(wrong, 'ERR_MESSAGE_INVALID', /could not be decoded/);
  });

  test('40 answers at once that each unfold to 16 MiB: one at a time', async () => {
    const peer = await connect();
    const [count, bytes] = [40, 16 * 2 ** 20];
    const asked = scene.victim.call('askMany', { id: peer.id, count });
    const body = compress(Buffer.alloc(bytes, 'ab'), 'brotli');
    for (let answers = 0; answers < count; answers++) {
      const id = (await peer.next(FrameKind.request)).body.subarray(0, 4);
      peer.write(
        rawFrame(response, Buffer.concat([id, body]), { format: PayloadFormat.bytes, compression: 2 }),
      );
    }
    assert.equal(await asked, count * bytes);
  });

  test('a failure cannot write on a terminal, nor fill it', async () => {
    const wrong = ask('request', { kind: failure, body: `\u001b[2J\u202e${'x'.repeat(100_000)}` });
    await assertFails(wrong, 'ERR_HANDLER', /^\[2Jx{400,500}$/);
  });

  test('a failure that is no text', async () => {
    const body = '{"toString":1,"valueOf":2}';
    const wrong = ask('request', { kind: failure, body, format: 1 });
    await assertFails(wrong, 'ERR_HANDLER', /the other side failed/);
  });

  test('no answer but a goodbye', async () => {
    const peer = await connect();
    const asked = scene.victim.call('ask', { id: peer.id, question: 'request' });
    await peer.next(FrameKind.request);
    peer.write(rawFrame(goodbye, '{"code":"stopped","message":"enough"}'));
    await assertFails(asked, 'ERR_CONNECTION_CLOSED', /enough/);
  });

  test('a peer that leaves while a handler is about to leave it', async () => {
    const peer = await connect();
    await scene.victim.call('handlers', 'leave');
    peer.write(rawFrame(message, 'x', text), rawFrame(goodbye, '{"code":"stopped"}'));
    assert.equal((await scene.victim.event('disconnected', peer.id)).code, 'stopped by them');
  });
});
