/** A part of `src/`, and the tests that are to notice a defect in it. */
export interface Folder {
  /** Files of `src/` that belong to it, as glob patterns. */
  readonly sources: readonly string[];
  /** Test files, as glob patterns. Those that find most at the least cost come first. */
  readonly tests: readonly string[];
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

/** By the name that `npm run mutants` takes. Tests that wait for long, or need root, are left out. */
export const folders: Readonly<Record<string, Folder>> = {
  'src/base': {
    sources: ['src/base/*.ts'],
    tests: [
      'test/unit/base/*.test.ts',
      'test/unit/{channel,peers,secure}/*.test.ts',
      'test/unit/simulator/{virtual-runtime,timer-queue}.test.ts',
      nodes,
    ],
  },
  'src/identity': {
    sources: ['src/identity/*.ts'],
    tests: [
      'test/unit/identity/*.test.ts',
      'test/unit/secure/hpke.test.ts',
      'test/unit/overlay/{broadcast,batch-signature}.test.ts',
      'test/integration/{identity,network-key,signer,shared-identity}.test.ts',
    ],
  },
  'src/api': {
    sources: ['src/api/*.ts', 'src/index.ts'],
    tests: [
      'test/unit/api/*.test.ts',
      'test/integration/{protocols,typed-messages,streams,streams-conversions,listening,send,user-functions,metrics,explain,web-socket,moves,inspect}.test.ts',
      nodes,
    ],
  },
  'src/node': {
    sources: ['src/node/{*.ts,explain/*.ts,states/*.ts}'],
    tests: [
      'test/unit/node/*.test.ts',
      'test/unit/simulator/deliveries.test.ts',
      'test/integration/{broadcast,debug,explain,history,inspect,listening,metrics,neighbourhood,send,states,states-attacks,stop,user-functions,wait-for-nodes}.test.ts',
      'test/compliance/protocol/{broadcasts,python-nodes}.test.ts',
      nodes,
    ],
  },
  'src/node/recorder': {
    sources: ['src/node/recorder/*.ts'],
    tests: ['test/integration/recorder.test.ts'],
  },
  'src/peers': {
    sources: ['src/peers/*.ts'],
    tests: ['test/unit/peers/*.test.ts', 'test/compliance/protocol/{pairs,sessions}.test.ts', nodes],
  },
  'src/protocols': {
    sources: ['src/protocols/*.ts'],
    tests: [
      'test/unit/channel/protocol-frames.test.ts',
      'test/unit/overlay/overlay.test.ts',
      'test/integration/{protocols,broadcast,neighbourhood,debug,reconnect}.test.ts',
      'test/compliance/protocol/protocols.test.ts',
    ],
  },
  'src/discovery': {
    sources: ['src/discovery/*.ts'],
    tests: [
      'test/unit/discovery/*.test.ts',
      'test/simulation/discovery.test.ts',
      'test/compliance/protocol/finding.test.ts',
      'test/integration/{discovery,wait-for-nodes,neighbourhood,mdns}.test.ts',
    ],
  },
  'src/overlay': {
    sources: ['src/overlay/{*.ts,presence/*.ts,seen/*.ts}'],
    tests: [
      'test/unit/overlay/{*,presence/*,seen/*}.test.ts',
      'test/compliance/protocol/{broadcasts,neighbours}.test.ts',
      'test/integration/{broadcast,wait-for-nodes}.test.ts',
      'test/integration/attacks/broadcasts.test.ts',
      'test/simulation/{broadcasts,presence}.test.ts',
    ],
  },
  'src/overlay/history': {
    sources: ['src/overlay/history/**/*.ts'],
    tests: [
      'test/unit/overlay/history/**/*.test.ts',
      'test/compliance/protocol/histories.test.ts',
      'test/integration/history.test.ts',
      'test/integration/attacks/histories.test.ts',
      'test/simulation/history.test.ts',
    ],
  },
  'src/overlay/membership': {
    sources: ['src/overlay/membership/**/*.ts'],
    tests: [
      'test/unit/overlay/membership/**/*.test.ts',
      'test/compliance/protocol/neighbours.test.ts',
      'test/integration/neighbourhood.test.ts',
      'test/integration/attacks/membership.test.ts',
      'test/simulation/neighbourhood.test.ts',
    ],
  },
  'src/p2pnetwork': {
    sources: ['src/p2pnetwork/*.ts'],
    tests: [
      'test/unit/p2pnetwork/*.test.ts',
      'test/unit/peers/claimed-id.test.ts',
      'test/compliance/protocol/python-nodes.test.ts',
      'test/integration/attacks/{claimed-ids,python-peers}.test.ts',
    ],
  },
  'src/tensors': {
    sources: ['src/tensors/**/*.ts'],
    tests: ['test/unit/tensors/**/*.test.ts', 'test/unit/wire/cbor-tensors.test.ts'],
  },
  'src/simulator': {
    sources: ['src/simulator/**/*.ts'],
    tests: ['test/unit/simulator/**/*.test.ts', 'test/simulation/{disks,fast-mode,handshake-faults}.test.ts'],
  },
  'src/wire': {
    sources: ['src/wire/**/*.ts'],
    tests: [
      'test/unit/wire/**/*.test.ts',
      'test/unit/overlay/overlay-frames.test.ts',
      'test/compliance/protocol/{frames,payloads,windows}.test.ts',
    ],
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
      'test/compliance/protocol/web-sockets.test.ts',
      'test/integration/{connect-errors,network-key,listening,security-of-links,web-socket}.test.ts',
      'test/integration/attacks/{handshake-gate,strangers,relay,hello,web-sockets}.test.ts',
      transports,
    ],
  },
  'src/libp2p': {
    sources: ['src/libp2p/*.ts'],
    tests: [
      'test/unit/libp2p/*.test.ts',
      'test/compliance/libp2p.test.ts',
      'test/compliance/protocol/libp2p-links.test.ts',
      'test/integration/libp2p/{dht,relay,stop}.test.ts',
      'test/integration/attacks/libp2p.test.ts',
    ],
  },
  'src/secure': {
    sources: ['src/secure/*.ts'],
    tests: [
      'test/unit/secure/*.test.ts',
      'test/integration/secure/{secure-node,replays,lost-links,surveys,signer}.test.ts',
    ],
  },
  'src/secure/vault': {
    sources: ['src/secure/vault/*.ts'],
    tests: [
      'test/unit/secure/vault/*.test.ts',
      'test/unit/secure/{watchers,chunk-stream,errands,hpke}.test.ts',
      'test/integration/secure/vault{,-attacks,-replicas,-streams,-import,-other-files,-watch,-file}.test.ts',
    ],
  },
  'src/cli': {
    sources: ['src/cli/*.ts'],
    tests: ['test/integration/cli/{discovery,identity,outputs,ping,pipes,printing,prompt,relay,use}.test.ts'],
  },
  'src/cli/doctor': {
    sources: ['src/cli/doctor/*.ts'],
    tests: ['test/unit/cli/*.test.ts', 'test/integration/cli/doctor.test.ts'],
  },
  'src/cli/simulate': {
    sources: ['src/cli/simulate/*.ts'],
    tests: ['test/unit/cli/simulate/*.test.ts', 'test/integration/cli/simulate.test.ts'],
  },
  'src/cli/demo': {
    sources: ['src/cli/demo/*.ts'],
    tests: ['test/integration/demo.test.ts'],
  },
};
