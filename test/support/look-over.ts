import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { after } from 'node:test';
import './checked-pools.ts';
import { pause, turn } from './turns.ts';

/** What a node that was stopped must not leave behind: each of them would keep its process alive. */
const watchedResources = /^(TCP|TLS|Timeout|GetAddrInfo|Process|Pipe|FSReq|FSEvent)/;

/** How long what was closed may take to be gone. */
const graceMs = 3_000;

const rejections: unknown[] = [];
const warnings: string[] = [];
process.on('unhandledRejection', (reason) => rejections.push(reason));
process.on('warning', ({ name, message }) => {
  if (name === 'MaxListenersExceededWarning') warnings.push(message);
});

/** Signals that the source listened to: one that lasts must not gather the listeners of what is long over. */
const signals = new Set<WeakRef<AbortSignal>>();
const known = new WeakSet<AbortSignal>();
const { addEventListener } = AbortSignal.prototype;
AbortSignal.prototype.addEventListener = function (
  this: AbortSignal,
  ...args: [type: string, listener: EventListener]
) {
  const caller = new Error().stack!.split('\n')[2]!;
  if (caller.includes('/src/') && !caller.includes('/node_modules/') && !known.has(this)) {
    known.add(this);
    signals.add(new WeakRef(this));
  }
  addEventListener.apply(this, args);
} as typeof addEventListener;

function listenersOfSignals(): number {
  let count = 0;
  for (const reference of signals) {
    const signal = reference.deref();
    if (signal === undefined) signals.delete(reference);
    else count += getEventListeners(signal, 'abort').length;
  }
  return count;
}

/** What there is of everything that can be left behind, by kind. */
export type Belongings = ReadonlyMap<string, number>;

/** Of this process at this moment. */
export function belongings(): Belongings {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) {
    if (watchedResources.test(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  for (const event of process.eventNames()) {
    counts.set(`listeners of process '${String(event)}'`, process.listenerCount(event));
  }
  counts.set('listeners of signals', listenersOfSignals());
  return counts;
}

/** Nothing is left that was not there before, and nothing went wrong where nobody looks. */
export async function lookOver(before: Belongings): Promise<void> {
  const deadline = performance.now() + graceMs;
  for (let looks = 0; ; looks++) {
    await (looks < 100 ? turn() : pause()); // what goes wrong is told a turn later
    const left = [...belongings()].filter(([name, count]) => count > (before.get(name) ?? 0));
    if (left.length === 0) break;
    if (performance.now() > deadline) {
      assert.fail(`left behind: ${left.map(([name, count]) => `${count} ${name}`).join(', ')}`);
    }
  }
  assert.deepEqual(rejections.splice(0), [], 'no promise was rejected without a handler');
  assert.deepEqual(warnings.splice(0), [], 'nothing has a listener too many');
}

const atStart = belongings();
const undoings: (() => Promise<void>)[] = [];

/** For what the tests of a file share: runs when all of them have ended, before the file is looked over. */
export function atEndOfFile(undo: () => Promise<void>): void {
  undoings.push(undo);
}

/** Of the whole file, whatever its tests do themselves; the test runner has listeners of its own. */
after(async () => {
  for (const undo of undoings.splice(0)) await undo();
  const own = [...belongings()].filter(([name]) => name.startsWith('listeners of process'));
  try {
    await lookOver(new Map([...atStart, ...own]));
  } catch (error) {
    // The test runner prints what fails here, and counts it as passed.
    process.exitCode = 1;
    throw error;
  }
});
