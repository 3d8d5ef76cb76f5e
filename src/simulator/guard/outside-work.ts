import { optionalBuiltin } from '../../base/builtin.ts';

/** Work that always leaves the world, by its async_hooks type in Node.js. The world does not decide when it ends. */
const outside: ReadonlySet<string> = new Set([
  ...['FSREQCALLBACK', 'FSREQPROMISE', 'FSEVENTWRAP', 'STATWATCHER', 'DIRHANDLE', 'FILEHANDLE'],
  ...['GETADDRINFOREQWRAP', 'GETNAMEINFOREQWRAP', 'QUERYWRAP'],
  ...[
    'TCPCONNECTWRAP',
    'TCPSERVERWRAP',
    'TCPWRAP',
    'PIPECONNECTWRAP',
    'PIPESERVERWRAP',
    'UDPWRAP',
    'UDPSENDWRAP',
  ],
  ...[
    'HTTPCLIENTREQUEST',
    'HTTPINCOMINGMESSAGE',
    'TLSWRAP',
    'JSSTREAM',
    'PROCESSWRAP',
    'WORKER',
    'MESSAGEPORT',
  ],
  ...['Timeout', 'Immediate'],
]);

/** Work that is done synchronously or in another thread. It has a callback only in another thread. */
const doubtful = /^ZLIB$|REQUEST/;

/** The callback of doubtful work. Node.js sets one of these members if the work runs in another thread. */
interface Work {
  readonly ondone?: unknown;
  readonly cb?: unknown;
}

/**
 * Watches for work that leaves the world: threads, timers of the system, files, sockets. It needs Node.js 24: earlier
 * versions can do it only together with all promises, which takes too long. Other runtimes and browsers cannot do it.
 */
export class OutsideWork {
  readonly #isWatched: () => boolean;
  readonly #hook: { enable(): unknown; disable(): unknown } | undefined;
  /** The types of work that has left the world. */
  #left: string[] = [];
  /** Doubtful work: it may have left the world. */
  #begun: { readonly type: string; readonly work: Work }[] = [];

  /** @param isWatched returns whether work that begins now counts. */
  constructor(isWatched: () => boolean) {
    this.#isWatched = isWatched;
    const hooks = canWatch() ? optionalBuiltin('node:async_hooks') : undefined;
    // The types do not declare `trackPromises` yet.
    const options: object = { trackPromises: false };
    this.#hook = hooks?.createHook({
      init: (_id, type, _trigger, work) => this.#onBegun(type, work),
      ...options,
    });
  }

  start(): void {
    this.#hook?.enable();
  }

  stop(): void {
    this.#hook?.disable();
  }

  /** @returns the types of work that has left the world since the last call. */
  takeLeft(): string[] {
    for (const { type, work } of this.#begun) {
      if (typeof (work.ondone ?? work.cb) === 'function') this.#left.push(type);
    }
    this.#begun = [];
    const left = this.#left;
    if (left.length > 0) this.#left = [];
    return left;
  }

  #onBegun(type: string, work: object): void {
    if (outside.has(type)) {
      if (this.#isWatched()) this.#left.push(type);
    } else if (doubtful.test(type) && this.#isWatched()) {
      this.#begun.push({ type, work });
    }
  }
}

function canWatch(): boolean {
  const { versions } = globalThis.process ?? {};
  if (versions?.node === undefined || 'deno' in versions || 'bun' in versions) return false;
  return Number.parseInt(versions.node, 10) >= 24;
}
