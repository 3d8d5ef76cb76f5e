/** The `inspect` of Node.js, as it hands itself to objects that say what `console.log` shows of them. */
export type Inspect = (value: unknown, options?: object) => string;
