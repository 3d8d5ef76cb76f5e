// A user of a pool that breaks its rules, to see that this is found: node misusing-pool.ts 'gives back twice'
import { ChunkPool } from '../../../src/channel/send/chunk-pool.ts';
import '../checked-pools.ts';

const pool = new ChunkPool(16, 1);
const chunk = pool.take();

const misuses: Record<string, () => void> = {
  nothing: () => pool.give(chunk),
  'gives back twice': () => {
    pool.give(chunk);
    pool.give(chunk);
  },
  'gives back what the pool does not need, twice': () => {
    const other = pool.take();
    for (const one of [chunk, other, other]) pool.give(one);
  },
  'gives back what is of no pool': () => pool.give(new Uint8Array(16)),
  'writes afterwards': () => {
    pool.give(chunk);
    chunk[3] = 0;
    pool.take();
  },
  'reads afterwards': () => {
    chunk.fill(1);
    pool.give(chunk);
    if (chunk.includes(1)) return;
    throw new Error('what was read is corrupt');
  },
};

try {
  misuses[process.argv[2]!]!();
} catch (error) {
  // As the code does that runs on behalf of a peer; only what is read is for the reader to find.
  if (process.argv[2] === 'reads afterwards') throw error;
}
