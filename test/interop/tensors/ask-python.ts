import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { PythonSetup } from '../../support/python-environment.ts';

const timeoutMs = 240_000;
const maxAnswerBytes = 256 * 1024 * 1024;

/** A Python of this machine that has a module already. @param names the commands to try, in this order. */
export async function pythonThatHas(module: string, names: readonly string[]): Promise<PythonSetup> {
  for (const name of names) {
    try {
      await promisify(execFile)(name, ['-c', `import ${module}`], { timeout: timeoutMs });
      return { python: name };
    } catch {
      // The next name, if there is one.
    }
  }
  return { missing: `no Python of this machine has ${module}: looked at ${names.join(', ')}` };
}

/** Runs a script that takes a request in JSON, and prints its answer in JSON. */
export function askPython<Answer>(python: string, script: string, request: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: maxAnswerBytes, timeout: timeoutMs };
    const child = execFile(python, [script], options, (error, stdout) => {
      if (error) reject(error);
      else resolve(JSON.parse(stdout) as Answer);
    });
    // A script that ends before it has read everything says why on its error output.
    child.stdin!.on('error', () => {});
    child.stdin!.end(JSON.stringify(request));
  });
}
