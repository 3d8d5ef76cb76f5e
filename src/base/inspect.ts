/** The function `inspect` of Node.js, which it passes to objects with their own `console.log` output. */
export type Inspect = (value: unknown, options?: object) => string;
