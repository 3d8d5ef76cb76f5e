import { existsSync, readFileSync } from 'node:fs';

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

const hasSchedule = existsSync('/proc/self/schedstat');

/** How long the main thread of a process had something to do and no processor to do it on; 0 where nobody knows. */
export function waitedMs(pid: number): number {
  if (!hasSchedule) return 0;
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
}
