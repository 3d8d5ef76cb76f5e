let depth = 0;

/**
 * Computes something whose result does not depend on the randomness that it draws: libraries blind the arithmetic of
 * secrets with random numbers, against attacks that measure it. A simulation lets this randomness pass.
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
