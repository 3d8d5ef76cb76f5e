const view = new DataView(new ArrayBuffer(4));

/**
 * The bits of a number as a half-precision float (IEEE 754 binary16), or `undefined` if it does not fit into one exactly.
 * `Float16Array` is not on every runtime.
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
  // Below 2^-14, fewer bits of the fraction are left, and its leading 1 is written out.
  const lost = exponent < -14 ? -1 - exponent : 13;
  const whole = exponent < -14 ? fraction | 0x80_0000 : fraction;
  if ((whole & ((1 << lost) - 1)) !== 0) return undefined;
  const biased = exponent < -14 ? 0 : exponent + 15;
  return sign | (biased << 10) | (whole >>> lost);
}

/** The bits of the half-precision float that is nearest to a number; ties go to the even one, a NaN stays one. */
export function roundedHalfBits(value: number): number {
  const size = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (Number.isNaN(value)) return 0x7e00;
  // Half-way between the largest number, 65504, and what would be the next one.
  if (size >= 65520) return sign | 0x7c00;
  // One bit of the last place: a power of two, by which a division is exact.
  const exponent = Math.max(-14, size === 0 ? -14 : Math.floor(Math.log2(size)));
  const unit = 2 ** (exponent - 10);
  const units = Math.floor(size / unit);
  const rest = size / unit - units;
  const rounded = units + (rest > 0.5 || (rest === 0.5 && units % 2 === 1) ? 1 : 0);
  // A carry leads into the exponent, and so to the right number.
  return sign | (((exponent + 14) << 10) + rounded);
}

/** The number of a half-precision float. */
export function halfOf(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (0x400 | fraction) * 2 ** (exponent - 25);
}
