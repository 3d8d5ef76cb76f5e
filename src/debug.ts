import createDebug from 'debug';
import { printable } from './printable.ts';

/** Prints a step in plain words where debugging is on; `enabled` guards what would be costly to put together. */
export interface Log {
  /** Somebody reads along. */
  readonly enabled: boolean;
  (step: string): void;
}

/**
 * The log of one part of a node: on when `isOn()` says so (the node's `debug` switch) or the environment
 * variable `DEBUG` names the part, as in `DEBUG=peerloom:*`. Lines go to the standard error output.
 */
export function createLog(part: string, label: string, isOn: () => boolean): Log {
  const byEnvironment = createDebug(`peerloom:${part}`);
  const log = (step: string): void => {
    if (byEnvironment.enabled) byEnvironment('%s: %s', label, printable(step));
    else if (isOn()) console.error(`DEBUG (${label}): ${printable(step)}`);
  };
  return Object.defineProperty(log, 'enabled', { get: () => byEnvironment.enabled || isOn() }) as Log;
}
