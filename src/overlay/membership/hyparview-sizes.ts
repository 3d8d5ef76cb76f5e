/** The sizes and lengths of HyParView. The defaults are the paper's, for 10,000 nodes (section 5.1). */
export interface HyParViewSizes {
  /** Neighbours of a node. Default 5. */
  readonly active: number;
  /** Nodes that it can turn to when it loses neighbours. Default 30. */
  readonly passive: number;
  /** Links that a new node's walk goes over (ARWL). Default 6. */
  readonly activeWalk: number;
  /** What is left of the walk where the new node is noted as a passive one (PRWL). Default 3. */
  readonly passiveWalk: number;
  /** Links that a shuffle goes over. Default 6, as ARWL: the paper says only that it is a random walk. */
  readonly shuffleWalk: number;
  /** Neighbours in a shuffle (ka). Default 3. */
  readonly shuffleActive: number;
  /** Passive nodes in a shuffle (kp). Default 4. */
  readonly shufflePassive: number;
}

export const hyParViewSizes = {
  active: 5,
  passive: 30,
  activeWalk: 6,
  passiveWalk: 3,
  shuffleWalk: 6,
  shuffleActive: 3,
  shufflePassive: 4,
} as const satisfies HyParViewSizes;
