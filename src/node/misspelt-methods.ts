import { methodOf, type NodeEventName, nodeEventNames } from '../api/events.ts';
import { editDistance } from '../base/nearest-name.ts';
import { printError } from '../base/print-error.ts';

/** A method of a user's class that is never called, and the one that it was meant to be. */
export interface MisspeltMethod {
  readonly name: string;
  readonly meant: string;
}

/** What is known of the node whose class is checked. */
export interface Handling {
  /** The class that users extend. Its methods, and those of its base classes, are not the user's. */
  readonly base: object;
  readonly handles: (event: NodeEventName) => boolean;
  /** Whether there are handlers of typed messages or requests, which may have any name. */
  readonly hasTyped: boolean;
}

/** At most two typing errors. */
const maxDistance = 2;

/** Classes that were checked: each is reported once. */
const seen = new WeakSet<object>();

/**
 * Finds methods of a user's class whose name is nearly that of an event's method: `nodeMesage`, `node_message`,
 * `onMessage`. Only events without a handler count, since a class that handles an event knows its name.
 */
export function misspeltMethods(
  node: object,
  { base, handles, hasTyped }: Handling,
): readonly MisspeltMethod[] {
  const kind = Object.getPrototypeOf(node) as object;
  if (seen.has(kind)) return [];
  seen.add(kind);
  const unhandled = nodeEventNames.filter((event) => !handles(event));
  return [...methodsOf(node, base)].flatMap((name) => {
    const event = unhandled.find((one) => isSlip(name, one, hasTyped));
    return event === undefined ? [] : { name, meant: methodOf(event) };
  });
}

/** Prints a warning for each of them. */
export function warnOfMisspeltMethods(node: object, handling: Handling): void {
  for (const { name, meant } of misspeltMethods(node, handling)) {
    printError(
      `${node.constructor.name} has a method ${name}, which the node never calls: did you mean ${meant}?`,
    );
  }
}

/** The names of functions that the object or the user's classes have, but `base` does not. */
function methodsOf(node: object, base: object): Set<string> {
  const names = new Set<string>();
  for (let place = node; place !== base && place !== null; place = Object.getPrototypeOf(place)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(place))) {
      if (typeof value === 'function' && !(name in base)) names.add(name);
    }
  }
  return names;
}

function isSlip(name: string, event: NodeEventName, hasTyped: boolean): boolean {
  const given = plain(name);
  const meant = plain(methodOf(event));
  // Users often have their own methods for errors and for typed messages.
  const mayBegin = !hasTyped && !event.endsWith('error');
  if (mayBegin && (given === `on${meant}` || given === `on${meant.replace(/^node/, '')}`)) return true;
  return given !== `${meant}s` && editDistance(given, meant) <= maxDistance;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll('_', '');
}
