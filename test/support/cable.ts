import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { reset } from './cutting-proxy.ts';

/** Stands between a dialler and a listener on loopback, and breaks what goes through it when asked to. */
export class Cable {
  readonly #server: Server;
  readonly #ends = new Set<Socket>();
  #links = 0;

  private constructor(targetPort: number) {
    this.#server = createServer({ noDelay: true }, (near) => {
      this.#links += 1;
      this.#join(near, connect({ host: '127.0.0.1', port: targetPort, noDelay: true }));
    });
  }

  static async to(targetPort: number): Promise<Cable> {
    const cable = new Cable(targetPort);
    await once(cable.#server.listen(0, '127.0.0.1'), 'listening');
    return cable;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many links went through it. */
  get links(): number {
    return this.#links;
  }

  /** Resets both ends of each link. */
  cut(): void {
    for (const end of this.#ends) reset(end);
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #join(near: Socket, far: Socket): void {
    for (const end of [near, far]) {
      this.#ends.add(end);
      end.on('error', () => {});
      end.once('close', () => this.#ends.delete(end));
    }
    near.pipe(far).pipe(near);
  }
}
