const count = Number(process.env.PEERLOOM_SEEDS ?? 1);

/** The seeds of a simulation that is run for several; `npm run test:long -- seeds` runs 10. */
export const seeds: readonly number[] = Array.from({ length: count }, (_, at) => at + 1);
