import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { systemRuntime } from '../../../../src/index.ts';
import { PipeLink } from '../../../../src/transport/pipe/pipe-link.ts';
import { readInto } from '../../../../src/transport/pipe/read-into.ts';
import { socketPair } from '../tcp/socket-pair.ts';

/** What a socket is without the internals that are asked for. */
function withoutInternals(socket: Socket): void {
  const { _handle: handle } = socket as unknown as { _handle: object };
  Object.defineProperty(handle, 'useUserBuffer', { value: undefined });
}

suite('reading into memory of ours', () => {
  const security = { protocol: 'tcp', encrypted: false, authenticated: true } as const;
  const remoteAddress = { scheme: undefined, host: '127.0.0.1', port: 1 };

  for (const [name, target, isAnError] of [
    ['is empty is passed over', () => new Uint8Array(0), false],
    ['cannot be told ends the link', () => assert.fail('no target'), true],
  ] as const) {
    test(`a target that ${name}`, async (t) => {
      const [dialled, accepted] = await socketPair(t);
      const details = { remoteId: 'other', remoteAddress, security, startedAt: 0, runtime: systemRuntime };
      const link = new PipeLink(accepted, details);
      let arrived = 0;
      link.readTarget = target;
      link.onMessage = (bytes) => {
        arrived += bytes.length;
      };
      dialled.end(new Uint8Array(1_000_000));
      const error = await link.closed;
      assert.equal(error?.message, isAnError ? 'no target' : undefined);
      assert.equal(arrived === 1_000_000, !isAnError);
    });
  }

  for (const isPossible of [true, false]) {
    test(`a link reads the same ${isPossible ? 'with' : 'without'} it`, async (t) => {
      const [dialled, accepted] = await socketPair(t);
      if (!isPossible) withoutInternals(accepted);
      assert.equal(
        readInto(
          accepted,
          () => {},
          () => undefined,
        ),
        isPossible,
        'this version of Node.js has what it needs',
      );
      const details = { remoteId: 'other', remoteAddress, security, startedAt: 0, runtime: systemRuntime };
      const link = new PipeLink(accepted, details);
      const memory = new Uint8Array(300_000);
      let filled = 0;
      let placed = 0;
      const done = Promise.withResolvers<void>();
      link.readTarget = () => (filled < 100_000 ? undefined : memory.subarray(filled));
      link.onMessage = (bytes) => {
        if (bytes.buffer === memory.buffer) placed += bytes.length;
        else memory.set(bytes, filled);
        filled += bytes.length;
        if (filled === memory.length) done.resolve();
      };
      const sent = Uint8Array.from(memory, (_, index) => index % 251);
      dialled.write(sent);
      await done.promise;
      assert.deepEqual(memory, sent);
      assert.equal(placed > 0, isPossible);
    });
  }
});
