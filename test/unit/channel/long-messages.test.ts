import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data } from '../../../src/base/data.ts';
import { FrameKind, idOf } from '../../../src/wire/frames/frame.ts';
import type { Frame } from '../../../src/wire/frames/frame-reader.ts';
import { goodbye } from '../../../src/wire/frames/goodbye.ts';
import { withCode } from '../../support/errors.ts';
import { turn, turns } from '../../support/turns.ts';
import { dataFrame, kindsOf, openChannel } from './open-channel.ts';

const lists: Data = Array.from({ length: 3_000 }, () => []);
const long: Readonly<Record<string, Data>> = { JSON: lists, CBOR: [lists, Uint8Array.of(1)] };

suite('what takes long to decode', () => {
  for (const [name, data] of Object.entries(long)) {
    test(`is handled in order: ${name} in messages and deliveries`, async () => {
      const { link, behaviour } = openChannel();
      const received: Data[] = [];
      behaviour.message = (message) => {
        received.push(message);
        return true;
      };
      link.onMessage(dataFrame(FrameKind.message, 'before'));
      link.onMessage(dataFrame(FrameKind.message, data));
      link.onMessage(dataFrame(FrameKind.deliver, data, { id: 1 }));
      link.onMessage(dataFrame(FrameKind.message, 'after'));
      assert.deepEqual(received, ['before']);
      await turns();
      assert.deepEqual(received, ['before', data, data, 'after']);
      assert.deepEqual(kindsOf(link), [FrameKind.delivered]);
    });

    test(`is answered, and read as an answer: ${name}`, async () => {
      const { link, channel, behaviour } = openChannel();
      const asked: Data[] = [];
      behaviour.request = (request) => {
        asked.push(request);
        return 'yes';
      };
      link.onMessage(dataFrame(FrameKind.request, data, { id: 7 }));
      link.onMessage(dataFrame(FrameKind.request, 'small', { id: 8 }));
      await turns();
      assert.deepEqual(asked, [data, 'small']);
      assert.deepEqual(kindsOf(link), [FrameKind.response, FrameKind.response]);
      link.pieces.length = 0;
      const answer = channel.request('?');
      await turn();
      const [{ kind, body }] = link.takeFrames() as [Frame];
      link.onMessage(dataFrame(FrameKind.response, data, { id: idOf(kind, body) }));
      assert.deepEqual(await answer, data);
    });

    test(`counts while it is read: ${name}`, async () => {
      const { link, channel } = openChannel();
      const frame = dataFrame(FrameKind.message, data);
      link.onMessage(frame);
      assert.ok(channel.heldBytes >= frame.length, `${channel.heldBytes} bytes`);
      await turns();
      assert.equal(channel.heldBytes, 0);
    });
  }

  test('is rejected when it cannot be decoded, and the connection goes on', async () => {
    const { link, channel, told } = openChannel();
    const frame = dataFrame(FrameKind.message, lists);
    frame[frame.length - 1] = 0x20;
    link.onMessage(frame);
    link.onMessage(dataFrame(FrameKind.message, 'after'));
    await turns();
    assert.deepEqual(told, ['rejected ERR_MESSAGE_INVALID', 'message after']);
    const answer = channel.request('?');
    await turn();
    const [{ kind, body }] = link.takeFrames() as [Frame];
    const response = dataFrame(FrameKind.response, lists, { id: idOf(kind, body) });
    response[response.length - 1] = 0x20;
    link.onMessage(response);
    await assert.rejects(answer, withCode('ERR_MESSAGE_INVALID'));
  });

  test('is dropped when the connection closes meanwhile', async () => {
    const { link, channel, told } = openChannel();
    link.onMessage(dataFrame(FrameKind.message, lists));
    const broken = dataFrame(FrameKind.message, lists);
    broken[broken.length - 1] = 0x20;
    link.onMessage(broken);
    channel.close(goodbye('stopped'));
    await turns();
    assert.deepEqual(
      told.filter((line) => !line.startsWith('closed')),
      [],
    );
  });
});
