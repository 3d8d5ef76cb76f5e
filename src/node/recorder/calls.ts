import type { NodeConnection } from '../../api/node-connection.ts';
import { messageOf } from '../../base/arguments.ts';
import type { Input } from './tape.ts';
import { type ConnectionNumbers, readWritten, type Written, written } from './written-values.ts';

type Method = (...args: unknown[]) => unknown;
type Call = Extract<Input, readonly ['call', ...unknown[]]>;

/** The functions through which the calls of a program reach its node. */
export interface CallPath {
  /** Whether the call comes from outside the node, so that it is to be recorded. */
  isFromOutside(name: string): boolean;
  /** Called when a call cannot be recorded, with the reason. */
  refuse(name: string, why: string): void;
  /** Makes the call in a turn of its own. */
  later(call: Call, run: () => unknown): Promise<unknown>;
  /** Makes the call immediately. Returns false if a turn is under way that cannot include it. */
  now(call: Call, run: () => void): boolean;
  /** Returns a promise that settles like `result`, but only when no turn is open. */
  outside(result: Promise<unknown>): Promise<unknown>;
}

/** The methods that return promises, so that their calls can have turns of their own. */
const later: ReadonlySet<string> = new Set([
  ...['start', 'stop', 'connectWithNode', 'disconnectWithNode', 'waitForNodes'],
  ...['deliver', 'request', 'ping', 'drained'],
]);

/** The methods whose results are used in pieces afterwards. Calls of them cannot be recorded. */
const inPieces: ReadonlySet<string> = new Set(['requestFromNodes', 'sendState', 'openStream']);

const nodeMethods = [
  ...['start', 'stop', 'connectWithNode', 'disconnectWithNode', 'waitForNodes', 'sendToNodes', 'sendToNode'],
  ...[
    'broadcast',
    'subscribe',
    'unsubscribe',
    'requestFromNodes',
    'sendState',
    'on',
    'off',
    'once',
    'handle',
  ],
];

const connectionMethods = ['send', 'deliver', 'request', 'ping', 'drained', 'openStream', 'setInfo'];

/**
 * The objects whose methods a program calls: the node, and its connections, numbered in the order in which they were
 * made.
 */
export class Calls implements ConnectionNumbers {
  readonly #node: object;
  readonly #path: CallPath | undefined;
  /**
   * While recording, the references are weak, because the program itself keeps a connection that it calls. In a replay
   * they are strong, because the recording may call connections that closed long ago.
   */
  readonly #connections = new Map<number, { deref(): NodeConnection | undefined }>();
  readonly #numbers = new WeakMap<NodeConnection, number>();
  /** Forgets connections that the program has dropped, so that peers that reconnect again and again take no memory. */
  readonly #dropped = new FinalizationRegistry<number>((number) => this.#connections.delete(number));
  #lastConnection = 0;

  /**
   * @param prototype the prototype of the base class. Calls of methods that subclasses add are recorded too.
   * @param path left out in a replay, in which calls come only from the recording.
   */
  constructor(node: object, prototype: object, path?: CallPath) {
    this.#node = node;
    this.#path = path;
    if (path !== undefined) this.#wrap(node, 0, [...nodeMethods, ...methodsBelow(node, prototype)]);
  }

  /** Call this when a connection was made. */
  add(connection: NodeConnection): void {
    this.#lastConnection += 1;
    const number = this.#lastConnection;
    if (this.#path === undefined) this.#connections.set(number, { deref: () => connection });
    else {
      this.#connections.set(number, new WeakRef(connection));
      this.#dropped.register(connection, number);
    }
    this.#numbers.set(connection, number);
    if (this.#path !== undefined) this.#wrap(connection, number, connectionMethods);
  }

  numberOf(connection: NodeConnection): number | undefined {
    return this.#numbers.get(connection);
  }

  connectionOf(number: number): NodeConnection | undefined {
    return this.#connections.get(number)?.deref();
  }

  /** Makes a call of a recording. Returns false if there is no such object or method. */
  perform([, target, name, args]: Call): boolean {
    const owner = target === 0 ? this.#node : this.connectionOf(target);
    const method = owner === undefined ? undefined : methodOf(owner, name);
    if (owner === undefined || method === undefined) return false;
    try {
      const result = method.apply(owner, this.#read(args));
      if (result instanceof Promise) result.catch(() => {});
    } catch {
      // In the recorded program, the caller received the error. Here there is none.
    }
    return true;
  }

  #read(args: readonly Written[]): unknown[] {
    return args.map((arg) => readWritten(arg, this));
  }

  #wrap(owner: object, target: number, names: readonly string[]): void {
    for (const name of names) {
      const value = (...args: unknown[]): unknown => this.#called(owner, [target, name], args);
      Object.defineProperty(owner, name, { value, configurable: true, writable: true });
    }
  }

  #called(owner: object, [target, name]: readonly [number, string], args: unknown[]): unknown {
    const path = this.#path!;
    const directly = (given: unknown[] = args): unknown => methodOf(owner, name)!.apply(owner, given);
    if (!path.isFromOutside(name)) return directly();
    const call = this.#write(target, name, args);
    if (call === undefined) return directly();
    const run = (): unknown => directly(this.#read(call[3]));
    if (later.has(name)) return path.later(call, run);
    let result: unknown;
    let failure: { readonly error: unknown } | undefined;
    const isMade = path.now(call, () => {
      try {
        result = run();
      } catch (error) {
        failure = { error };
      }
    });
    if (!isMade) {
      path.refuse(
        name,
        'it was called in the middle of what the node was doing, as code does that waits for an event',
      );
      return directly();
    }
    if (failure !== undefined) throw failure.error;
    return result instanceof Promise ? path.outside(result) : result;
  }

  #write(target: number, name: string, args: readonly unknown[]): Call | undefined {
    if (inPieces.has(name)) {
      this.#path!.refuse(name, 'what it returns is used in pieces');
      return undefined;
    }
    try {
      return ['call', target, name, args.map((arg) => written(arg, this))];
    } catch (error) {
      this.#path!.refuse(name, `its arguments cannot be written down: they hold ${messageOf(error)}`);
      return undefined;
    }
  }
}

/** Returns the method of the object's class. The object may have a wrapper of the same name. */
function methodOf(owner: object, name: string): Method | undefined {
  const method: unknown = Reflect.get(Object.getPrototypeOf(owner), name, owner);
  return typeof method === 'function' ? (method as Method) : undefined;
}

/** Returns the names of the methods that subclasses add. */
function methodsBelow(object: object, base: object): string[] {
  const names = new Set<string>();
  for (
    let prototype = Object.getPrototypeOf(object);
    prototype !== base;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const { value } = Object.getOwnPropertyDescriptor(prototype, name)!;
      if (typeof value === 'function' && !(name in base)) names.add(name);
    }
  }
  return [...names];
}
