/** A part of `src/`, and the tests that are to notice a defect in it. */
export interface Folder {
  /** Files of `src/` that belong to it, as glob patterns. */
  readonly sources: readonly string[];
  /** Test files, as glob patterns. Those that find most at the least cost come first. */
  readonly tests: readonly string[];
  /** The sources run in processes that the tests start, where coverage is not recorded: every test runs each time. */
  readonly runsInChildProcesses?: boolean;
}

const protocol = 'test/compliance/protocol/*.test.ts';
const transports = 'test/compliance/transport.test.ts';
const nodes = 'test/integration/*.test.ts';

/** By the name that `npm run mutants` takes. */
export const folders: Readonly<Record<string, Folder>> = {
  src: {
    sources: ['src/*.ts'],
    tests: ['test/unit/*.test.ts', 'test/unit/channel/*.test.ts', transports, nodes],
  },
  'src/wire': {
    sources: ['src/wire/**/*.ts'],
    tests: ['test/unit/wire/**/*.test.ts', 'test/unit/channel/*.test.ts', protocol],
  },
  'src/channel': {
    sources: ['src/channel/**/*.ts'],
    tests: [
      'test/unit/channel/*.test.ts',
      protocol,
      'test/integration/streams*.test.ts',
      'test/integration/durable/*.test.ts',
    ],
  },
  'src/transport': {
    sources: ['src/transport/**/*.ts'],
    tests: [
      'test/unit/transport/**/*.test.ts',
      transports,
      protocol,
      'test/integration/connect-errors.test.ts',
      'test/integration/network-key.test.ts',
      'test/integration/attacks/{handshake-gate,strangers,relay,hello}.test.ts',
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
    tests: ['test/unit/secure/**/*.test.ts', 'test/integration/secure/vault*.test.ts'],
  },
  'src/cli': {
    sources: ['src/cli/**/*.ts'],
    tests: ['test/integration/cli/*.test.ts', 'test/integration/demo.test.ts'],
    runsInChildProcesses: true,
  },
};
