// A test that leaves something behind, to see that this is found: node leaking-test.ts 'a timer'
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { unlessAborted } from '../../../src/base/unless-aborted.ts';
import type { NodeConnection } from '../../../src/index.ts';
import { Fixture } from '../fixture.ts';
import { RecordingNode } from '../recording-node.ts';

/** Much longer than is waited for it to be gone. */
const leakMs = 60_000;

const peer = { direction: 'inbound' } as NodeConnection;

const leaks: Record<string, (fixture: Fixture) => void | Promise<void>> = {
  nothing() {},
  'a timer': () => void setTimeout(() => {}, leakMs),
  'a server': async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    setTimeout(() => server.close(), leakMs).unref();
  },
  'a rejection': () => void Promise.reject(new Error('nobody looks')),
  'a listener of the process': () => void process.on('SIGHUP', () => {}),
  'a listener too many': () => {
    const emitter = new EventEmitter();
    for (let count = 0; count <= EventEmitter.defaultMaxListeners; count++) emitter.on('event', () => {});
  },
  'a listener of a signal': () => {
    const lasting = new AbortController();
    void unlessAborted(new Promise(() => {}), lasting.signal);
    setTimeout(() => lasting.abort(), leakMs).unref();
  },
  'a connection without its end': (fixture) => {
    const node = new RecordingNode('127.0.0.1', 0);
    node.events.push({ name: 'inbound_node_connected', peer, data: undefined });
    fixture.addNode(node);
  },
  'an end without its connection': (fixture) => {
    const node = new RecordingNode('127.0.0.1', 0);
    node.events.push({ name: 'inbound_node_disconnected', peer, data: undefined });
    fixture.addNode(node);
  },
};

const [leak, hasFixture] = process.argv.slice(2);
test('a test', (t) => leaks[leak!]!(hasFixture === 'false' ? (undefined as never) : Fixture.of(t)));
