/** Bytes for the link, and a callback for when the link no longer needs their memory. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly sent?: () => void;
}

/** A source of frames that are not queued: the channel asks for the next one when the link has room. */
export interface FrameSource {
  /** There is something to send. */
  readonly isReady: boolean;
  /** The next frames; only where it is ready. */
  nextPiece(): Piece;
}
