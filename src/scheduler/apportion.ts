/** Shares in whole numbers, in proportion to weights: the method of the largest remainder, with at least 1 for each. */

/**
 * @param total at least as much as there are weights
 * @param weights greater than 0
 * @returns one share per weight; together exactly `total`; among equals, the first gets more. Empty when there are no weights
 */
export function apportion(total: number, weights: readonly number[]): number[] {
  if (weights.length === 0) return [];
  const sum = weights.reduce((a, b) => a + b, 0);
  const shares = weights.map((weight) => Math.max(1, Math.floor((total * weight) / sum)));
  let left = shares.reduce((rest, share) => rest - share, total);
  const indices = weights.map((_weight, i) => i);
  const remainder = (i: number): number => (total * weights[i]!) % sum;
  if (left > 0) indices.sort((a, b) => remainder(b) - remainder(a) || a - b);
  // Those that got 1 for next to nothing got it from the largest.
  else indices.sort((a, b) => shares[b]! - shares[a]! || a - b);
  for (let n = 0; left !== 0; n = (n + 1) % indices.length) {
    const i = indices[n]!;
    if (left < 0 && shares[i] === 1) continue;
    shares[i]! += Math.sign(left);
    left -= Math.sign(left);
  }
  return shares;
}
