/** What docs/python.md says of version 1.2, seen on the package itself. */
import assert from 'node:assert/strict';
import { suite } from 'node:test';
import { deflateSync } from 'node:zlib';
import { messages, readsNoMore, timeToRead, withPair } from './pair.ts';

suite('messages of version 1.2', { concurrency: 4 }, () => {
  withPair('0x04 cuts a message in two', async ({ python, raw }) => {
    await python.send({ text: 'a\u0004b' });
    assert.equal((await raw.take(4)).toString(), 'a\u0004b\u0004');
    raw.write('a\u0004b\u0004');
    await python.until('node_message', 2);
    assert.deepEqual(messages(python), ['str a', 'str b']);
  });

  withPair('an empty message ends the reading of a connection', async ({ python, raw }, t) => {
    await python.send({ text: '' });
    assert.equal((await raw.take(1)).toString(), '\u0004');
    raw.write('before\u0004');
    await python.until('node_message');
    raw.write('\u0004after\u0004');
    await timeToRead(t, python);
    assert.deepEqual(messages(python), ['str before', 'str another']);
  });

  withPair('0x02 at the end of a message ends the reading of a connection', async ({ python, raw }) => {
    await python.send({ hex: 'ff02' });
    assert.deepEqual([...(await raw.take(3))], [0xff, 2, 4]);
    raw.write('text!\u0002\u0004x\u0002\u0004');
    const [exception] = await python.until('exception');
    assert.equal(exception!.type, 'Error');
    const [garbage] = python.of('node_message');
    assert.deepEqual([garbage!.type, garbage!.hex], ['bytes', 'b5ec6d']);
    await readsNoMore(python, 'us');
  });

  withPair('damaged compressed data is delivered as a message', async ({ python, raw }) => {
    raw.write(`${Buffer.from('damagedzlib').toString('base64')}\u0002\u0004`);
    await python.until('node_message');
    assert.deepEqual(messages(python), ['str damagedzlib']);
    assert.equal((await python.state()).errors, 0);
  });

  withPair('an empty message with a compression ends the connection', async ({ python, raw }) => {
    await python.send({ text: '', compression: 'zlib' });
    raw.write('wake up\u0004');
    await python.until('inbound_node_disconnected');
    assert.equal(raw.received.length, 0);
  });

  withPair('a small message may decompress to any size', async ({ python, raw }) => {
    const bomb = Buffer.concat([deflateSync(Buffer.alloc(20_000_000, 'x')), Buffer.from('zlib')]).toString(
      'base64',
    );
    assert.ok(bomb.length < 30_000);
    raw.write(`${bomb}\u0002\u0004`);
    const [message] = await python.until('node_message');
    assert.equal(message!.hex!.length, 40_000_000);
  });

  withPair('what it cannot send is dropped without a word', async ({ python, raw }) => {
    await python.send({ json: [1, 2] });
    await python.send({ json: 5 });
    await python.send({ text: 'hello', compression: 'snappy' });
    await python.send({ text: 'the end' });
    assert.equal((await raw.takeUntil(4)).toString(), 'the end');
    assert.equal((await python.state()).sent, 8, 'all count as sent: once for all nodes, and once for each');
  });

  withPair('types are guessed', async ({ python, raw }) => {
    for (const packet of ['123', 'null', 'NaN', '"hi"', '\u0000\u0000']) raw.write(`${packet}\u0004`);
    await python.until('node_message', 5);
    assert.deepEqual(messages(python), [
      'int 123',
      'NoneType null',
      'float NaN',
      'str hi',
      'str \u0000\u0000',
    ]);
  });

  withPair('values nested a thousand deep end the reading of a connection', async ({ python, raw }) => {
    raw.write(`${'['.repeat(100_000)}\u0004`);
    const [exception] = await python.until('exception');
    assert.equal(exception!.type, 'RecursionError');
    await readsNoMore(python, 'us');
  });
});
