import { checkOptions, checkType } from '../../base/arguments.ts';
import { inNextTurn } from '../../base/next-turn.ts';
import { Identity } from '../../identity/identity.ts';
import type { Node } from '../../node/node.ts';
import { checkRunsOnNode, onceNothingIsLeft } from '../../node/recorder/turns.ts';
import { type ConnectionNumbers, readWritten } from '../../node/recorder/written-values.ts';
import {
  factoryOf,
  type NodeClass,
  type NodeFactory,
  type SimulatedNodeOptions,
} from '../machines/node-factory.ts';
import { FlightError, FlightFile } from './flight-file.ts';
import { Playback, textOfInput } from './playback.ts';

/** The options of {@link replay}. */
export interface ReplayOptions<Made extends Node = Node> {
  /** The path of the file that a node with the option `recorder` has written. */
  readonly path: string;
  /**
   * The class of the node, or a function that creates it from `host`, `port` and `options`, as for `spawn` of a
   * `Simulation`. It must do what the recorded program did before `start`, such as adding listeners.
   */
  readonly create: NodeClass<Made> | NodeFactory<Made>;
  /** Called after each turn with a readable text: the inputs, and what the node did. */
  readonly onTurn?: ((turn: number, text: string) => void) | undefined;
}

/** The first turn in which the replayed node did something different from the recorded node. */
export interface ReplayDifference {
  /** The input of the turn, as readable text. */
  readonly input: string;
  /** What the recorded node did. */
  readonly expected: string;
  /** What the replayed node did instead. */
  readonly came: string;
}

/** The outcome of a replay. */
export interface Replay<Made extends Node = Node> {
  /** The node, in the state at the end of the recording, or after the first difference. */
  readonly node: Made;
  /** The number of turns that went as recorded. */
  readonly turns: number;
  /** The first difference. `undefined` if there is none. */
  readonly difference: ReplayDifference | undefined;
  /** Why the recording ended. `undefined` if it is incomplete, for example because the process was killed. */
  readonly end: string | undefined;
}

/**
 * Replays a flight recording. The node receives what the recorded node received, and its actions are compared with
 * those of the recorded node, until the first difference. Nothing reaches the network.
 *
 * @throws FlightError if the file is damaged or is not a flight recording; Error of the system if it cannot be read.
 * @example
 * const { node, difference } = await replay({ path: 'flight.jsonl', create: MyNode });
 */
export async function replay<Made extends Node>(options: ReplayOptions<Made>): Promise<Replay<Made>> {
  checkRunsOnNode('replay');
  checkOptions(options, ['path', 'create', 'onTurn']);
  checkType('path', options.path, 'string');
  const { path, create, onTurn } = options;
  const factory = factoryOf(create);
  const file = new FlightFile(path);
  try {
    return await run(file, factory, onTurn);
  } finally {
    file.close();
  }
}

async function run<Made extends Node>(
  file: FlightFile,
  factory: NodeFactory<Made>,
  onTurn: ReplayOptions['onTurn'],
): Promise<Replay<Made>> {
  const { host, port, pkcs8, schemes, options } = file.header;
  const playback = new Playback(schemes);
  const { runtime, transports } = playback.boundary;
  const given = {
    ...(readWritten(options, noConnections) as object),
    identity: Identity.fromSeed(Buffer.from(pkcs8, 'base64').subarray(-32)),
    runtime,
    transports,
  } as unknown as SimulatedNodeOptions;
  let node: Made | undefined;
  let turns = 0;
  for (const turn of file.turns()) {
    playback.begin(turn);
    await inTurn(() => {
      if (node !== undefined) {
        for (const input of turn.inputs) playback.perform(input);
        return;
      }
      node = factory({ index: 0, restarts: 0, host, port, options: given });
      playback.attach(node);
    });
    playback.end();
    const input = turn.inputs.map(textOfInput).join(', ');
    if (playback.unequal !== undefined)
      return { node: node!, turns, difference: { input, ...playback.unequal }, end: undefined };
    turns += 1;
    onTurn?.(turns, [input, ...turn.out].join('\n  '));
  }
  if (node === undefined) throw new FlightError('the recording breaks off before the node starts');
  return { node, turns, difference: undefined, end: file.end?.end };
}

const noConnections: ConnectionNumbers = { numberOf: () => undefined, connectionOf: () => undefined };

/** Runs work in a turn. The turn begins when nothing is left to do, and ends like a turn of the recorder. */
function inTurn(work: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    inNextTurn(() => {
      onceNothingIsLeft(resolve);
      try {
        work();
      } catch (error) {
        reject(error);
      }
    });
  });
}
