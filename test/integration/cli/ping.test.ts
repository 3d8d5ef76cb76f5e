// First: the loggers of libp2p open the standard streams, which no test has left behind then.
import '../../support/libp2p-engines.ts';
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity } from '../../../src/index.ts';
import { internet, libp2p, libp2pDht, relay } from '../../../src/libp2p/index.ts';
import { makeNode } from '../../support/start-nodes.ts';
import { Program, run, startNode } from './program.ts';

suite('peerloom ping', () => {
  test('prints a line for each round trip, with its way, and figures at the end', async (t) => {
    const { address, id } = await startNode(t, ['--name', 'ada']);
    const { code, stdout, stderr } = await run(t, ['ping', '--count', '3', '--every', '0.01', address]);
    assert.deepEqual([code, stderr], [0, '']);
    const lines = stdout.split('\n');
    assert.equal(lines[0], `PING ${id} (ada)`);
    for (const nth of [1, 2, 3])
      assert.match(lines[nth]!, new RegExp(`^${nth}: [\\d.]+ ms, direct, tls to ${address}`));
    const times = [1, 2, 3].map((nth) => Number(/ ([\d.]+) ms/.exec(lines[nth]!)![1]));
    const figures =
      /^ada: 3 sent, 3 answered; least ([\d.]+), median ([\d.]+), mean ([\d.]+), most ([\d.]+) ms$/;
    const found = figures.exec(lines[4]!)!.slice(1).map(Number);
    const [least, median, most] = times.toSorted((one, other) => one - other) as [number, number, number];
    const mean = (least + median + most) / 3;
    for (const [index, expected] of [least, median, mean, most].entries()) {
      assert.ok(Math.abs(found[index]! - expected) < 0.1, `${found} of ${times}`);
    }
  });

  test('ends at Ctrl-C with the figures', async (t) => {
    const { address } = await startNode(t, ['--name', 'ada']);
    const program = new Program(t, ['ping', address]);
    await program.prints(/^1: /m);
    program.signal('SIGINT');
    const { code, stdout } = await program.ended;
    assert.equal(code, 0);
    assert.match(stdout, /\nada: \d+ sent, \d+ answered; least/);
  });

  test('finds a node by its id', async (t) => {
    const { program, address, id } = await startNode(t, ['--name', 'ada']);
    const far = await startNode(t, ['--name', 'far', '--connect', address]);
    await program.event('inbound_node_connected');
    const args = ['ping', far.id, '--count', '1', '--bootstrap', address];
    const { code, stdout } = await run(t, args);
    assert.equal(code, 0, stdout);
    assert.match(stdout, new RegExp(`^PING ${far.id} \\(far\\)\n1: `));
    assert.notEqual(id, far.id);
  });

  test('goes through a relay, and says whether the way became direct', async (t) => {
    const transport = libp2p(relay());
    const dht = libp2pDht(transport, { scope: 'local', seeksNetwork: false });
    const carrier = makeNode(t, { options: { transports: [transport], discovery: [dht] } });
    await carrier.start();
    const [address] = carrier.addresses;
    const behind = libp2p(internet({ listen: [], relays: [address!] }));
    const own = libp2pDht(behind, { scope: 'local', seeksNetwork: false });
    const node = makeNode(t, { options: { name: 'ada', transports: [behind], discovery: [own] } });
    await node.start();
    const once = ['--every', '0.01', '--until-direct'];
    const direct = await run(t, ['ping', ...once, address!]);
    assert.deepEqual([direct.code, direct.stderr], [0, '']);
    assert.match(direct.stdout, /\n1: [\d.]+ ms, direct, libp2p to 127\.0\.0\.1:\d+\n.* 1 sent, 1 answered/);
    const byId = ['ping', ...once, '--count', '2', '--dht', 'local', '--relay', address!, '--', node.id];
    const relayed = await run(t, byId);
    assert.equal(relayed.code, 1, relayed.stdout + relayed.stderr);
    assert.match(relayed.stdout, new RegExp(`\n2: [\\d.]+ ms, relayed by ${carrier.id}, libp2p\n`));
    const gone = await run(t, ['ping', `${address}/p2p-circuit/p2p/${Identity.generate().id}`]);
    assert.equal(gone.code, 1);
    assert.match(
      gone.stderr,
      /^peerloom: .* refused: the node behind it is not there, .* \(NO_RESERVATION\)\n$/,
    );
    const wrong = await run(t, ['ping', '/nonsense']);
    assert.equal(wrong.code, 2);
  });

  test('fails with one line when nobody is there, or leaves', async (t) => {
    const { code, stderr } = await run(t, ['ping', '127.0.0.1:1']);
    assert.equal(code, 1);
    assert.match(stderr, /^peerloom: nothing listens at 127\.0\.0\.1:1: .*\n$/);
    const wrong = await run(t, ['ping', 'nonsense']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /it has no port/);
    const { program, address } = await startNode(t);
    const pinging = new Program(t, ['ping', '--count', '0', '--every', '0.05', address]);
    await pinging.prints(/^1: /m);
    program.signal('SIGTERM');
    assert.equal((await pinging.ended).code, 1);
  });
});

test('peerloom node --presence prints who joins and leaves', async (t) => {
  const { address, id } = await startNode(t, ['--presence']);
  const text = new Program(t, ['node', '--presence', '--connect', address]);
  await text.prints(new RegExp(`^joined: ${id}$`, 'm'));
  const { program, id: third } = await startNode(t, ['--presence', '--connect', address]);
  await text.prints(new RegExp(`^joined: ${third}$`, 'm'));
  assert.equal((await program.event('node_joined')).event, 'node_joined');
  program.signal('SIGTERM');
  await text.prints(new RegExp(`^left: ${third} \\(it stopped\\)$`, 'm'));
});
