// Runs the tests of which `npm test` runs a short share at their full length:
//   npm run test:long                all of them
//   npm run test:long -- crash       a vault's process killed 200 times while it writes, grants and revokes
//   npm run test:long -- property    150 random histories of five vaults against a model of who may read what
//   npm run test:long -- cuts        links of each kind cut at every byte of their handshakes
//   npm run test:long -- faults      a fault at each moment of a session, with either side as the lower id
//   npm run test:long -- handshakes  each fault at each piece of the handshakes of two nodes, with either as the lower id
//   npm run test:long -- dials       1,000 times two nodes that dial each other at once, over each transport
//   npm run test:long -- networks    5,000 small networks that dial, send, leave and restart at random, over links that break
//   npm run test:long -- packaging   every example on every runtime, every pair of runtimes, every bundler
//   npm run test:long -- planted     2,000 simulated networks that talk while links break
//   npm run test:long -- seeds       simulations of networks, with 10 seeds each
//   npm run test:long -- worlds      3,000 simulated worlds in which everything goes wrong that can (npm run simulate:long)
//   npm run test:long -- libp2p      every transport test over each way that libp2p() connects and encrypts
//   npm run test:long -- nats        nodes behind each pair of six kinds of routers, and the way that they find
//   npm run test:long -- relay-churn  half an hour in which relays, and nodes behind them, are killed
//   npm run test:long -- nat-churn  half an hour in which routers forget their mappings under sessions
//   npm run test:long -- races       three processes that create one identity file, each stopped at each of its steps
//   npm run test:long -- sockets     100 nodes in four processes over TLS, each of which is killed in turn
//   npm run test:long -- page-to-page  two pages behind more pairs of routers
//   npm run test:long -- pages       50 pages in Chromium on one node
//   npm run test:long -- page-streams  64 MiB each way between a page and a node
//   npm run test:long -- python      2,000 random conversations of the second implementation with Python nodes
import { spawnSync } from 'node:child_process';

const suites = {
  crash: { file: 'test/integration/secure/vault-crash.test.ts', variable: 'PEERLOOM_KILLS', count: 200 },
  property: { file: 'test/integration/secure/vault-property.test.ts', variable: 'PEERLOOM_RUNS', count: 150 },
  cuts: { file: 'test/integration/cut-links.test.ts', variable: 'PEERLOOM_CUT_AT_EVERY_BYTE', count: 1 },
  faults: {
    file: 'test/integration/durable/faults.test.ts',
    variable: 'PEERLOOM_FAULTS_ON_BOTH_SIDES',
    count: 1,
  },
  dials: { file: 'test/compliance/transport.test.ts', variable: 'PEERLOOM_DIALS_AT_ONCE', count: 1_000 },
  libp2p: { file: 'test/compliance/libp2p.test.ts', variable: 'PEERLOOM_LIBP2P', count: 1 },
  nats: { file: 'test/integration/nats.test.ts', variable: 'PEERLOOM_NATS', count: 1 },
  'relay-churn': {
    file: 'test/integration/libp2p/relay-churn.test.ts',
    variable: 'PEERLOOM_RELAY_CHURN',
    count: 1_800,
  },
  'nat-churn': { file: 'test/integration/nat-churn.test.ts', variable: 'PEERLOOM_NAT_CHURN', count: 1_800 },
  races: { file: 'test/unit/identity/identity-file-races.test.ts', variable: 'PEERLOOM_ALL_STEPS', count: 1 },
  handshakes: {
    file: 'test/simulation/handshake-faults.test.ts',
    variable: 'PEERLOOM_ALL_HANDSHAKE_FAULTS',
    count: 1,
  },
  packaging: { file: 'test/packaging/package.test.ts', variable: 'PEERLOOM_ALL_RUNTIMES', count: 1 },
  planted: { file: 'test/simulator/planted.test.ts', variable: 'PEERLOOM_PLANTED', count: 2_000 },
  seeds: {
    file: '{test/simulation/{broadcasts,history,neighbourhood},test/unit/overlay/membership/hyparview-networks}.test.ts',
    variable: 'PEERLOOM_SEEDS',
    count: 10,
  },
  worlds: { file: 'test/simulation/random-world.test.ts', variable: 'PEERLOOM_WORLDS', count: 3_000 },
  sockets: {
    file: 'test/integration/network-of-processes.test.ts',
    variable: 'PEERLOOM_SOCKET_NODES',
    count: 100,
  },
  'page-to-page': {
    file: 'test/browsers/behind-routers.test.ts',
    variable: 'PEERLOOM_PAGE_TO_PAGE',
    count: 1,
  },
  pages: { file: 'test/browsers/many-pages.ts', variable: 'PEERLOOM_PAGES', count: 50 },
  'page-streams': { file: 'test/browsers/web-socket.ts', variable: 'PEERLOOM_STREAM_MIB', count: 64 },
  python: {
    file: 'test/interop/python-package/compliance/talks.ts',
    variable: 'PEERLOOM_PYTHON_TALKS',
    count: 2_000,
  },
  networks: { file: 'test/simulation/random-network.test.ts', variable: 'PEERLOOM_NETWORKS', count: 5_000 },
};

const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(suites);
const unknown = chosen.find((name) => !Object.hasOwn(suites, name));
if (unknown !== undefined) {
  console.error(`There is no long test '${unknown}': ${Object.keys(suites).join(', ')}`);
  process.exit(2);
}
for (const name of chosen) {
  const { file, variable, count } = suites[name];
  const env = { ...process.env, [variable]: String(count) };
  const { status } = spawnSync(process.execPath, ['--test', file], { env, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
