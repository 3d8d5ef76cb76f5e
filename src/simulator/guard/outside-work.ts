import { optionalBuiltin } from '../../base/builtin.ts';

/** Work whose end the world does not decide, by the names that Node.js has for it. Started means left. */
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

/** Work that is done at once, or left to another thread: then it has a callback. */
const doubtful = /^ZLIB$|REQUEST/;

/** What Node.js knows work of the second kind by. */
interface Work {
  readonly ondone?: unknown;
  readonly cb?: unknown;
}

/**
 * Watches, on Node.js from version 24, for work that leaves the world: threads, timers of the system, files, sockets.
 * Earlier versions can only watch all promises as well, which takes too long. Other runtimes and browsers cannot.
 */
export class OutsideWork {
  readonly #isWatched: () => boolean;
  readonly #hook: { enable(): unknown; disable(): unknown } | undefined;
  /** The kinds of work that have left. */
  #left: string[] = [];
  /** What may have left. */
  #begun: { readonly type: string; readonly work: Work }[] = [];

  /** @param isWatched whether work that begins now counts. */
  constructor(isWatched: () => boolean) {
    this.#isWatched = isWatched;
    const hooks = canWatch() ? optionalBuiltin('node:async_hooks') : undefined;
    // `trackPromises` is newer than the types.
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

  /** @returns the kinds of work that have left since it was last asked. */
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
