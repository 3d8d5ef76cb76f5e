/** A part of `src/`, and the tests that are to notice a defect in it. */
export interface Folder {
  /** Files of `src/` that belong to it, as glob patterns. */
  readonly sources: readonly string[];
  /** Test files, as glob patterns. Those that find most at the least cost come first. */
  readonly tests: readonly string[];
  /** The sources run in processes that the tests start, where coverage is not recorded: every test runs each time. */
  readonly runsInChildProcesses?: boolean;
}

const protocol =
  'test/compliance/protocol/{frames,links,pairs,payloads,signatures,streams,windows,handshake,questions,sessions}.test.ts';
const transports = 'test/compliance/transport.test.ts';

/** Whole nodes: those files that take a second or two. */
const nodes = `test/integration/{${[
  'handlers',
  'async-handlers',
  'asking-in-handlers',
  'questions',
  'request-from-nodes',
  'own-connection',
  'replaced-connection',
  'connected-again',
  'reconnect',
  'retry',
  'failed-start',
  'connect-errors',
  'inbound-failures',
  'own-transport',
  'liveness',
].join()}}.test.ts`;

/** By the name that `npm run mutants` takes. Tests that start many processes, or wait for long, are left out. */
export const folders: Readonly<Record<string, Folder>> = {
  'src/base': {
    sources: ['src/base/*.ts'],
    tests: ['test/unit/base/*.test.ts', 'test/unit/channel/**/*.test.ts', nodes],
  },
  'src/identity': {
    sources: ['src/identity/*.ts'],
    tests: [
      'test/unit/identity/*.test.ts',
      'test/integration/identity.test.ts',
      'test/integration/network-key.test.ts',
      'test/integration/signer.test.ts',
    ],
  },
  'src/api': {
    sources: ['src/api/*.ts'],
    tests: ['test/unit/api/*.test.ts', 'test/integration/{protocols,typed-messages,streams}.test.ts', nodes],
  },
  'src/node': {
    sources: ['src/node/*.ts'],
    tests: [
      'test/unit/node/*.test.ts',
      'test/integration/{broadcast,debug,history,inspect,metrics,neighbourhood,send,wait-for-nodes}.test.ts',
      nodes,
    ],
  },
  'src/peers': {
    sources: ['src/peers/*.ts'],
    tests: ['test/unit/peers/*.test.ts', 'test/compliance/protocol/{pairs,sessions}.test.ts', nodes],
  },
  'src/p2pnetwork': {
    sources: ['src/p2pnetwork/*.ts'],
    tests: ['test/unit/p2pnetwork/*.test.ts', 'test/compliance/protocol/python-nodes.test.ts'],
  },
  'src/wire': {
    sources: ['src/wire/**/*.ts'],
    tests: ['test/unit/wire/**/*.test.ts', 'test/compliance/protocol/{frames,payloads,windows}.test.ts'],
  },
  'src/channel': {
    sources: ['src/channel/**/*.ts'],
    tests: ['test/unit/channel/**/*.test.ts', protocol, nodes],
  },
  'src/transport': {
    sources: ['src/transport/**/*.ts'],
    tests: [
      'test/unit/transport/**/*.test.ts',
      protocol,
      'test/integration/connect-errors.test.ts',
      'test/integration/network-key.test.ts',
      'test/integration/attacks/{handshake-gate,strangers,relay,hello}.test.ts',
      transports,
    ],
  },
  'src/secure': {
    sources: ['src/secure/*.ts'],
    tests: [
      'test/unit/secure/*.test.ts',
      'test/integration/secure/{secure-node,replays,lost-links,surveys}.test.ts',
    ],
  },
  'src/secure/vault': {
    sources: ['src/secure/vault/*.ts'],
    tests: [
      'test/unit/secure/vault/*.test.ts',
      'test/unit/secure/{watchers,chunk-stream,errands,hpke}.test.ts',
      'test/integration/secure/vault{,-attacks,-replicas,-streams,-import,-other-files}.test.ts',
    ],
  },
  'src/cli': {
    sources: ['src/cli/**/*.ts'],
    tests: ['test/integration/cli/*.test.ts', 'test/integration/demo.test.ts'],
    runsInChildProcesses: true,
  },
};
