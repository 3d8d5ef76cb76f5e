// Loaded into each process and thread that a test starts: it writes down which mutants run there.
import { renameSync, writeFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';

const folder = process.env.PEERLOOM_COVERAGE;
if (folder !== undefined) {
  globalThis.__stryker__ ??= {};
  const coverage = { static: {}, perTest: {} };
  globalThis.__stryker__.mutantCoverage = coverage;
  const path = `${folder}/${process.pid}-${threadId}.json`;
  let written = '{}';
  const write = () => {
    const text = JSON.stringify(coverage.static);
    if (text === written) return;
    written = text;
    try {
      writeFileSync(`${path}.part`, text);
      renameSync(`${path}.part`, path);
    } catch {}
  };
  process.on('exit', write);
  // A process may end by a signal.
  setInterval(write, 100).unref();
}
