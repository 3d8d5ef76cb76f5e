// Ten processes learn to read digits together, and one of them is killed half-way. Prints how good each node is, and
// draws learning.svg. Run it: node examples/learning/run.ts [--python python3] [--rounds 120] [--svg learning.svg]
// With --python, three of them are Python processes; given several times, the Pythons take turns.
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { loadDigits, nodes } from './digits.ts';
import { accuracy, newModel, train } from './model.ts';
import { plot } from './plot.ts';

const { values } = parseArgs({
  options: {
    python: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '120' },
    svg: { type: 'string' },
  },
});
const rounds = values.rounds;
const killed = 4;

interface Report {
  readonly address?: string;
  readonly library?: string;
  readonly alone?: number;
  readonly round?: number;
  readonly accuracy?: number;
  readonly done?: true;
}

class Learner {
  readonly accuracies: number[] = [];
  readonly isPython: boolean;
  readonly index: number;
  alone = 0;
  wasKilled = false;
  isDone = false;
  library = 'TypeScript';
  address = '';
  readonly process: ChildProcess;
  #changed: (() => void)[] = [];

  constructor(index: number, addresses: readonly string[]) {
    const pythons = values.python ?? [];
    this.isPython = pythons.length > 0 && index >= nodes - 3;
    this.index = index;
    const program = join(import.meta.dirname, this.isPython ? 'node.py' : 'node.ts');
    const args = [program, String(index), rounds, ...addresses];
    const command = this.isPython ? pythons[index % pythons.length]! : process.execPath;
    this.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.process.stdin!.on('error', () => {}); // of one that ended
    this.process.on('exit', () => this.#change());
    createInterface({ input: this.process.stdout! }).on('line', (line) => {
      const report = JSON.parse(line) as Report;
      this.library = report.library ?? this.library;
      this.address = report.address ?? this.address;
      this.alone = report.alone ?? this.alone;
      // A slow node leaves rounds out.
      while (this.accuracies.length <= (report.round ?? -1)) this.accuracies.push(report.accuracy!);
      if (report.done) this.isDone = true;
      this.#change();
    });
  }

  get name(): string {
    return `node ${this.index} (${this.library})`;
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Waits until it has reported that, or has ended. */
  async until(reached: () => boolean): Promise<void> {
    while (!reached() && !this.hasEnded) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  kill(): void {
    this.wasKilled = true;
    this.process.kill('SIGKILL');
  }

  #change(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}

const learners = [new Learner(0, [])];
await learners[0]!.until(() => learners[0]!.address !== '');
for (let index = 1; index < nodes; index += 1) learners.push(new Learner(index, [learners[0]!.address]));

await Promise.all(learners.map((learner) => learner.until(() => learner.alone > 0)));
for (const { process } of learners) process.stdin!.write('start\n');

const victim = learners[killed]!;
await victim.until(() => victim.accuracies.length >= Number(rounds) / 2);
victim.kill();
await Promise.all(learners.map((learner) => learner.until(() => learner.isDone)));
for (const { process } of learners) process.stdin!.write('stop\n');

const { training, test } = await loadDigits();
const whole = newModel();
for (let round = 0; round < 60; round += 1) train(whole, training, 0.02);
const ofAllData = accuracy(whole, test);

const percent = (share: number | undefined): string => `${(100 * (share ?? 0)).toFixed(1)} %`;
for (const { name, alone, accuracies, wasKilled } of learners) {
  const end = wasKilled ? 'killed' : percent(accuracies.at(-1));
  console.log(`${name}: alone ${percent(alone)}, in the network ${end}`);
}
console.log(`one node with all images: ${percent(ofAllData)}`);
if (values.svg !== undefined) writeFileSync(values.svg, plot(learners, ofAllData));
