/**
 * Writes a number in base 128, the most significant digit first. All bytes except the last have their highest bit set.
 */
export function writeVarint(bytes: number[], value: number): void {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    digits.push((rest % 128) + 128);
  while (digits.length > 0) bytes.push(digits.pop()!);
}
