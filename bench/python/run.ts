// Times float32 arrays between the Python package and other processes, beside gRPC:
//   npm run bench:python
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageFolder } from '../../test/interop/python-package/environment.ts';
import { pythonWith } from '../../test/support/python-environment.ts';

interface Figure {
  readonly system: string;
  readonly megabytes: number;
  readonly seconds: number;
}

const setup = await pythonWith({
  requirements: ['--editable', `${packageFolder}[numpy]`, 'grpcio'],
  module: 'peerloom, numpy, grpc',
  key: packageFolder,
  atLeast: [3, 11],
});
if ('missing' in setup) {
  console.error(`The Python package cannot be measured: ${setup.missing}`);
  process.exit(1);
}
const { python } = setup;
const here = import.meta.dirname;
const folder = mkdtempSync(join(tmpdir(), 'peerloom-bench-'));
const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
const figures: Figure[] = [];
try {
  const made = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    key,
    '-out',
    certificate,
  ];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  spawnSync('openssl', ['req', '-x509', '-days', '2', ...made, ...names], { stdio: 'ignore' });
  const typescript = [process.execPath, join(here, 'peer.ts')];
  const other = [python, join(here, 'peer.py')];
  const peers = {
    'peerloom, TypeScript': [...typescript, 'peerloom'],
    'gRPC with TLS, TypeScript': [...typescript, 'grpc', key, certificate],
    'gRPC without encryption, TypeScript': [...typescript, 'grpc'],
    'peerloom, Python': [...other, 'peerloom'],
    'gRPC with TLS, Python': [...other, 'grpc', key, certificate],
    'gRPC without encryption, Python': [...other, 'grpc'],
  };
  const measuring = spawn(python, [join(here, 'transfer.py'), JSON.stringify({ peers, certificate })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: measuring.stdout }))
    figures.push(JSON.parse(line) as Figure);
  if (measuring.exitCode === null) await once(measuring, 'close');
  process.exitCode = measuring.exitCode ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}

const sizes = [...new Set(figures.map(({ megabytes }) => megabytes))];
console.log(`| Python and back, ms (MB/s) | ${sizes.map((size) => `${size} MB`).join(' | ')} |`);
console.log(`|---|${sizes.map(() => '---:').join('|')}|`);
for (const system of new Set(figures.map((figure) => figure.system))) {
  const cells = sizes.map((size) => {
    const figure = figures.find((one) => one.system === system && one.megabytes === size);
    if (figure === undefined) return '';
    return `${(figure.seconds * 1_000).toFixed(1)} (${((2 * size) / figure.seconds).toFixed(0)})`;
  });
  console.log(`| ${system} | ${cells.join(' | ')} |`);
}
