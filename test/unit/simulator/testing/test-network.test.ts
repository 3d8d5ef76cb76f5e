import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type Data,
  Node,
  type NodeConnection,
  type NodeOptions,
  type Runtime,
} from '../../../../src/index.ts';
import { TestNetwork } from '../../../../src/simulator/testing/index.ts';
import '../../../support/look-over.ts';

class Listener extends Node {
  readonly heard: Data[] = [];

  override nodeMessage(_peer: NodeConnection, data: Data): void {
    this.heard.push(data);
  }

  override nodeRequest(_peer: NodeConnection, data: Data): Data {
    return [data, this.heard.length];
  }
}

/** Keeps the runtime that it is given, as nodes with timers of their own do. */
class Clockwork extends Node {
  readonly runtime: Runtime;

  constructor(host: string, port: number, options: NodeOptions = {}) {
    super(host, port, options);
    this.runtime = options.runtime!;
  }
}

const edges = ({ nodes }: TestNetwork): string[] =>
  nodes
    .flatMap((node, index) =>
      node.allNodes.map(({ id }) => [index, nodes.findIndex((other) => other.id === id)].sort().join('-')),
    )
    .sort()
    .filter((edge, index, all) => edge !== all[index - 1]);

suite('TestNetwork', () => {
  test('hands out nodes that are connected, and lets messages arrive', async () => {
    await using network = await TestNetwork.of(5, Listener);
    const [first, ...others] = network.nodes;
    assert.equal(first!.allNodes.length, 4);
    first!.sendToNodes('hello');
    assert.deepEqual(others[3]!.heard, []);
    await network.settle();
    for (const { heard } of others) assert.deepEqual(heard, ['hello']);
  });

  for (const [topology, expected] of Object.entries({
    mesh: ['0-1', '0-2', '0-3', '1-2', '1-3', '2-3'],
    line: ['0-1', '1-2', '2-3'],
    ring: ['0-1', '0-3', '1-2', '2-3'],
    star: ['0-1', '0-2', '0-3'],
    none: [],
  })) {
    test(`connects nodes as a ${topology}`, async () => {
      await using network = await TestNetwork.of(4, Node, { topology: topology as 'mesh' });
      assert.deepEqual(edges(network), expected);
    });
  }

  test('is small where there are few nodes', async () => {
    for (const count of [0, 1, 2]) {
      for (const topology of ['mesh', 'line', 'ring', 'star', 'none'] as const) {
        await using network = await TestNetwork.of(count, Node, { topology });
        assert.equal(edges(network).length, count === 2 && topology !== 'none' ? 1 : 0);
      }
    }
  });

  test('waits for promises and for conditions, without sleeping', async () => {
    await using network = await TestNetwork.of(2, Listener);
    const [one, other] = network.nodes;
    const answer = await network.until(one!.allNodes[0]!.request('how many?'));
    assert.deepEqual(answer, ['how many?', 0]);
    other!.sendToNodes('a');
    await network.until(() => one!.heard.length === 1);
    await assert.rejects(
      network.until(() => one!.heard.length === 2, { seconds: 5 }),
      /until/,
    );
    await assert.rejects(network.until(one!.connectWithNode('nowhere', 1)), { code: 'ERR_HOST_NOT_FOUND' });
    await assert.rejects(network.until(new Promise(() => {}), 100), { code: 'ERR_TIMEOUT' });
  });

  test('makes nodes by a function, with options for all of them', async () => {
    const names: string[] = [];
    await using network = await TestNetwork.of(
      3,
      ({ index, host, port, options }) => {
        names.push(`${index} ${options.network}`);
        return new Listener(host, port, { ...options, name: `member ${index}` });
      },
      { options: { network: 'town' }, seed: 3 },
    );
    assert.deepEqual(names, ['0 town', '1 town', '2 town']);
    assert.equal(network.nodes[1]!.allNodes.find(({ name }) => name === 'member 2')?.isOpen, true);
  });

  test('is the same for the same seed', async () => {
    const digestOf = async (seed: number): Promise<string> => {
      await using network = await TestNetwork.of(3, Listener, { seed, latencyMs: { from: 1, to: 100 } });
      network.nodes[0]!.sendToNodes('hello');
      await network.settle();
      return network.world.digest;
    };
    assert.equal(await digestOf(1), await digestOf(1));
    assert.notEqual(await digestOf(1), await digestOf(2));
  });

  test('comes back to rest after faults, with sessions that are made again', async () => {
    await using network = await TestNetwork.of(2, Listener, { connect: { reconnect: true } });
    const [one, other] = network.nodes;
    network.world.cut([one!]);
    one!.sendToNodes('is anybody there?');
    await network.settle();
    assert.deepEqual(other!.heard, ['is anybody there?']);
  });

  test('says which timers keep it from settling', async () => {
    const network = await TestNetwork.of(2, Clockwork);
    const { runtime } = network.nodes[1]!;
    let isStopped = false;
    function tickTock(): void {
      if (!isStopped) runtime.setTimeout(tickTock, 1_000);
    }
    tickTock();
    await assert.rejects(network.settle({ minutes: 1 }), ({ message }: Error) => {
      assert.match(
        message,
        /^the network has not settled in 60 s of virtual time:\n {2}a timer of node 1, due at \d+/,
      );
      assert.match(message, /set in tickTock \(.*test-network\.test\.ts:\d+:\d+\)$/);
      return true;
    });
    isStopped = true;
    await network.settle();
    await network.stop();
  });

  test('says why a test waits for ever', async (t) => {
    const printed: string[] = [];
    t.mock.method(console, 'error', (...text: unknown[]) => printed.push(text.join(' ')));
    t.mock.timers.enable({ apis: ['setTimeout'] });
    await using network = await TestNetwork.of(2, Listener);
    t.mock.timers.tick(2_000);
    assert.deepEqual(printed, []);
    await network.settle();
    const answer = network.nodes[0]!.allNodes[0]!.request('how many?');
    t.mock.timers.tick(2_000);
    assert.match(printed.join(), /whose time stands still: let it arrive with/);
    assert.deepEqual(await network.until(answer), ['how many?', 0]);
  });

  suite('at its end fails where something is left:', () => {
    test('a timer', async () => {
      const network = await TestNetwork.of(2, Clockwork);
      const { runtime } = network.nodes[1]!;
      runtime.setTimeout(() => {}, 5_000);
      runtime.setTimeout(() => {}, 5_000).cancel();
      const message =
        /^the nodes have stopped, but timers of theirs are left:\n {2}a timer of node 1, due at 5\d+ ms, set in [^\n]+$/;
      await assert.rejects(network.stop(), { message });
    });

    test('a node that cannot stop', async () => {
      class Stubborn extends Node {
        override nodeRequestToStop(): Promise<void> {
          return new Promise(() => {});
        }
      }
      const network = await TestNetwork.of(2, Stubborn);
      await assert.rejects(
        network.stop(),
        /^Error: node 0, node 1 cannot stop: does its handler of node_request_to_stop/,
      );
    });

    test('a timer of the system, which the seed does not decide', async () => {
      class Hasty extends Node {
        override nodeMessage(): void {
          setTimeout(() => {}, 1_000);
        }
      }
      await using network = await TestNetwork.of(2, Hasty);
      network.nodes[0]!.sendToNodes('x');
      await assert.rejects(network.settle(), /setTimeout\(\) is not decided by the seed/);
    });

    test('a handler that failed, unless the node handles node_error', async () => {
      class Weak extends Node {
        override nodeMessage(): void {
          throw new Error('too much');
        }
      }
      {
        await using network = await TestNetwork.of(2, Weak);
        network.nodes[0]!.sendToNodes('x');
        await assert.rejects(network.settle(), /node 1: its handler of node_message failed.*: too much/);
      }
      {
        class Sulky extends Node {
          override nodeRequestToStop(): void {
            throw new Error('not now');
          }
        }
        const network = await TestNetwork.of(1, Sulky);
        await assert.rejects(network.stop(), /node 0: its handler of node_request_to_stop failed.*: not now/);
      }

      const errors: unknown[] = [];
      await using handling = await TestNetwork.of(2, Weak);
      handling.nodes[1]!.on('node_error', (error) => errors.push(error));
      handling.nodes[0]!.sendToNodes('x');
      await handling.settle();
      assert.equal(errors.length, 1);
    });

    test('but not what crashed, was cut off or stands still', async () => {
      await using network = await TestNetwork.of(2, Clockwork);
      network.nodes[1]!.runtime.setTimeout(() => {}, 5_000);
      network.world.crash([network.nodes[1]!]);
      await network.settle();
      assert.equal(network.nodes[0]!.allNodes.length, 0);

      await using broken = await TestNetwork.of(3, Clockwork);
      broken.world.pause([broken.nodes[0]!]);
      broken.world.blackHole([broken.nodes[1]!]);
    });
  });

  test('can be stopped twice', async () => {
    const network = await TestNetwork.of(2, Node);
    await network.stop();
    await network.stop();
    await network[Symbol.asyncDispose]();
  });

  test('refuses what it cannot make', async () => {
    await assert.rejects(TestNetwork.of(-1, Node), RangeError);
    await assert.rejects(TestNetwork.of(2, 'Node' as never), TypeError);
    await assert.rejects(
      TestNetwork.of(2, Node, { topology: 'cube' as never }),
      /topology must be one of mesh, line/,
    );
    await assert.rejects(
      TestNetwork.of(2, Node, { topologie: 'line' } as never),
      /topologie is not an option; did you mean 'topology'\?/,
    );
    await assert.rejects(
      TestNetwork.of(2, Node, { options: { authorize: () => false } }),
      /^Error: node 0 cannot connect with node 1|^Error: node 1 cannot connect with node 0/,
    );
  });
});
