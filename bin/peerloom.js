#!/usr/bin/env node
// An old Node.js must be able to read this file, so it has no import but the last one.
const [major, minor] = process.versions.node.split('.').map(Number);
// What npm installs runs the built files. A clone runs its sources: what stands there is what runs.
const isInstalled = /[\\/]node_modules[\\/]/.test(import.meta.url);

function complain(problem, remedy) {
  console.error(`peerloom: ${problem}${isInstalled ? '' : `; ${remedy}`}`);
  process.exitCode = 1;
}

if (major < 22 || (major === 22 && minor < 18)) {
  const problem = `Node.js 22.18 or newer is needed, this is ${process.versions.node}`;
  complain(problem, 'npm install, run here, brings one that npx peerloom uses');
} else {
  import(isInstalled ? '../dist/cli/main.js' : '../src/cli/main.ts').catch((error) => {
    if (isInstalled || error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    complain(error.message, 'run npm install here first');
  });
}
