/** Bytes for the link, and what it calls when it does not need their memory any more. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly sent?: () => void;
}

/** Something whose frames are not queued but asked for, when the link has room for them. */
export interface FrameSource {
  /** There is something to send. */
  readonly isReady: boolean;
  /** The next frames; only where it is ready. */
  nextPiece(): Piece;
}
