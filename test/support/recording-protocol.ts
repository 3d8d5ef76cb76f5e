import type { Protocol, ProtocolHost, ProtocolPeer } from '../../src/index.ts';

/** A protocol that writes down what happens to it. */
export class RecordingProtocol implements Protocol {
  readonly name: string;
  readonly outlivesLinks: boolean | undefined;
  host!: ProtocolHost;
  /** `'opened b'`, `'b: text'`, `'closed b'`, with the names of the peers. */
  readonly told: string[] = [];
  onReceived: (peer: ProtocolPeer, text: string) => void | Promise<void> = () => {};
  #watchers: (() => void)[] = [];

  constructor(name: string, { outlivesLinks }: { outlivesLinks?: boolean } = {}) {
    this.name = name;
    this.outlivesLinks = outlivesLinks;
  }

  attach(host: ProtocolHost): void {
    this.host = host;
  }

  opened(peer: ProtocolPeer): void {
    this.#tell(`opened ${peer.connection.name}`);
  }

  received(peer: ProtocolPeer, bytes: Uint8Array): void | Promise<void> {
    const text = Buffer.from(bytes).toString();
    this.#tell(`${peer.connection.name}: ${text.slice(0, 100)}`);
    return this.onReceived(peer, text);
  }

  closed(peer: ProtocolPeer): void {
    this.#tell(`closed ${peer.connection.name}`);
  }

  /** The peer of that name, once the protocol is open for it. */
  async peer(name: string): Promise<ProtocolPeer> {
    await this.until(() => this.#find(name) !== undefined);
    return this.#find(name)!;
  }

  /** Resolves once the condition holds, which is looked at whenever something happens. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  #find(name: string): ProtocolPeer | undefined {
    return [...this.host.peers].find(({ connection }) => connection.name === name);
  }

  #tell(text: string): void {
    this.told.push(text);
    for (const wake of this.#watchers.splice(0)) wake();
  }
}
