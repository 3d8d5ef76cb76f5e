/** The path of a link's bytes. */
export interface LinkPath {
  /** `'direct'`; `'relayed'`: through a relay; `'webrtc'`: directly, by WebRTC. */
  readonly kind: 'direct' | 'relayed' | 'webrtc';
  /** The relay, if the link goes through one. */
  readonly relay?: RelayUse | undefined;
}

/** The relay that carries a connection, and its limits. */
export interface RelayUse {
  /** The id of the relay. */
  readonly id: string;
  /** How many bytes the relay will still carry, in both directions together. `undefined` if it names no limit. */
  readonly bytesLeft: number | undefined;
  /** For how many seconds the relay will still carry the connection. `undefined` if it names no limit. */
  readonly secondsLeft: number | undefined;
}
