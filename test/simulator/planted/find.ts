// Looks for a bug in the sources that stand beside it: prints the error of `check` as JSON, or null.
import { Node } from '../../../src/index.ts';
import { CheckError, check } from '../../../src/simulator/testing/index.ts';
import { sessionsOf } from './sessions.ts';

try {
  await check(sessionsOf(Node), {
    seeds: Number(process.argv[2]),
    latencyMs: { from: 5, to: 60 },
    // It takes one to three seconds on a machine that has nothing else to do.
    shrinkMs: 120_000,
  });
  console.log('null');
} catch (error) {
  if (!(error instanceof CheckError)) throw error;
  const { message, seed, nodes, faults } = error;
  console.log(JSON.stringify({ message, seed, nodes, faults }));
}
