/** Bytes for the link, and a callback for when the link no longer needs their memory. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly sent?: () => void;
}

/** A source of frames that are not queued: the channel pulls the next frame when the link has room. */
export interface FrameSource {
  /** Whether there is something to send. */
  readonly isReady: boolean;
  /** The next frames. Call it only while the source is ready. */
  nextPiece(): Piece;
}
