const view = new DataView(new ArrayBuffer(4));

/**
 * Returns the bits of a number as a half-precision float (IEEE 754 binary16). `undefined` if the number does not fit
 * exactly. It does not need `Float16Array`, which some runtimes do not have.
 *
 * @param value a number that fits into single precision exactly.
 */
export function halfBitsOf(value: number): number | undefined {
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127;
  const fraction = bits & 0x7f_ffff;
  if (exponent === 128) return Number.isNaN(value) ? 0x7e00 : sign | 0x7c00;
  if (value === 0) return sign;
  if (exponent > 15 || exponent < -24) return undefined;
  // Below 2^-14, the fraction has fewer bits, and its leading 1 is stored explicitly.
  const lost = exponent < -14 ? -1 - exponent : 13;
  const whole = exponent < -14 ? fraction | 0x80_0000 : fraction;
  if ((whole & ((1 << lost) - 1)) !== 0) return undefined;
  const biased = exponent < -14 ? 0 : exponent + 15;
  return sign | (biased << 10) | (whole >>> lost);
}

/** Returns the bits of the half-precision float nearest to a number, ties to even. A NaN stays a NaN. */
export function roundedHalfBits(value: number): number {
  const size = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (Number.isNaN(value)) return 0x7e00;
  // Half-way between the largest number, 65504, and what would be the next number.
  if (size >= 65520) return sign | 0x7c00;
  // The exponent sets the value of the last bit: a power of two, so that dividing by it is exact.
  const exponent = Math.max(-14, size === 0 ? -14 : Math.floor(Math.log2(size)));
  const unit = 2 ** (exponent - 10);
  const units = Math.floor(size / unit);
  const rest = size / unit - units;
  const rounded = units + (rest > 0.5 || (rest === 0.5 && units % 2 === 1) ? 1 : 0);
  // A carry goes into the exponent, which gives the right number.
  return sign | (((exponent + 14) << 10) + rounded);
}

/** Returns the number with these half-precision bits. */
export function halfOf(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (0x400 | fraction) * 2 ** (exponent - 25);
}
