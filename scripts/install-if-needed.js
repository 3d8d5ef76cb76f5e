// Installs the packages of each folder named, where they are missing or older than its lock file. npm runs it after
// each install, and before the scripts that need them, on whatever Node the machine has: 18 is enough.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

const minimum = [22, 18];
const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
const shell = process.platform === 'win32';

// An install that runs below runs this script, too.
const isInstalling = 'PEERLOOM_INSTALLING';
if (process.env[isInstalling] !== undefined) process.exit();

for (const folder of process.argv.slice(2)) {
  const lockFile = resolve(folder, 'package-lock.json');
  // npm writes this one last: an install that was cut short leaves none.
  const installed = resolve(folder, 'node_modules', '.package-lock.json');
  const completed = resolve(folder, 'node_modules', '.completed');
  const isInstalled = isNewer(installed, lockFile);
  if (isInstalled && isNewer(completed, installed)) continue;
  console.log(`Installing the packages of ${resolve(folder)} …`);
  if (!isInstalled && !npm(process.execPath, folder, 'ci')) fail(`npm ci failed in ${resolve(folder)}`);
  // npm left out what does not run on the Node that it ran on, whoever called it.
  if (!npm(newNode(), folder, 'install', '--no-save')) {
    if (!isInstalled) fail(`npm install failed in ${resolve(folder)}`);
    console.error('Going on with what is installed; optional packages may be missing.');
  }
  writeFileSync(completed, '');
}
newNode();

/** @returns whether it succeeded. */
function npm(node, folder, ...args) {
  // Inside a script of npm, npm says where it is.
  const { npm_execpath: path } = process.env;
  const [command, first] = path ? [node, [path]] : ['npm', []];
  const env = { ...process.env, [isInstalling]: 'true' };
  const options = { cwd: folder, env, stdio: 'inherit', shell: path ? false : shell };
  const { status, error } = spawnSync(command, [...first, ...args, ...quiet], options);
  if (error) console.error(error.message);
  return status === 0;
}

/** The Node that npm's scripts run on: the package `node` brings it. */
function newNode() {
  const program = 'console.log(process.version, process.execPath)';
  const { stdout } = spawnSync('node', ['-e', shell ? `"${program}"` : program], { encoding: 'utf8', shell });
  const [version, path] = (stdout ?? '').trim().split(/ (.*)/);
  if (isNewEnough(version)) return path;
  return fail(
    `This needs Node ${minimum.join('.')} or later and found ${version || 'none'}. Its own one is missing: run it as ` +
      'an npm script, and allow install scripts (npm rebuild node --ignore-scripts=false).',
  );
}

function isNewer(file, other) {
  return existsSync(file) && statSync(file).mtimeMs >= statSync(other).mtimeMs;
}

function isNewEnough(version) {
  const [major, minor] = version.replace('v', '').split('.').map(Number);
  return major > minimum[0] || (major === minimum[0] && minor >= minimum[1]);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
