import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Physical memory of a process, in MiB. */
export interface Resident {
  readonly nowMiB: number;
  /** The most that it ever had. */
  readonly peakMiB: number;
}

/** What the system knows of another process; `undefined` where it has no /proc. */
export function residentOf(pid: number): Resident | undefined {
  if (!existsSync('/proc/self/status')) return undefined;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)![1]) / 1024;
  return { nowMiB: mebibytes('VmRSS'), peakMiB: mebibytes('VmHWM') };
}

/** How long each thread of a process had something to do and no processor to do it on, by its number. */
export type Waits = ReadonlyMap<string, number>;

/** Nothing where the system has no /proc. */
export function waitsOf(pid: number): Waits {
  const waits = new Map<string, number>();
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(`${tasks}/${pid}/schedstat`)) return waits;
  for (const thread of readdirSync(tasks)) {
    const [, nanoseconds] = readFileSync(`${tasks}/${thread}/schedstat`, 'utf8').split(' ');
    waits.set(thread, Number(nanoseconds) / 1e6);
  }
  return waits;
}

/** The garbage collector's threads, for which the main one waits, are believed so much and no more. */
const maxHelperWaitMs = 200;

/** For how long a process could not go on, since it had waited so long before, because others had the processors. */
export function waitedMs(pid: number, before: Waits): number {
  const waits = [...waitsOf(pid)].map(([thread, ms]) => ({ thread, ms: ms - (before.get(thread) ?? 0) }));
  const isMain = ({ thread }: { thread: string }): boolean => thread === `${pid}`;
  const helpers = waits.filter((wait) => !isMain(wait)).map(({ ms }) => ms);
  return (waits.find(isMain)?.ms ?? 0) + Math.min(maxHelperWaitMs, Math.max(0, ...helpers));
}
