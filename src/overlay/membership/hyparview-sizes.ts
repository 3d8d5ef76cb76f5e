/** The sizes and lengths of HyParView. The defaults are the paper's, for 10,000 nodes (section 5.1). */
export interface HyParViewSizes {
  /** The number of neighbours of a node. Default 5. */
  readonly active: number;
  /** The most nodes that can replace lost neighbours. Default 30. */
  readonly passive: number;
  /** The number of links of a new node's walk (ARWL). Default 6. */
  readonly activeWalk: number;
  /** The number of remaining links at which a node adds the new node to its passive view (PRWL). Default 3. */
  readonly passiveWalk: number;
  /** The number of links of a shuffle. Default 6, like ARWL: the paper says only that it is a random walk. */
  readonly shuffleWalk: number;
  /** The number of neighbours in a shuffle (ka). Default 3. */
  readonly shuffleActive: number;
  /** The number of passive nodes in a shuffle (kp). Default 4. */
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
