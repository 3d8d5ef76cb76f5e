import { type ErrorCode, type NodeConnection, PeerloomError } from '../../src/index.ts';
import type { SoakNode } from './soak-node.ts';
import type { World } from './world.ts';

/** What may become of whatever is done while nodes come and go. */
const expected = new Set<ErrorCode>([
  'ERR_CONNECTION_CLOSED',
  'ERR_CONNECTION_REFUSED',
  'ERR_NOT_STARTED',
  'ERR_QUEUE_FULL',
  'ERR_STREAM_ABORTED',
  'ERR_TIMEOUT',
]);

type Act = (world: World) => Promise<unknown>;

async function connect(world: World): Promise<void> {
  const node = world.pick();
  const other = world.pick(world.engineOf(node));
  if (node === other) return;
  await node.connectWithNode(other.host, other.port, { reconnect: world.chance(0.3) });
}

/** Something done with one of the connections. */
function onConnection(
  act: (node: SoakNode, connection: NodeConnection, world: World) => unknown,
): (world: World) => Promise<void> {
  return async (world) => {
    const chosen = world.pickConnection();
    if (chosen !== undefined) await act(chosen.node, chosen.connection, world);
  };
}

async function flood(node: SoakNode, connection: NodeConnection, world: World): Promise<void> {
  const content = world.chance(0.5) ? 'small' : new Uint8Array(world.oneOf([10_000, 100_000, 400_000]));
  const isHeedless = world.chance(0.2);
  const count = typeof content === 'string' ? 2_000 : 30;
  for (let sent = 0; sent < count; sent++) {
    if (!node.say(connection, content) && !isHeedless) await connection.drained();
  }
}

async function ask(_node: SoakNode, connection: NodeConnection, world: World): Promise<void> {
  const question = { numbers: Float64Array.of(1, 2, 3), text: 'x'.repeat(world.oneOf([1, 1_000, 100_000])) };
  const answer = (await connection.request(question, { timeoutMs: 10_000 })) as typeof question;
  const isSame = answer.text === question.text && answer.numbers.length === 3;
  world.ledger.check(isSame, () => 'an answer is not that to its question');
}

async function stream(_node: SoakNode, connection: NodeConnection, world: World): Promise<void> {
  const stream = await connection.openStream('a file', { timeoutMs: 10_000 });
  stream.closed.catch(() => {});
  const pieces = world.oneOf([1, 20, 100]);
  for (let sent = 0; sent < pieces; sent++) {
    if (!stream.write(new Uint8Array(20_000))) await stream.drained();
  }
  if (world.chance(0.2)) {
    stream.abort('the soak had enough');
    return;
  }
  stream.end();
  let answer = '';
  for await (const bytes of stream) answer += Buffer.from(bytes).toString();
  world.ledger.check(answer === String(20_000 * pieces), () => `of ${20_000 * pieces} bytes ${answer} came`);
}

/** What happens, and how often it is chosen. */
const acts: readonly (readonly [weight: number, act: Act])[] = [
  [20, connect],
  [8, onConnection((node, connection) => node.leave(connection))],
  [5, onConnection((node, connection) => node.cut(connection))],
  [15, onConnection((node, connection) => node.say(connection, 'hello'))],
  [10, onConnection(flood)],
  [15, onConnection(ask)],
  [8, onConnection(stream)],
  [5, onConnection((_node, connection) => connection.ping({ timeoutMs: 10_000 }))],
  [5, onConnection((node, _connection, world) => (node.slowMs = world.oneOf([0, 0, 0, 1, 5])))],
  [2, (world) => world.restart()],
];

/** Each as often as its weight says. */
const drawn = acts.flatMap(([weight, act]) => Array<Act>(weight).fill(act));

/** Does one thing; only what nobody expects is a violation. */
export async function actOnce(world: World): Promise<void> {
  const act = world.oneOf(drawn);
  try {
    await act(world);
  } catch (error) {
    if (error instanceof PeerloomError && expected.has(error.code)) return;
    world.ledger.violation(`${act.name || 'an act'} failed: ${(error as Error).stack}`);
  }
}
