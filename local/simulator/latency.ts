import { draw, purposes } from './random.ts'

/** How long an answer takes; all figures in ms. A plain number is a fixed latency. p50 is the median. */
export type LatencySpec =
  | number
  | { readonly kind: 'fixed', readonly ms: number }
  | { readonly kind: 'uniform', readonly min: number, readonly max: number }
  | { readonly kind: 'exponential', readonly p50: number }
  | { readonly kind: 'lognormal', readonly p50: number, readonly sigma: number }

/** ms. Also the longest hang. */
export const longestLatency = 600_000

/** Whole ms for one body; the same for the same seed and body. */
export function drawLatency (spec: LatencySpec, seed: number, digest: number): number {
  return Math.min(longestLatency, Math.round(sample(spec, seed, digest)))
}

function sample (spec: LatencySpec, seed: number, digest: number): number {
  if (typeof spec === 'number') return spec
  if (spec.kind === 'fixed') return spec.ms
  const first = draw(seed, digest, purposes.latency)
  if (spec.kind === 'uniform') return spec.min + first * (spec.max - spec.min)
  if (spec.kind === 'exponential') return -Math.log(1 - first) * spec.p50 / Math.LN2
  // Box-Muller; 1 - first is never 0.
  const normal = Math.sqrt(-2 * Math.log(1 - first)) * Math.cos(2 * Math.PI * draw(seed, digest, purposes.latencySecond))
  return spec.p50 * Math.exp(spec.sigma * normal)
}
