/** What a row sends: systems that carry values get all four kinds, text systems two, the others bytes alone. */
export type Message = Uint8Array | Float32Array | string | object;

/** True: send on. False: wait for `drained()`. A promise: wait for it. */
export type Sent = boolean | Promise<unknown>;

/** What a row is going to do, so that each system can be set up the way its documentation recommends for it. */
export interface Plan {
  /** None; one way; or messages in both directions with answers. */
  readonly traffic: 'none' | 'one-way' | 'exchange';
  /** The size of the messages; a bare socket that carries one size only needs no framing. */
  readonly messageBytes: number;
  /** Links that an endpoint may be asked to hold. */
  readonly maxLinks: number;
  /** A message arrived. */
  readonly onMessage: (message: Message, link: Link) => void;
  /** For bare sockets with one-way traffic: the next bytes, beginning at `offset` of a message. */
  readonly onPiece: (bytes: Uint8Array, offset: number) => void;
  /** The listening side has authenticated a dialler and taken it in. */
  readonly onAccepted?: () => void;
}

/** One connection, authenticated where the system does that. */
export interface Link {
  send(message: Message): Sent;
  drained(): Promise<unknown>;
  /** A request with an answer, where the system has its own; others are given one made of `send` and an echo. */
  request?(message: Uint8Array): Promise<unknown>;
  /** The smallest round trip that the system offers on a busy link; otherwise `request` is used. */
  ping?(): Promise<unknown>;
  /** Where there is no traffic, in good order: what the dialler said last reaches the listener. */
  stop(): Promise<unknown>;
}

/** One identity, which can listen and dial. */
export interface Endpoint {
  /** @returns the address that `dial` takes. */
  listen(): Promise<string>;
  dial(address: string): Promise<Link>;
  /** Sends to many links at once, where the system has its own way; otherwise a loop is used. */
  sendToAll?(links: readonly Link[], message: Message): readonly Link[];
  stop(): Promise<unknown>;
}

/** A node of a network whose nodes pass on what is for all of them. */
export interface Member {
  readonly address: string;
  connect(address: string): Promise<unknown>;
  /** Resolves when what is for all takes its ways. @param neighbours that the member has, or more. */
  ready(neighbours: number): Promise<unknown>;
  /** Sends to all other members. A promise: wait for it. */
  broadcast(body: Uint8Array): unknown;
  /** Copies of what it had already that have arrived so far. */
  copies(): number;
  stop(): Promise<unknown>;
}

/** A system under test, within one process. */
export interface System {
  /** What `send` takes as it is. */
  readonly carries: 'values' | 'text' | 'bytes';
  createEndpoint(plan: Plan): Promise<Endpoint>;
  /** For systems that have broadcasts. */
  createMember?(onBroadcast: (body: Uint8Array) => void): Promise<Member>;
}

/** What the module of a system exports. */
export interface SystemModule {
  createSystem(variant: string): System | Promise<System>;
}
