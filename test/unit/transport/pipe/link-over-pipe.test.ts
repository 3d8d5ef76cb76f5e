import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Duplex, duplexPair } from 'node:stream';
import { suite, test } from 'node:test';
import {
  Identity,
  linkOverPipe,
  type NodeIdentity,
  type PipeOptions,
  type Runtime,
  systemRuntime,
} from '../../../../src/index.ts';
import { withCode } from '../../../support/errors.ts';
import { LinkEnd, transportContext } from '../../../support/links.ts';
import { turns, within } from '../../../support/turns.ts';

const remoteAddress = { scheme: 'pipe', host: 'other', port: 7 };
const dialler: PipeOptions = { role: 'dialler', protocol: 'pipe', remoteAddress };
const listener: PipeOptions = { role: 'listener', protocol: 'pipe', remoteAddress };

/** Two ends of a pipe, each with what its node gives its transport. */
function ends() {
  const [ours, theirs] = duplexPair();
  return { ours, theirs, us: transportContext(), them: transportContext() };
}

/** Links at both ends of a pipe. */
async function links() {
  const { ours, theirs, us, them } = ends();
  const both = Promise.all([linkOverPipe(ours, us, dialler), linkOverPipe(theirs, them, listener)]);
  const [dialled, accepted] = await within(both, 'both sides have a link');
  return { ours, theirs, us, them, dialled, accepted };
}

suite('a link over a pipe', () => {
  test('knows the id of the other node, and promises no more than the proof gives', async () => {
    const { dialled, accepted, us, them } = await links();
    assert.deepEqual([dialled.remoteId, accepted.remoteId], [them.identity.id, us.identity.id]);
    for (const link of [dialled, accepted]) {
      assert.deepEqual(link.security, { protocol: 'pipe', encrypted: false, authenticated: true });
      assert.deepEqual([link.remoteAddress, link.limitsByAddress], [remoteAddress, true]);
      link.destroy();
    }
  });

  test('carries what the dialler sends at once, before the listener has its link', async () => {
    const { ours, theirs, us, them } = ends();
    const dialling = linkOverPipe(ours, us, dialler).then((link) => link.send(Buffer.from('early')));
    const accepted = new LinkEnd(await linkOverPipe(theirs, them, listener));
    await dialling;
    await accepted.arrived(5);
    assert.equal(Buffer.concat(accepted.pieces).toString(), 'early');
    accepted.link.destroy();
  });

  test('needs no memory of the sender once it says so, although the pipe keeps what it gets', async () => {
    const { dialled, accepted } = await links();
    const memory = Buffer.from('first');
    dialled.send(memory, () => memory.fill('x'));
    const end = new LinkEnd(accepted);
    await end.arrived(5);
    assert.equal(Buffer.concat(end.pieces).toString(), 'first');
    assert.equal(memory.toString(), 'xxxxx');
    accepted.destroy();
  });

  test('reports in closed the error of the pipe, which does not end the process', async () => {
    const { ours, dialled, accepted } = await links();
    const error = new Error('the cable is cut');
    ours.destroy(error);
    assert.equal(await within(dialled.closed, 'the link ends'), error);
    accepted.destroy();
  });
});

test('the pipes of a child process carry a link, and its end', async (t) => {
  const program = `
    import { Duplex } from 'node:stream';
    import { linkOverPipe } from ${JSON.stringify(import.meta.resolve('../../../../src/index.ts'))};
    import { transportContext } from ${JSON.stringify(import.meta.resolve('../../../support/links.ts'))};
    const pipe = Duplex.from({ readable: process.stdin, writable: process.stdout });
    const link = await linkOverPipe(pipe, transportContext(), ${JSON.stringify(listener)});
    link.onMessage = (bytes) => link.send(bytes);
    await link.closed;
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill());
  const exit = once(child, 'exit');
  const pipe = Duplex.from({ readable: child.stdout, writable: child.stdin });
  const end = new LinkEnd(await within(linkOverPipe(pipe, transportContext(), dialler), 'there is a link'));
  const sent = Array.from({ length: 20 }, (_, index) => Buffer.alloc(100_000, index));
  await end.sendAll(sent);
  await end.arrived(2_000_000);
  assert.ok(Buffer.concat(end.pieces).equals(Buffer.concat(sent)));
  end.link.close(10_000);
  assert.deepEqual(await within(exit, 'the child ends'), [0, null]);
  assert.equal(await within(end.link.closed, 'the link ends'), undefined);
});

suite('a pipe becomes no link', () => {
  test('if another node than the pinned one answers, which then learns no id', async () => {
    const { ours, theirs, us, them } = ends();
    const expected = { id: us.identity.id, isPinned: true };
    const accepting = linkOverPipe(theirs, them, listener);
    await Promise.all([
      assert.rejects(linkOverPipe(ours, us, { ...dialler, expected }), withCode('ERR_ID_MISMATCH')),
      assert.rejects(accepting, withCode('ERR_CONNECTION_CLOSED')),
    ]);
    assert.ok(ours.destroyed && theirs.destroyed);
  });

  test('if another node answers than expected, but none is pinned, it does', async () => {
    const { ours, theirs, us, them } = ends();
    const expected = { id: us.identity.id, isPinned: false };
    const accepting = linkOverPipe(theirs, them, listener);
    const dialled = await linkOverPipe(ours, us, { ...dialler, expected });
    assert.equal(dialled.remoteId, them.identity.id);
    (await accepting).destroy();
  });

  test('if the other side is a program that sends back what it receives', async (t) => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.pipe(process.stdout)']);
    t.after(() => child.kill());
    const pipe = Duplex.from({ readable: child.stdout, writable: child.stdin });
    const refused = linkOverPipe(pipe, transportContext(), dialler);
    await assert.rejects(within(refused, 'the proof fails'), withCode('ERR_HANDSHAKE', /sends back/));
    assert.ok(pipe.destroyed);
  });

  test('if the other side proves nothing', async () => {
    for (const garbage of [
      Buffer.alloc(200, 'x'),
      Buffer.concat([Buffer.from('PEERLM1\n'), Buffer.alloc(200)]),
    ]) {
      for (const side of [dialler, listener]) {
        const { ours, theirs, us } = ends();
        theirs.on('error', () => {}).write(garbage);
        await assert.rejects(linkOverPipe(ours, us, side), withCode('ERR_HANDSHAKE'));
        assert.ok(ours.destroyed);
      }
    }
  });

  test('if the pipe fails or ends', async () => {
    for (const side of [dialler, listener]) {
      const { ours, us } = ends();
      const error = new Error('the cable is cut');
      const failing = linkOverPipe(ours, us, side);
      ours.destroy(error);
      await assert.rejects(failing, { code: 'ERR_CONNECTION_CLOSED', cause: error });
      const other = ends();
      other.theirs.end();
      await assert.rejects(linkOverPipe(other.ours, us, side), withCode('ERR_CONNECTION_CLOSED'));
    }
  });

  test('if the signal fires', async () => {
    const { ours, us } = ends();
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const aborted = linkOverPipe(ours, us, { ...dialler, signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(aborted, (error) => error === reason);
    assert.ok(ours.destroyed);
  });

  const silent: NodeIdentity = { ...Identity.generate(), sign: () => new Promise(() => {}) };
  for (const [name, says, identity] of [
    ['if the other side says nothing for too long', '', undefined],
    ['if the signer of this node does not answer in time', 'PEERLM1\n', silent],
  ] as const) {
    test(name, async () => {
      const { ours, theirs, us } = ends();
      const timers: { callback: () => void; delayMs: number; cancelled: boolean }[] = [];
      const runtime: Runtime = {
        ...systemRuntime,
        setTimeout(callback, delayMs) {
          const timer = { callback, delayMs, cancelled: false };
          timers.push(timer);
          return { cancel: () => Object.assign(timer, { cancelled: true }) };
        },
      };
      const refused = linkOverPipe(ours, { ...us, runtime, ...(identity && { identity }) }, listener);
      if (says !== '') theirs.write(Buffer.concat([Buffer.from(says), Buffer.alloc(64, 1)]));
      await turns();
      assert.equal(ours.destroyed, false);
      assert.deepEqual(
        timers.map(({ delayMs }) => delayMs),
        [us.limits.handshakeTimeoutMs],
      );
      timers[0]!.callback();
      await assert.rejects(refused, withCode('ERR_TIMEOUT', /limits\.handshakeTimeoutMs/));
      assert.ok(ours.destroyed && timers[0]!.cancelled);
    });
  }
});
