import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { turns } from './turns.ts';

/**
 * What happens to a link: both ends are reset, at once or when they have read what came before; both are ended in
 * order; one of them is reset; or the proxy calls `onCut` and does nothing itself.
 */
export const cuts = ['reset', 'late reset', 'end', 'reset dialler', 'reset listener', 'call'] as const;
export type Cut = (typeof cuts)[number];

export interface CutPlan {
  /** Bytes to hand on before, in both directions together. */
  readonly atByte: number;
  readonly cut: Cut;
  readonly onCut?: () => void;
}

/** What became of the links that a plan was for. */
export interface CutLink {
  /** How many bytes the proxy handed on. */
  bytes: number;
  isCut: boolean;
  /** Where the proxy handed on the end of a piece: the two ends act on what they have got there. */
  readonly stops: number[];
}

/** Stands between two TCP ends on loopback and cuts each link at a chosen byte. */
export class CuttingProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  #plan: CutPlan | undefined;
  #last: CutLink = { bytes: 0, isCut: false, stops: [] };
  readonly #open = new Set<Socket>();

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#relay(near));
  }

  static async start(targetPort: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(targetPort);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Whether all links have ended. */
  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  /** Resets all links, on both sides. */
  breakLinks(): void {
    for (const socket of this.#open) reset(socket);
  }

  /**
   * Cuts one link as the plan says, and none after it. Bytes count from now on, over all links: a dial may make several,
   * one after the other.
   */
  plan(plan: CutPlan | undefined): void {
    this.#plan = plan;
    this.#last = { bytes: 0, isCut: false, stops: [] };
  }

  /** The links since the last call of {@link CuttingProxy.plan}, up to the one that was cut. */
  get last(): CutLink {
    return this.#last;
  }

  close(): void {
    this.#server.close();
  }

  #relay(near: Socket): void {
    const planned = this.#last.isCut ? undefined : this.#plan;
    const plan = planned ?? { atByte: Number.POSITIVE_INFINITY, cut: 'reset' };
    const link: CutLink = planned === undefined ? { bytes: 0, isCut: false, stops: [] } : this.#last;
    const far = connect({ host: '127.0.0.1', port: this.#targetPort, allowHalfOpen: true, noDelay: true });
    const hand = (from: Socket, to: Socket): void => {
      this.#open.add(from);
      from.on('error', () => {});
      from.once('close', () => {
        this.#open.delete(from);
        to.destroy();
      });
      from.on('end', () => to.end());
      from.on('data', (bytes) => {
        if (link.isCut) return;
        const piece = bytes.subarray(0, plan.atByte - link.bytes);
        if (to.writable) to.write(piece);
        link.bytes += piece.length;
        link.stops.push(link.bytes);
        if (link.bytes < plan.atByte) return;
        link.isCut = true;
        void strike(plan, { near, far });
      });
    };
    hand(near, far);
    hand(far, near);
  }
}

async function strike({ cut, onCut }: CutPlan, { near, far }: { near: Socket; far: Socket }): Promise<void> {
  if (cut === 'late reset') await turns(3);
  if (cut === 'end') {
    near.end();
    far.end();
  } else if (cut === 'call') {
    onCut!();
  } else {
    if (cut !== 'reset listener') reset(near);
    if (cut !== 'reset dialler') reset(far);
  }
}

/** `resetAndDestroy` alone would first send what waits, and leave open a socket that is ending. */
export function reset(socket: Socket): void {
  if (!socket.writableEnded) socket.resetAndDestroy();
  socket.destroy();
}
