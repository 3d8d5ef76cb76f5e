let depth = 0;

/**
 * Runs a computation whose result does not depend on the randomness that it draws: libraries blind secret arithmetic
 * with random numbers, against side-channel attacks. A simulation allows this use of the system's randomness.
 */
export function blinded<Result>(compute: () => Result): Result {
  depth++;
  try {
    return compute();
  } finally {
    depth--;
  }
}

/** Whether the code that runs now was called through {@link blinded}. */
export function isBlinding(): boolean {
  return depth > 0;
}
