import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { setDefaultCACertificates } from 'node:tls';
import { webSocket } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { Fixture } from '../support/fixture.ts';
import { startNodes } from '../support/start-nodes.ts';
import { turn } from '../support/turns.ts';

/** The build server skips nothing: there the tests fail instead. */
const skip = process.env.CI === 'true' ? false : (programsMissing() ?? false);

function programsMissing(): string | undefined {
  for (const [command, ...args] of [
    ['nginx', '-v'],
    ['openssl', 'version'],
  ] as const) {
    try {
      execFileSync(command, args, { stdio: 'pipe' });
    } catch {
      return `${command} is not installed`;
    }
  }
  return undefined;
}

/** nginx as docs/transports.md sets it up, in front of a node; its port. */
async function startNginx(t: TestContext, nodePort: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const kind = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '1',
  ];
  execFileSync('openssl', [...kind, '-keyout', key, '-out', certificate, ...subject], { stdio: 'pipe' });
  setDefaultCACertificates([readFileSync(certificate, 'utf8')]);
  const port = await freePort();
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${join(folder, 'pid')}; error_log ${join(folder, 'errors')};
     events {}
     http {
       access_log off; ${paths.join(' ')}
       server {
         listen 127.0.0.1:${port} ssl;
         ssl_certificate ${certificate};
         ssl_certificate_key ${key};
         location /node {
           proxy_pass http://127.0.0.1:${nodePort};
           proxy_http_version 1.1;
           proxy_set_header Upgrade $http_upgrade;
           proxy_set_header Connection "upgrade";
           proxy_set_header Host $host;
           proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
         }
       }
     }`,
  );
  const nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
  const ended = once(nginx, 'exit');
  Fixture.of(t).defer(async () => {
    nginx.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true });
  });
  while (!(await listens(port))) await turn();
  return port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

suite('behind nginx, as wss:// with a path', { skip }, () => {
  test('nodes connect, talk, and count by the address that nginx has seen', async (t) => {
    const nodePort = await freePort();
    const port = await startNginx(t, nodePort);
    const address = `wss://localhost:${port}/node`;
    const transports = [webSocket({ trustedProxies: ['127.0.0.1'], publicAddresses: [address] })];
    const [node] = await startNodes(t, 1, {
      port: nodePort,
      options: { transports, networkKey: 'a shared key' },
    });
    const [other] = await startNodes(t, 1, {
      options: { transports: [webSocket()], networkKey: 'a shared key' },
    });
    const connection = await other.connectWithNode(address);
    assert.equal(connection.id, node.id);
    assert.deepEqual(connection.addresses, [`ws://127.0.0.1:${nodePort}`, address]);
    await connection.deliver(new Uint8Array(3_000_000));
    assert.deepEqual(node.peer(other).host, '127.0.0.1');
    assert.equal(connection.security.encrypted, true);
    await connection.stop();

    await assert.rejects(
      other.connectWithNode(`wss://localhost:${port}/elsewhere`),
      withCode('ERR_HANDSHAKE', /HTTP 404/),
    );
    // The certificate is checked, for the name that was dialled.
    await assert.rejects(other.connectWithNode(`wss://127.0.0.1:${port}/node`), withCode('ERR_UNREACHABLE'));
  });
});
