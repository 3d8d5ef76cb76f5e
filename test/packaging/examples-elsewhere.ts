import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { isEvery, packed, reasonToSkip, root } from './packed.ts';
import { environmentOf, programOf, type RuntimeProgram } from './runtime-programs.ts';

/** One waits for people to type, the other needs the packages of libp2p; test/integration runs them. */
const notHere = ['chat.ts', 'internet.ts'];

/** Other examples use all that these use of a runtime. */
const alike = [
  'averaging.ts',
  'callback.ts',
  'chain.ts',
  'dictionaries.ts',
  'jobs.ts',
  'metrics.ts',
  'own-connection.ts',
  'presence.ts',
];

/** Packages that examples use beside this one. */
const otherPackages = ['zod'];

suite('examples print elsewhere what they print on Node.js', { skip: await reasonToSkip('runtimes') }, () => {
  let project: string;

  before(async () => {
    ({ project } = await packed());
    const examples = join(project, 'examples');
    cpSync(join(root, 'examples'), examples, { recursive: true });
    mkdirSync(join(examples, 'node_modules'));
    for (const name of otherPackages) {
      symlinkSync(join(root, 'node_modules', name), join(examples, 'node_modules', name), 'junction');
    }
  });

  const names = readdirSync(join(root, 'examples')).filter(
    (name) =>
      /\.ts$/.test(name) &&
      !notHere.includes(name) &&
      (isEvery || !(alike.includes(name) || isSimulated(name))),
  );
  for (const name of names) {
    test(name, async () => {
      const programs = [{ command: process.execPath, args: [] }, programOf('deno'), programOf('bun')];
      const [onNode, ...elsewhere] = await Promise.all(programs.map((program) => outputOf(program, name)));
      assert.notEqual(onNode, '');
      for (const output of elsewhere) assert.deepEqual(output, onNode);
    });
  }

  /** The runtimes are compared event for event elsewhere. */
  function isSimulated(name: string): boolean {
    return readFileSync(join(root, 'examples', name), 'utf8').includes("from 'peerloom/simulator'");
  }

  /** The words in lines that may come in another order; how objects are laid out is the runtime's own. */
  async function outputOf({ command, args }: RuntimeProgram, name: string): Promise<string[]> {
    const options = { cwd: project, env: environmentOf(project) };
    const { stdout } = await promisify(execFile)(command, [...args, join('examples', name)], options);
    const words = stdout.replace(/:\d{4,5}\b/g, ':PORT').replace(/byte \d+/g, 'byte N');
    return words.split(/[\s,]+/).sort();
  }
});
