// First: the loggers of libp2p open the standard streams, which no test has left behind then.
import '../../support/libp2p-engines.ts';
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { Identity } from '../../../src/index.ts';
import { internet, libp2p, relay } from '../../../src/libp2p/index.ts';
import { Fixture } from '../../support/fixture.ts';
import { makeNode } from '../../support/start-nodes.ts';
import { run, startNode } from './program.ts';

interface Finding {
  readonly is: 'ok' | 'note' | 'wrong';
  readonly about: string;
  readonly text: string;
  readonly advice?: string;
}

async function doctor(t: TestContext, ...args: readonly string[]) {
  const { code, stdout, stderr } = await run(t, ['doctor', '--host', '127.0.0.1', '--json', ...args]);
  assert.equal(stderr, '');
  const findings = stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Finding);
  const of = (about: string): Finding => {
    const found = findings.find((each) => each.about === about);
    assert.ok(found, `a finding about ${about} in\n${stdout}`);
    return found;
  };
  return { code, findings, of };
}

suite('peerloom doctor', () => {
  test('says what is true of the machine, in text too', async (t) => {
    const { code, of } = await doctor(t);
    assert.equal(code, 0);
    assert.match(of('Node.js').text, new RegExp(`^${process.version} .* needs >=22\\.18$`));
    assert.match(
      of('port').text,
      /^a node listens on tls:\/\/127\.0\.0\.1:\d+: only programs on this machine/,
    );
    assert.match(of('port').advice!, /0\.0\.0\.0/);
    assert.match(of('package').text, /^all \d+ packages are installed, for libp2p\(\)$/);
    assert.match(of('clock').advice!, /name the address of a peer/);
    const { stdout } = await run(t, ['doctor', '--host', '127.0.0.1']);
    assert.match(stdout, /^✔ Node\.js: /);
    assert.match(stdout, /^· port: a node listens .*\n {2}→ /m);
  });

  test('dials peers, and says how they see this machine and what their clocks say', async (t) => {
    const { address, id } = await startNode(t, ['--name', 'ada']);
    const { code, of } = await doctor(t, address);
    assert.equal(code, 0);
    assert.match(of('peer').text, new RegExp(`^${address} is ada, ${id}: connected over tls, round trip`));
    assert.match(of('seen as').text, /^ada sees this machine at 127\.0\.0\.1 \(port \d+/);
    assert.match(of('clock').text, /^this clock is .* the clock of ada/);
    assert.equal(of('clock').is, 'ok');
  });

  test('says in the words of the layer that failed why a peer is not reached', async (t) => {
    const { address } = await startNode(t, ['--network', 'chess']);
    const silent = createServer((socket) => {
      socket.on('error', () => {});
      socket.resume().end('SSH-2.0-other\r\n');
    });
    await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
    Fixture.of(t).defer(() => new Promise((resolve) => void silent.close(resolve)));
    const { port } = silent.address() as { port: number };
    const { code, findings } = await doctor(t, address, `127.0.0.1:${port}`, '127.0.0.1:1');
    assert.equal(code, 1);
    const failed = findings.filter(({ is }) => is === 'wrong');
    assert.deepEqual(
      failed.map(({ about }) => about),
      ['peer, admission', 'peer, handshake', 'peer, port'],
    );
    assert.match(failed[0]!.text, /ERR_NETWORK_MISMATCH/);
    assert.match(failed[0]!.advice!, /the same options network and networkKey/);
    assert.match(failed[2]!.text, /ERR_CONNECTION_REFUSED/);
    const { of } = await doctor(t, '--network', 'chess', address);
    assert.equal(of('peer').is, 'ok');
  });

  test('asks relays for a place, and says why one has none', async (t) => {
    const carrier = makeNode(t, {
      options: { name: 'carrier', transports: [libp2p(relay({ maxReservations: 1 }))] },
    });
    await carrier.start();
    const [address] = carrier.addresses;
    const fine = await doctor(t, '--relay', address!);
    assert.equal(fine.code, 0);
    assert.equal(fine.of('relay').text, `others reach a node here through ${address}`);
    assert.match(fine.of('peer').text, /is carrier, .*: connected over libp2p, round trip/);
    assert.match(fine.of('seen as').text, /^carrier sees this machine at 127\.0\.0\.1 /);
    const behind = libp2p(internet({ listen: [], relays: [address!] }));
    const node = makeNode(t, { options: { name: 'ada', transports: [behind] } });
    await node.start();
    const silent = `/ip4/127.0.0.1/tcp/1/p2p/${Identity.generate().id}`;
    const { code, findings } = await doctor(t, node.addresses[0]!, '--relay', address!, silent);
    assert.equal(code, 1);
    const wrong = findings.filter(({ is }) => is === 'wrong').map(({ text }) => text);
    assert.match(
      wrong[0]!,
      /has no place for a node here: it refused: it has no place left .*\(RESERVATION_REFUSED\)$/,
    );
    assert.match(wrong[1]!, /tcp\/1\/.* has no place for a node here: nothing listens at /);
    assert.match(findings.find(({ about }) => about === 'peer')!.text, /is ada, .* over libp2p \(relayed\)/);
  });

  test('says of a port in use that it is', async (t) => {
    const { address } = await startNode(t);
    const { code, of } = await doctor(t, '--port', address.split(':')[1]!);
    assert.equal(code, 0);
    assert.match(of('port').text, /is in use/);
  });

  test('checks a key file, and creates none', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'peerloom-doctor-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'ada.pem');
    const missing = await doctor(t, '--identity', path);
    assert.match(missing.of('identity').text, /there is no file/);
    assert.match((await doctor(t, '--identity', path)).of('identity').text, /there is no file/);
    const { stdout } = await run(t, ['keys', 'new', path]);
    const [id] = /12D3\w+/.exec(stdout)!;
    const fine = await doctor(t, '--identity', path);
    assert.equal(fine.code, 0);
    assert.match(fine.of('identity').text, /only this user can read .* not encrypted/);
    assert.ok(fine.findings.some(({ text }) => text.endsWith(`is that of ${id}`)));
    utimesSync(path, new Date(), new Date(Date.now() + 3_600_000));
    chmodSync(path, 0o644);
    const open = await doctor(t, '--identity', path);
    assert.equal(open.code, 1);
    assert.equal(open.of('identity').advice, `chmod 600 ${path}`);
    assert.match(open.of('clock').text, /written in the future/);
  });
});
