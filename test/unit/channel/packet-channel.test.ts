import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PacketChannel } from '../../../src/channel/packet-channel.ts';
import { shareEncoding } from '../../../src/channel/shared-encoding.ts';
import { DecompressionTurns } from '../../../src/decompression-turns.ts';
import { defaultLimits } from '../../../src/limits.ts';
import { MemoryBudget } from '../../../src/memory-budget.ts';
import { systemRuntime } from '../../../src/runtime.ts';
import { FakeLink } from '../../support/fake-link.ts';

test('options that are not known are refused towards a Python node too', () => {
  const link = new FakeLink();
  const channel = new PacketChannel(link, {
    direction: 'inbound',
    limits: defaultLimits,
    budget: new MemoryBudget(defaultLimits.memoryBudgetBytes),
    turns: new DecompressionTurns(systemRuntime),
    bigIntegers: false,
  });
  assert.throws(
    () => channel.send('hello', { compresion: 'zlib' } as object),
    new TypeError('compresion is not an option; there are compression, verbatim'),
  );
  channel.send('for all', shareEncoding('for all', { compression: 'zlib' }, 100));
  assert.equal(link.pieces.length, 1);
});
