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

/** The number of a half-precision float. */
export function halfOf(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (0x400 | fraction) * 2 ** (exponent - 25);
}
