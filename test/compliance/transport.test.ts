import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { engines, unencrypted } from '../support/engines.ts';
import '../support/peerloom-from-source.ts';
import { simulatedTransport } from '../support/simulated-transport.ts';
import { complianceSuite } from './transport.ts';

const { localSockets } = await import('../../examples/transport/local-sockets.ts');

const folder = mkdtempSync(join(tmpdir(), 'sockets-'));
after(() => rmSync(folder, { recursive: true }));

for (const engine of engines) complianceSuite(engine);
complianceSuite({ name: 'a simulation', host: 'compliance', transport: simulatedTransport });
complianceSuite({
  name: 'examples/transport/local-sockets.ts',
  host: 'here',
  transport: () => localSockets(folder),
  skips: unencrypted,
});
