import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { preload, run, startNode } from './program.ts';

const packageFile = new URL('../../../package.json', import.meta.url);

test('peerloom alone, and --help, tell what there is', async (t) => {
  const [alone, asked] = await Promise.all([run(t, []), run(t, ['--help'])]);
  assert.equal(alone.code, 0);
  assert.equal(alone.stderr, '');
  assert.match(alone.stdout, /^Usage: peerloom /);
  assert.match(alone.stdout, /\n {2}node /);
  assert.match(alone.stdout, /\n {2}demo /);
  assert.deepEqual(asked, alone);
});

test('peerloom node --help tells of every option, shows examples, and gives the exit codes', async (t) => {
  const { code, stdout } = await run(t, ['node', '--help']);
  assert.equal(code, 0);
  const options =
    'host port connect reconnect presence name identity passphrase-env network network-key stay json debug';
  for (const option of options.split(' ')) assert.match(stdout, new RegExp(`\\n {2}--${option}\\b`));
  assert.match(stdout, /\n {4}peerloom node --port 10002 --name ben --connect 127\.0\.0\.1:10001\n/);
  assert.match(stdout, /Exit codes:\n {2}0 .*\n {2}1 [\s\S]*\n {2}2 /);
});

test('peerloom --version is the version of the package', async (t) => {
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8'));
  assert.deepEqual(await run(t, ['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
});

test('an old Node.js is told which one is needed', async (t) => {
  const env = preload("Object.defineProperty(process, 'versions', { value: { node: '20.11.1' } });");
  const { code, stdout, stderr } = await run(t, ['--version'], env);
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
  assert.match(
    stderr,
    /^peerloom: Node\.js 22\.18 or newer is needed, this is 20\.11\.1; .*npm install.*\n$/,
  );
});

suite('wrong use gets one line and exit code 2', () => {
  const cases: readonly (readonly [args: readonly string[], complaint: RegExp])[] = [
    [['--foo'], /unknown option '--foo'; see peerloom --help$/m],
    [['foo'], /unknown command 'foo'; see peerloom --help$/m],
    [['demo', 'foo'], /too many arguments for 'demo'.*; see peerloom demo --help$/m],
    [['node', '--prot', '1'], /option '--prot' \(Did you mean --port\?\); see peerloom node --help$/m],
    [['node', '--name'], /'--name <name>' argument missing; see peerloom node --help$/m],
    [['keys', 'new'], /missing required argument 'file'; see peerloom keys new --help$/m],
    [['node', '--name', 'x'.repeat(65)], /name must be at most 64 characters/],
    [
      ['node', '--port', '70000'],
      /'70000' is invalid\. It must be a whole number from 0 to 65535; see peerloom node --help$/m,
    ],
    [['node', '--port', '1e3'], /'1e3' is invalid/],
    [['node', '--host', 'a/b'], /host must be a name or an IP address .*'a\/b'/],
    [['node', '--connect', 'somewhere'], /'somewhere' cannot be used: it has no port/],
    [
      ['node', '--connect', 'tcp://127.0.0.1:1'],
      /tcp:\/\/ is plain TCP, and the command line speaks only TLS: leave tcp:\/\/ out, or write tls:\/\/; see/,
    ],
    [['node', '--connect', 'pigeon://a:1'], /no transport of this node dials pigeon:\/\//],
    [['node', '--passphrase-env', 'HOME'], /--passphrase-env needs --identity/],
    [['node', '--identity', 'a.pem', '--passphrase-env', 'PEERLOOM_UNSET'], /variable PEERLOOM_UNSET/],
  ];
  for (const [args, complaint] of cases) {
    test(args.join(' ').slice(0, 60), async (t) => {
      const { code, stderr } = await run(t, args);
      assert.match(stderr, /^peerloom: .*\n$/);
      assert.match(stderr, complaint);
      assert.equal(code, 2);
    });
  }
});

suite('what fails while running gets one line and exit code 1', () => {
  test('a port in use', async (t) => {
    const { address } = await startNode(t);
    const [host, port] = address.split(':');
    const { code, stdout, stderr } = await run(t, ['node', '--host', host!, '--port', port!]);
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
    assert.match(stderr, new RegExp(`^peerloom: ${address} is in use: choose another port.*\n$`));
  });

  test('a refused connection', async (t) => {
    const { code, stderr } = await run(t, ['node', '--connect', '127.0.0.1:1']);
    assert.equal(code, 1);
    assert.match(stderr, /^peerloom: nothing listens at 127\.0\.0\.1:1: start that node first.*\n$/);
  });

  test('a host that does not resolve', async (t) => {
    const { code, stderr } = await run(t, ['node', '--connect', 'no-such-host.invalid:10001']);
    assert.equal(code, 1);
    assert.match(stderr, /^peerloom: the host of no-such-host\.invalid:10001 does not resolve.*\n$/);
  });

  test('another network', async (t) => {
    const { address } = await startNode(t, ['--network', 'one']);
    const { code, stderr } = await run(t, ['node', '--network', 'two', '--connect', address]);
    assert.equal(code, 1);
    const networks =
      "the node that dials belongs to the network 'two', the one that it dials to the network 'one'";
    const refusal = `refused by ${address}: give both nodes the same network: ${networks}`;
    assert.equal(stderr, `peerloom: ${refusal}\n`);
  });

  test('one that holds another network key', async (t) => {
    const { address } = await startNode(t, ['--network-key', 'one']);
    const { code, stderr } = await run(t, ['node', '--connect', address], { PEERLOOM_NETWORK_KEY: 'two' });
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(
        `^peerloom: ${address}: the two sides do not hold .*give both nodes the same --network-key.*\n$`,
      ),
    );
  });
});
