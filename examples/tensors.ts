// Two nodes train a model together. Each sends its weights to the other as a state dict, which is larger than a message may
// be, and averages both. After that they send only what changed, in few bytes.
// Run it: node examples/tensors.ts
import { Node, type NodeConnection, type StateDict, type StateOffer, Tensor } from 'peerloom';
import { add, checksum, DeltaCompressor, difference, expandDelta, mean } from 'peerloom/tensors';

class Learner extends Node {
  readonly theirs: StateDict[] = [];
  readonly compressor = new DeltaCompressor({ method: 'topK', part: 0.001 });
  state: StateDict;

  constructor(name: string, value: number) {
    super('127.0.0.1', 0, { name });
    const weight = Tensor.from(new Float32Array(4_200_000).fill(value), { shape: [2_100, 2_000] });
    this.state = { weight, bias: Tensor.from([value]) };
  }

  override nodeStateOffered(peer: NodeConnection, { tensors, bytes, info }: StateOffer) {
    console.log(
      `${this.name}: ${peer.name} offers ${tensors} tensors, ${bytes} bytes, ${JSON.stringify(info)}`,
    );
    return bytes < 50_000_000; // false refuses the state
  }

  override nodeState(_peer: NodeConnection, state: StateDict) {
    this.theirs.push(state);
  }

  /** `expandDelta` checks what a stranger sent against our own state. */
  override nodeMessage(_peer: NodeConnection, delta: never) {
    this.state = add(this.state, expandDelta(delta, this.state));
  }
}

const [ada, ben] = [new Learner('ada', 1), new Learner('ben', 2)];
await Promise.all([ada.start(), ben.start()]);
const peer = await ada.connectWithNode('127.0.0.1', ben.port);
await ada.sendState(peer, ada.state, { info: { examples: 600 } });
await ben.sendState(ada.id, ben.state, { info: { examples: 900 } });
for (const node of [ada, ben]) node.state = mean([node.state, ...node.theirs]);

const weight = ada.state.weight!.toTyped('float32').slice();
weight[7] = 9; // where real training changes the weights
const trained = { ...ada.state, weight: Tensor.from(weight, { shape: [2_100, 2_000] }) };
await peer.deliver(ada.compressor.compress(difference(trained, ada.state)));
console.log(`ben: the weights ${ben.state.weight!.toTyped('float32').slice(6, 9)}`);
console.log(checksum(trained) === checksum(ben.state) ? 'both have the same weights' : 'they differ');
await Promise.all([ada.stop(), ben.stop()]);
