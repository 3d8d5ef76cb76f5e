import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** What starts a JavaScript file on a runtime: the command, and what stands before the file. */
export interface RuntimeProgram {
  readonly command: string;
  readonly args: readonly string[];
}

const installed = {
  node16: { path: 'bin/node', args: [] },
  node20: { path: 'bin/node', args: [] },
  node22: { path: 'bin/node', args: [] },
  node22newest: { path: 'bin/node', args: [] },
  node26: { path: 'bin/node', args: [] },
  deno: { path: 'deno', args: ['run', '--allow-all', '--no-lock', '--cached-only'] },
  bun: { path: 'bin/bun', args: ['run', '--no-install'] },
} as const;

/** @throws Error when it is not installed. */
export function programOf(runtime: keyof typeof installed): RuntimeProgram {
  const { path, args } = installed[runtime];
  const name = `${runtime}-${process.platform}-${process.arch}`;
  const command = join(import.meta.dirname, 'runtimes/node_modules', name, path);
  if (!existsSync(command)) {
    throw new Error(`${command} is missing: run node scripts/install-if-needed.js test/packaging/runtimes`);
  }
  return { command, args };
}

/** The environment for them: Deno keeps what it compiles in a folder of its own. */
export function environmentOf(project: string): NodeJS.ProcessEnv {
  return { ...process.env, DENO_DIR: join(project, 'deno'), DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' };
}
