import assert from 'node:assert/strict';
import { after, afterEach, before, suite, test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import { Node, type NodeConnection, PeerloomError } from '../../../src/index.ts';
import { FrameKind } from '../../../src/wire/frame.ts';
import { turn } from '../../support/turns.ts';
import { destroySockets, type FrameFields, RawPeer, rawFrame } from './support/raw-peer.ts';

const { request, response, deliver, delivered, failure, message, goodbye } = FrameKind;
const text = { format: 2 };

/** Something that a peer says to a question, after the number of that. */
interface Answer extends FrameFields {
  readonly kind: number;
  readonly body?: string | Uint8Array;
}

suite('peers that answer wrongly', () => {
  const node = new Node('127.0.0.1', 0);
  before(() => node.start());
  afterEach(destroySockets);
  after(() => node.stop());

  async function connect(): Promise<{ peer: RawPeer; connection: NodeConnection }> {
    const connected = new Promise<NodeConnection>((resolve) => node.once('inbound_node_connected', resolve));
    const peer = await RawPeer.connect(node.port);
    return { peer, connection: await connected };
  }

  async function ask(question: number, ...answers: Answer[]): Promise<unknown> {
    const { peer, connection } = await connect();
    const asked = question === request ? connection.request('?') : connection.deliver('!');
    const id = (await peer.next(question)).body.subarray(0, 4);
    for (const { kind, body = '', ...fields } of answers) {
      peer.write(rawFrame(kind, Buffer.concat([id, Buffer.from(body)]), { ...text, ...fields }));
    }
    return asked;
  }

  function codeAndText(code: string, message: RegExp) {
    return (error: unknown): boolean => {
      assert.ok(error instanceof PeerloomError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    };
  }

  test('a confirmation in place of an answer', async () => {
    const wrong = ask(request, { kind: delivered });
    await assert.rejects(wrong, codeAndText('ERR_PROTOCOL', /confirmed a request/));
  });

  test('an answer in place of a confirmation is one', async () => {
    assert.equal(await ask(deliver, { kind: response, body: 'done' }), undefined);
  });

  test('two answers: the first counts', async () => {
    const answers = ['first', 'second'].map((body) => ({ kind: response, body }));
    assert.equal(await ask(request, ...answers), 'first');
  });

  test('an answer that cannot be decoded', async () => {
    const { messageCountRerr } = node;
    const wrong = ask(request, { kind: response, body: Uint8Array.of(0xff) });
    await assert.rejects(wrong, codeAndText('ERR_MESSAGE_INVALID', /could not be decoded/));
    assert.equal(node.messageCountRerr, messageCountRerr + 1);
  });

  test('an answer that is a bomb', async () => {
    const body = brotliCompressSync(Buffer.alloc(2 ** 24 + 1));
    const wrong = ask(request, { kind: response, body, compression: 2 });
    await assert.rejects(wrong, codeAndText('ERR_MESSAGE_INVALID', /could not be decoded/));
  });

  test('a failure cannot write on a terminal, nor fill it', async () => {
    const wrong = ask(request, { kind: failure, body: `\u001b[2J\u202e${'x'.repeat(100_000)}` });
    await assert.rejects(wrong, codeAndText('ERR_HANDLER', /^\[2Jx{400,500}$/));
  });

  test('a failure that is no text', async () => {
    const body = '{"toString":1,"valueOf":2}';
    const wrong = ask(request, { kind: failure, body, format: 1 });
    await assert.rejects(wrong, codeAndText('ERR_HANDLER', /the other side failed/));
  });

  test('no answer but a goodbye', async () => {
    const { peer, connection } = await connect();
    const asked = connection.request('?');
    peer.write(rawFrame(goodbye, '{"code":"stopped","message":"enough"}'));
    await assert.rejects(asked, codeAndText('ERR_CONNECTION_CLOSED', /enough/));
  });

  test('a peer that leaves while a handler is about to leave it', async () => {
    const stopped = new Promise<void>((resolve) => {
      node.once('node_message', async (peer) => {
        await turn();
        await peer.stop();
        resolve();
      });
    });
    const { peer } = await connect();
    peer.write(rawFrame(message, 'x', text), rawFrame(goodbye, '{"code":"stopped"}'));
    await stopped;
  });
});
