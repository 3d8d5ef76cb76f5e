import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, FaultKind } from './chaos-schedule.ts';

export interface ChaosProxyOptions {
  /** Where it connects to; read anew for each link. */
  readonly target: { readonly port: number };
  /** The faults of a link, by how many links were ended before it. Default: none. */
  readonly schedule?: (link: number) => readonly Fault[];
}

/** Stands between two TCP ends on loopback and harms the links, by a schedule or when told to. */
export class ChaosProxy {
  /** How often each kind of fault has happened. */
  readonly counts: Readonly<Record<FaultKind, number>> = {
    stall: 0,
    delay: 0,
    cut: 0,
    half: 0,
    blackHole: 0,
  };
  readonly #server: Server;
  readonly #links = new Set<ProxiedLink>();
  readonly #waiters: { readonly cuts: number; readonly resolve: () => void }[] = [];
  #isShut = false;

  private constructor({ target, schedule = () => [] }: ChaosProxyOptions) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      client.on('error', () => {});
      if (this.#isShut) return reset(client);
      const server = connect({ host: '127.0.0.1', port: target.port, allowHalfOpen: true, noDelay: true });
      const link = new ProxiedLink({ client, server }, schedule(this.cuts), (kind) => {
        (this.counts as Record<FaultKind, number>)[kind] += 1;
        for (const { cuts, resolve } of this.#waiters) if (cuts <= this.cuts) resolve();
      });
      this.#links.add(link);
      void link.closed.then(() => this.#links.delete(link));
    });
  }

  static async start(options: ChaosProxyOptions): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(options);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Links that came to an end by a fault of the schedule. */
  get cuts(): number {
    const { cut, half, blackHole } = this.counts;
    return cut + half + blackHole;
  }

  /** Resolves when the schedule has ended so many links. */
  reached(cuts: number): Promise<void> {
    return new Promise((resolve) => {
      if (cuts <= this.cuts) resolve();
      else this.#waiters.push({ cuts, resolve });
    });
  }

  /** Cuts all links there are. */
  cut(): void {
    for (const link of this.#links) link.cut();
  }

  /** From now on nothing passes, and nobody is told. */
  swallow(): void {
    for (const link of this.#links) link.swallow();
  }

  /** Cuts all links and turns new ones away, until {@link ChaosProxy.open}. */
  shut(): void {
    this.#isShut = true;
    this.cut();
  }

  open(): void {
    this.#isShut = false;
  }

  async stop(): Promise<void> {
    this.shut();
    this.#server.close();
    await Promise.all([...this.#links].map(({ closed }) => closed));
  }
}

interface Ends {
  readonly client: Socket;
  readonly server: Socket;
}

/** Moves the bytes of one link, and counts them up to the next fault. */
class ProxiedLink {
  readonly closed: Promise<unknown>;
  readonly #ends: Ends;
  readonly #faults: Fault[];
  readonly #onFault: (kind: FaultKind) => void;
  /** The ends whose bytes go nowhere. */
  readonly #swallowed = new Set<Socket>();
  #bytesLeft: number;
  #delayMs = 0;
  #stall: Promise<unknown> | undefined;

  constructor(ends: Ends, faults: readonly Fault[], onFault: (kind: FaultKind) => void) {
    this.#ends = ends;
    this.#faults = [...faults];
    this.#bytesLeft = faults[0]?.afterBytes ?? Number.POSITIVE_INFINITY;
    this.#onFault = onFault;
    const { client, server } = ends;
    this.closed = Promise.all([this.#relay(client, server), this.#relay(server, client)]);
  }

  cut(): void {
    for (const end of Object.values(this.#ends)) reset(end);
  }

  swallow(): void {
    for (const end of Object.values(this.#ends)) this.#swallowed.add(end);
  }

  /** Neither end learns what becomes of the other. */
  get #isBlackHole(): boolean {
    return this.#swallowed.size === 2;
  }

  #relay(from: Socket, to: Socket): Promise<void> {
    from.on('data', (bytes) => void this.#pass(bytes, from, to));
    from.on('end', () => {
      if (this.#isBlackHole) from.end();
      else to.end();
    });
    from.on('error', () => {});
    return new Promise((resolve) => {
      from.on('close', (hasFailed) => {
        if (hasFailed && !this.#isBlackHole) reset(to);
        resolve();
      });
    });
  }

  /** A fault takes place between two bytes, wherever a piece ends. */
  async #pass(bytes: Uint8Array, from: Socket, to: Socket): Promise<void> {
    from.pause();
    for (let rest = bytes; rest.length > 0 && !from.destroyed; ) {
      await this.#stall;
      if (this.#delayMs > 0) await sleep(this.#delayMs);
      const piece = rest.subarray(0, this.#bytesLeft);
      rest = rest.subarray(piece.length);
      const hasRoom = this.#swallowed.has(from) || to.destroyed || to.write(piece);
      this.#bytesLeft -= piece.length;
      if (this.#bytesLeft === 0) this.#strike();
      if (!hasRoom) await drained(to);
    }
    from.resume();
  }

  #strike(): void {
    const { kind, durationMs, towards } = this.#faults.shift()!;
    this.#bytesLeft = this.#faults[0]?.afterBytes ?? Number.POSITIVE_INFINITY;
    this.#delayMs = kind === 'delay' ? durationMs : 0;
    if (kind === 'stall') this.#stall = sleep(durationMs);
    else if (kind === 'cut') this.cut();
    else if (kind === 'blackHole') this.swallow();
    else if (kind === 'half') {
      this.#swallowed.add(this.#ends[towards === 'client' ? 'server' : 'client']);
      this.#ends[towards].end();
    }
    this.#onFault(kind);
  }
}

/** At once: `resetAndDestroy` alone sends what waits before. One that is being shut down cannot be reset. */
function reset(socket: Socket): void {
  if (!socket.writableEnded) socket.resetAndDestroy();
  socket.destroy();
}

/** Resolves when there is room again, or never will be. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      socket.off('drain', settle).off('close', settle);
      resolve();
    };
    if (socket.destroyed) resolve();
    else socket.on('drain', settle).on('close', settle);
  });
}
