/** A global that returns the system's time or random numbers, sets its timers, or starts work in other threads. */
interface Forbidden {
  readonly owner: object | undefined;
  readonly name: string;
  /** How programs write it, such as `Math.random()`. */
  readonly shown: string;
  /** What a program should use instead. */
  readonly instead: string;
}

const time = 'options.runtime.now() or wallNow()';
const timers = 'options.runtime.setTimeout()';
const chance = 'options.runtime.random() or randomBytes()';
const synchronous = 'a synchronous function, such as those of @noble/hashes and node:crypto';
const { crypto, performance } = globalThis;

/** The methods of `crypto.subtle` compute in other threads. */
const subtleMethods = [
  ...['digest', 'sign', 'verify', 'encrypt', 'decrypt', 'generateKey', 'deriveKey', 'deriveBits'],
  ...['importKey', 'exportKey', 'wrapKey', 'unwrapKey'],
];

const forbidden: readonly Forbidden[] = [
  { owner: Math, name: 'random', shown: 'Math.random()', instead: chance },
  { owner: crypto, name: 'getRandomValues', shown: 'crypto.getRandomValues()', instead: chance },
  { owner: crypto, name: 'randomUUID', shown: 'crypto.randomUUID()', instead: chance },
  { owner: Date, name: 'now', shown: 'Date.now()', instead: time },
  { owner: performance, name: 'now', shown: 'performance.now()', instead: time },
  { owner: globalThis, name: 'setTimeout', shown: 'setTimeout()', instead: timers },
  { owner: globalThis, name: 'setInterval', shown: 'setInterval()', instead: timers },
  { owner: globalThis, name: 'setImmediate', shown: 'setImmediate()', instead: timers },
  ...subtleMethods.map((name) => {
    const shown = `crypto.subtle.${name}()`;
    return { owner: crypto?.subtle, name, shown, instead: synchronous };
  }),
  { owner: AbortSignal, name: 'timeout', shown: 'AbortSignal.timeout()', instead: timers },
];

type Complain = (what: string, instead: string) => void;

/** Restores the originals. */
type Undo = () => void;

/**
 * Wraps each global that gives access to the system's time, random numbers, timers or threads. The wrapper first calls
 * `complain`, which may throw. Globals that a program has frozen are not wrapped.
 */
export function guardGlobals(complain: Complain): Undo {
  const undoes = [guardDate(complain), ...forbidden.map((one) => guard(one, complain))];
  return () => {
    for (const undo of undoes.reverse()) undo();
  };
}

function guard({ owner, name, shown, instead }: Forbidden, complain: Complain): Undo {
  const original: unknown = (owner as Record<string, unknown> | undefined)?.[name];
  if (typeof original !== 'function') return () => {};
  return replace(owner!, name, function guarded(this: unknown, ...args: unknown[]): unknown {
    complain(shown, instead);
    return Reflect.apply(original, this, args);
  });
}

/** `new Date()` reads the clock. With arguments it does not. */
function guardDate(complain: Complain): Undo {
  const guarded: DateConstructor = new Proxy(Date, {
    construct(target, args, newTarget): Date {
      if (args.length === 0) complain('new Date()', time);
      return Reflect.construct(target, args, newTarget === guarded ? target : newTarget) as Date;
    },
    apply(target, that, args) {
      complain('Date()', time);
      return Reflect.apply(target, that, args) as string;
    },
  });
  return replace(globalThis, 'Date', guarded);
}

function replace(owner: object, name: string, value: unknown): Undo {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  if (before?.configurable === false || !Object.isExtensible(owner)) return () => {};
  Object.defineProperty(owner, name, {
    value,
    writable: true,
    configurable: true,
    enumerable: before?.enumerable ?? false,
  });
  return () => {
    if (before === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, before);
  };
}
