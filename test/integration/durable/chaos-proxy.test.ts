import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { ChaosProxy } from '../../support/chaos-proxy.ts';
import { chaosSchedule, type Fault } from '../../support/chaos-schedule.ts';
import { Fixture } from '../../support/fixture.ts';
import { turns, until } from '../../support/turns.ts';

/** One end of a link, and what has come of it. */
class End {
  readonly socket: Socket;
  received = '';
  hasEnded = false;
  isClosed = false;
  error: string | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text) => {
      this.received += text;
    });
    socket.on('end', () => {
      this.hasEnded = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code;
    });
    socket.on('close', () => {
      this.isClosed = true;
    });
  }
}

/** A proxy whose links have the faults given, and a way to make links. */
async function startProxy(t: TestContext, faults: readonly Partial<Fault>[] = []) {
  const sockets: Socket[] = [];
  const accepted: End[] = [];
  const listener = createServer({ allowHalfOpen: true }, (socket) => void accepted.push(new End(socket)));
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const usual: Fault = { kind: 'cut', afterBytes: 1, durationMs: 1, towards: 'client' };
  const schedule = () => faults.map((fault) => ({ ...usual, ...fault }));
  const proxy = await ChaosProxy.start({ target: listener.address() as AddressInfo, schedule });
  Fixture.of(t).defer(async () => {
    for (const socket of [...sockets, ...accepted.map(({ socket }) => socket)]) socket.destroy();
    await proxy.stop();
    await new Promise((resolve) => listener.close(resolve));
  });
  const link = async (): Promise<{ client: End; server: End }> => {
    const { length } = accepted;
    const socket = connect({ host: '127.0.0.1', port: proxy.port, allowHalfOpen: true });
    sockets.push(socket);
    const client = new End(socket);
    await until(() => accepted.length > length, 'the proxy connects with its target');
    return { client, server: accepted[length]! };
  };
  return { proxy, link };
}

suite('the chaos proxy', () => {
  test('passes everything, both ways, and the end of each direction', async (t) => {
    const { link } = await startProxy(t);
    const { client, server } = await link();
    client.socket.end('ping');
    await until(() => server.received === 'ping' && server.hasEnded, 'the listener reads to the end');
    server.socket.end('x'.repeat(10_000_000));
    await until(() => client.hasEnded && client.isClosed && server.isClosed, 'both are closed');
    assert.equal(client.received.length, 10_000_000);
    assert.deepEqual([client.error, server.error], [undefined, undefined]);
  });

  test('cuts after so many bytes of both directions: both ends see a reset, and no byte more', async (t) => {
    const { proxy, link } = await startProxy(t, [{ kind: 'cut', afterBytes: 10 }]);
    const { client, server } = await link();
    client.socket.write('12345');
    await until(() => server.received === '12345', 'what comes before the cut arrives');
    server.socket.write('67890 and more');
    await until(() => client.isClosed && server.isClosed, 'both are closed');
    assert.ok('67890'.startsWith(client.received), client.received);
    assert.deepEqual([client.error, server.error], ['ECONNRESET', 'ECONNRESET']);
    assert.deepEqual(proxy.counts, { stall: 0, delay: 0, cut: 1, half: 0, blackHole: 0 });
  });

  test('halves: one direction ends, the other goes on', async (t) => {
    const { link } = await startProxy(t, [{ kind: 'half', afterBytes: 3, towards: 'client' }]);
    const { client, server } = await link();
    server.socket.write('abcdef');
    await until(() => client.hasEnded, 'the client is told of an end');
    assert.equal(client.received, 'abc');
    client.socket.write('still there?');
    await until(() => server.received === 'still there?', 'the other direction goes on');
    server.socket.write('yes');
    client.socket.end();
    await until(() => server.hasEnded && client.isClosed, 'the client leaves');
    assert.equal(client.received, 'abc');
  });

  test('black-holes: nothing comes through, and no end either', async (t) => {
    const { proxy, link } = await startProxy(t, [{ kind: 'blackHole', afterBytes: 3 }]);
    const { client, server } = await link();
    client.socket.write('abc');
    await until(() => server.received === 'abc', 'what comes before passes');
    client.socket.write('def');
    server.socket.write('ghi');
    client.socket.end();
    await until(() => client.isClosed, 'who leaves gets away');
    await turns();
    assert.deepEqual([server.received, client.received], ['abc', '']);
    assert.deepEqual([server.hasEnded, server.isClosed], [false, false]);
    proxy.cut();
    await until(() => server.isClosed, 'a cut ends it');
    assert.equal(server.error, 'ECONNRESET');
  });

  test('stalls for as long as it should, and then loses nothing', async (t) => {
    const { proxy, link } = await startProxy(t, [{ kind: 'stall', afterBytes: 3, durationMs: 200 }]);
    const { client, server } = await link();
    const began = performance.now();
    client.socket.write('abcdef');
    await until(() => proxy.counts.stall === 1, 'the stall begins');
    server.socket.write('ghi');
    await until(() => server.received === 'abcdef' && client.received === 'ghi', 'everything arrives');
    assert.ok(performance.now() - began > 150, 'in neither direction before its time');
  });

  test('delays each piece, in order', async (t) => {
    const { proxy, link } = await startProxy(t, [{ kind: 'delay', afterBytes: 1, durationMs: 60 }]);
    const { client, server } = await link();
    client.socket.write('a');
    await until(() => server.received === 'a', 'the first byte is in time');
    assert.equal(proxy.counts.delay, 1);
    for (const piece of ['b', 'c', 'd']) {
      const began = performance.now();
      client.socket.write(piece);
      await until(() => server.received.endsWith(piece), `${piece} arrives`);
      assert.ok(performance.now() - began > 50, 'late');
    }
    assert.equal(server.received, 'abcd');
  });

  test('turns links away while it is shut', async (t) => {
    const { proxy, link } = await startProxy(t);
    const { client, server } = await link();
    proxy.shut();
    await until(() => client.isClosed && server.isClosed, 'those that were there are cut');
    const refused = new End(connect(proxy.port, '127.0.0.1'));
    await until(() => refused.isClosed, 'a new one is turned away');
    proxy.open();
    const again = await link();
    again.client.socket.write('hello');
    await until(() => again.server.received === 'hello', 'open again');
  });
});

suite('a schedule of chaos', () => {
  const linksOf = (seed: number): (readonly Fault[])[] => {
    const schedule = chaosSchedule({ seed, cuts: 300, meanBytes: 1_000_000 });
    return Array.from({ length: 301 }, (_, link) => schedule(link));
  };

  test('is decided by its seed', () => {
    assert.deepEqual(linksOf(1), linksOf(1));
    assert.notDeepEqual(linksOf(1), linksOf(2));
  });

  test('ends every link but those after the last, in each way, some of them early', () => {
    const links = linksOf(1);
    assert.deepEqual(links.pop(), []);
    const endings = new Map<string, number>();
    for (const faults of links) {
      const { kind } = faults.at(-1)!;
      endings.set(kind, (endings.get(kind) ?? 0) + 1);
      for (const { kind } of faults.slice(0, -1)) assert.ok(['stall', 'delay'].includes(kind), kind);
    }
    assert.deepEqual([...endings.keys()].sort(), ['blackHole', 'cut', 'half']);
    for (const count of endings.values()) assert.ok(count > 20, `${count} of 300`);
    const early = links.filter((faults) => faults.length === 1 && faults[0]!.afterBytes < 6_000);
    assert.ok(early.length > 15 && early.length < 90, `${early.length} of 300 within the handshake`);
  });
});
