/** Moments in microseconds since 1970; null is before the first. */

export function laterUs(a: bigint | null, b: bigint | null): bigint | null {
  if (a === null) return b;
  return b === null || a > b ? a : b;
}
