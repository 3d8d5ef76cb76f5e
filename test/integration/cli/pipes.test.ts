import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startNodes } from '../../support/start-nodes.ts';
import { Program, startNode } from './program.ts';

test('two nodes talk through pipes', async (t) => {
  const ada = await startNode(t, ['--name', 'ada']);
  const ben = await startNode(t, ['--name', 'ben', '--connect', ada.address]);
  const port = Number(ben.address.split(':')[1]);
  const benAtAda = { id: ben.id, name: 'ben', host: '127.0.0.1', port, direction: 'inbound' };
  const connected = await ada.program.event('inbound_node_connected');
  assert.deepEqual(connected, { event: 'inbound_node_connected', peer: benAtAda });

  ada.program.type('Hello ben, ça va?\n');
  const heard = await ben.program.event('node_message');
  assert.equal(heard.data, 'Hello ben, ça va?');
  assert.deepEqual(heard.peer, {
    id: ada.id,
    name: 'ada',
    host: '127.0.0.1',
    port: Number(ada.address.split(':')[1]),
    direction: 'outbound',
  });

  ben.program.endInput('one\n\nthe last has no end');
  assert.equal((await ben.program.ended).code, 0);
  await ada.program.event('inbound_node_disconnected');
  const toAda = ada.program.events.filter(({ event }) => event === 'node_message');
  assert.deepEqual(
    toAda.map(({ data }) => data),
    ['one', '', 'the last has no end'],
  );
  const gone = await ada.program.event('inbound_node_disconnected');
  const reason = { code: 'stopped', message: 'the node stopped', by: 'them' };
  assert.deepEqual(gone, { event: 'inbound_node_disconnected', peer: benAtAda, reason });

  ada.program.endInput();
  assert.deepEqual(await ada.program.ended.then(({ code, stderr }) => ({ code, stderr })), {
    code: 0,
    stderr: '',
  });
  assert.equal(ada.program.events.at(-1)!.event, 'node_request_to_stop');
});

test('lines wait for the first who connects, also past the end of the input', async (t) => {
  const early = await startNode(t);
  early.program.endInput('one\ntwo\n');
  await early.program.complains(/^peerloom: no peer is connected: the lines wait until one connects\n/);
  const [node] = await startNodes(t, 1);
  await node.connectWithNode(early.address);
  const { code, stderr } = await early.program.ended;
  assert.equal(code, 0);
  assert.equal(stderr.trimEnd().split('\n').length, 1);
  assert.deepEqual(node.messages, ['one', 'two']);
});

test('many lines arrive, all of them and in order, before the node leaves', async (t) => {
  const [node] = await startNodes(t, 1);
  const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}`);
  const program = new Program(t, ['node', '--connect', `127.0.0.1:${node.port}`]);
  program.endInput(lines.join('\n'));
  assert.equal((await program.ended).code, 0);
  assert.deepEqual(node.messages, lines);
});

test('a node leaves only when its lines are handled', async (t) => {
  const [node] = await startNodes(t, 1);
  const gate = Promise.withResolvers<void>();
  node.on('node_message', () => gate.promise);
  const program = new Program(t, ['node', '--connect', `127.0.0.1:${node.port}`]);
  program.endInput('important\n');
  await node.event('node_message');
  for (let round = 0; round < 20; round += 1) await node.allNodes[0]!.ping();
  assert.ok(program.isRunning);
  gate.resolve();
  assert.equal((await program.ended).code, 0);
});

test('a line that nobody confirms is told, and makes the exit code 1', async (t) => {
  const [node] = await startNodes(t, 1);
  node.on('node_message', () => {
    throw new Error('not today');
  });
  const program = new Program(t, ['node', '--connect', `127.0.0.1:${node.port}`]);
  program.endInput('one\ntwo\n');
  const { code, stderr } = await program.ended;
  assert.equal(code, 1);
  assert.match(stderr, /^peerloom: a did not confirm every line: a handler of the other side failed\n$/);
});

test('a node that was told to connect does not wait for others when all are gone', async (t) => {
  const [node] = await startNodes(t, 1);
  const program = new Program(t, ['node', '--json', '--connect', `127.0.0.1:${node.port}`]);
  await program.event('outbound_node_connected');
  await node.stop();
  await program.event('outbound_node_disconnected');
  program.type('too late\n');
  const { code, stderr } = await program.ended;
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^peerloom: all peers have left, so the rest of the input was not sent; use --reconnect to wait for them\n$/,
  );
});

test('--reconnect keeps trying a node that is not up yet', async (t) => {
  const [earlier] = await startNodes(t, 1);
  const { port } = earlier;
  await earlier.stop();
  const program = new Program(t, ['node', '--json', '--reconnect', '--connect', `127.0.0.1:${port}`]);
  await program.event('node_reconnection_error');
  const { id } = await startNode(t, ['--port', String(port)]);
  assert.equal(((await program.event('outbound_node_connected')).peer as { id: string }).id, id);
});

test('--reconnect waits until the other is there again', async (t) => {
  const [first] = await startNodes(t, 1);
  const { port } = first;
  const program = new Program(t, ['node', '--json', '--reconnect', '--connect', `127.0.0.1:${port}`]);
  await program.event('outbound_node_connected');
  await first.stop();
  await program.event('outbound_node_disconnected');
  program.endInput('at last\n');
  await program.complains(/no peer is connected/);
  const [second] = await startNodes(t, 1, { port });
  assert.equal((await program.ended).code, 0);
  assert.deepEqual(second.messages, ['at last']);
});

test('--stay goes on after the end of the input; a signal ends it in order', async (t) => {
  const { program, address } = await startNode(t, ['--stay']);
  program.endInput();
  const [node] = await startNodes(t, 1);
  const connection = await node.connectWithNode(address);
  await connection.deliver('are you there?');
  program.signal('SIGTERM');
  const { code, stderr } = await program.ended;
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  await node.event('outbound_node_disconnected');
  assert.equal(connection.closeReason!.code, 'stopped');
});

test('without any input the node runs until a signal, and says so', async (t) => {
  const program = new Program(t, ['node', '--json'], {}, { input: 'ignore' });
  await program.complains(/^peerloom: there is no input, so the node runs until SIGTERM or Ctrl-C\n/);
  const { host, port } = await program.event('listening');
  const [node] = await startNodes(t, 1);
  const connection = await node.connectWithNode(String(host), Number(port));
  await connection.deliver('are you there?');
  program.signal('SIGTERM');
  assert.equal((await program.ended).code, 0);
  await node.event('outbound_node_disconnected');
  assert.equal(connection.closeReason!.code, 'stopped');
});

test('an empty input is named as the reason to leave', async (t) => {
  const { program } = await startNode(t);
  program.endInput();
  const { code, stderr } = await program.ended;
  assert.equal(code, 0);
  assert.equal(stderr, 'peerloom: the input was empty, so the node stops; use --stay to keep it running\n');
});

test('an output that nobody reads any more ends the node without a word', async (t) => {
  const { program, address } = await startNode(t);
  program.closeOutput();
  const [node] = await startNodes(t, 1);
  // Its event has nowhere to go.
  await node.connectWithNode(address).catch(() => {});
  assert.equal((await program.ended).stderr, '');
});
