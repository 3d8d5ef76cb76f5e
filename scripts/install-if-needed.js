// Installs the packages of each folder named, where they are missing or older than its lock file. npm runs it
// before the scripts that need them, on whatever Node the machine has: 18 is enough.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

const minimum = [22, 18];

for (const folder of process.argv.slice(2)) {
  const lockFile = resolve(folder, 'package-lock.json');
  // npm writes this one last: an install that was cut short leaves none.
  const installed = resolve(folder, 'node_modules', '.package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lockFile).mtimeMs) continue;
  console.log(`Installing the packages of ${resolve(folder)} …`);
  install(folder);
}
checkNode();

function install(folder) {
  // Inside a script of npm, npm says where it is; this works on Windows as well, where npm is a .cmd file.
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const options = { cwd: folder, stdio: 'inherit' };
  const { status, error } = npm
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, { ...options, shell: true });
  if (status === 0) return;
  fail(`npm ci failed in ${folder}: ${error ? error.message : 'see above'}`);
}

/** The package `node` brings the Node that npm's scripts run on; npm leaves it out when told to run no scripts. */
function checkNode() {
  const { stdout } = spawnSync('node', ['--version'], {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const [major, minor] = (stdout ?? '').slice(1).split('.').map(Number);
  if (major > minimum[0] || (major === minimum[0] && minor >= minimum[1])) return;
  fail(
    `This needs Node ${minimum.join('.')} or later and found ${stdout?.trim() || 'none'}. Its own one is missing: ` +
      'run it as an npm script, and allow install scripts (npm rebuild node --ignore-scripts=false).',
  );
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
