// One node of the network: it trains on the images that it has, and averages its model with a random neighbour after
// each round. Run it: node examples/learning/node.ts INDEX ROUNDS [ADDRESS of another node]
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { bootstrap, Node } from 'peerloom';
import { mean, type StateDict } from 'peerloom/tensors';
import { loadDigits, partOf } from './digits.ts';
import { accuracy, newModel, train } from './model.ts';

/** A round takes so long on all nodes, however fast they are. */
const roundMs = 150;

const [index, rounds, address] = process.argv.slice(2) as [string, string, string?];
const say = (line: object): void => console.log(JSON.stringify({ index: Number(index), ...line }));

const { training, test } = await loadDigits();
const part = partOf(Number(index), training);
let state = newModel();
let round = 0;

/** What nodes ask each other with; the answer has the same form. */
interface Exchange {
  readonly round: number;
  readonly model: StateDict;
}

// In the last quarter of the rounds, the nodes only average, until they agree. A node that is slower than others leaves
// rounds of training out: it must not go on pulling towards its own digits when the others have stopped.
const lastQuarter = 0.75 * Number(rounds);
function takeOver(theirs: Exchange): void {
  state = mean([state, theirs.model]);
  round = Math.max(round, Math.min(theirs.round, Math.ceil(lastQuarter)));
}

const discovery = address === undefined ? [] : [bootstrap([address])];
const node = new Node('127.0.0.1', 0, { name: `node ${index}`, discovery, neighbourhood: 'automatic' });
// Who asks sends its model, and gets ours; both sides go on with the mean of the two.
node.on('node_request', (_peer, theirs) => {
  const ours = { round, model: state };
  takeOver(theirs as unknown as Exchange);
  return ours;
});
await node.start();
say({ address: `tls://127.0.0.1:${node.port}`, images: part.labels.length });

const alone = newModel();
for (let round = 0; round < 30; round += 1) train(alone, part, 0.02);
say({ alone: accuracy(alone, test) });
await once(process.stdin, 'data'); // run.ts says when all are ready

// The steps become smaller, since each node pulls towards its own digits.
for (; round < Number(rounds); round += 1) {
  const pace = wait(roundMs);
  const rate = 0.02 * (1 - round / lastQuarter);
  if (rate > 0) {
    state = mean([state]); // a copy: what was sent to others must not change
    train(state, part, rate);
  }
  const neighbour = node.allNodes[Math.floor(Math.random() * node.allNodes.length)];
  try {
    const theirs = await neighbour?.request({ round, model: state }, { timeoutMs: 2_000 });
    if (theirs !== undefined) takeOver(theirs as unknown as Exchange);
  } catch {
    // The neighbour has gone, or is busy: another one next time.
  }
  say({ round, accuracy: accuracy(state, test) });
  await pace;
}
say({ done: true });

// The others may still ask for its model.
await once(process.stdin, 'data');
await node.stop();
process.exit();
