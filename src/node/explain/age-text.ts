/** A duration or an age for people: `'3.2 s'`, `'5 min'`. Rounding takes it to the next unit where it fills one. */
export function ageText(ms: number): string {
  if (Math.round(ms) < 1_000) return `${Math.round(ms)} ms`;
  if (Math.round(ms / 100) < 600) return `${(Math.round(ms / 100) / 10).toFixed(1)} s`;
  if (Math.round(ms / 60_000) < 60) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}
