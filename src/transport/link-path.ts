/** Which way the bytes of a link go. */
export interface LinkPath {
  /** `'direct'`; `'relayed'`: through a relay; `'webrtc'`: directly, by WebRTC. */
  readonly kind: 'direct' | 'relayed' | 'webrtc';
  /** The relay, if the link goes through one. */
  readonly relay?: RelayUse | undefined;
}

/** The relay that carries a connection, and what it lets the connection do. */
export interface RelayUse {
  /** The id of the relay. */
  readonly id: string;
  /** How many bytes the relay will still carry, both directions together. `undefined`: it names no limit. */
  readonly bytesLeft: number | undefined;
  /** For how many seconds the relay will still carry the connection. `undefined`: it names no limit. */
  readonly secondsLeft: number | undefined;
}
