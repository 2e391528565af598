/**
 * One worker's part of a limit per minute, as a token bucket. It refills continuously and holds one second's worth, so that
 * calls are spread over the minute as providers want them, and so that no sliding minute sees more than the limit: a full
 * bucket plus a minute's refill is exactly the limit. Refill and size go with the worker's share of the provider's slots;
 * what it has saved does not grow when its share does, so the workers together stay within the limit while their shares
 * add up to at most 1. Two things can pass it: a call that costs more than the bucket holds goes when the bucket is full and
 * leaves a debt (otherwise it could never go), and a worker that was idle starts with what it could have saved meanwhile.
 */
export interface RateBucket {
  perMinute: number
  /** Units per ms at the whole share. */
  refill: number
  /** Units at the whole share. */
  capacity: number
  share: number
  level: number
  /** ms, monotonic. */
  updatedAt: number
}

/** An idle bucket: setShare makes it work. */
export function createRateBucket (perMinute: number): RateBucket {
  return { perMinute, ...paceOf(perMinute), share: 0, level: 0, updatedAt: -Infinity }
}

function paceOf (perMinute: number): Pick<RateBucket, 'refill' | 'capacity'> {
  const capacity = Math.max(1, perMinute / 60)
  // the first unit of a minute is the last of the one before, so a bucket of one unit takes nothing from the refill
  return { refill: (perMinute - capacity + 1) / 60_000, capacity }
}

/**
 * From now on another rate. What was saved stays as far as the new size holds it. A debt never takes longer than it would
 * have: a lower rate makes it smaller, because what one expensive call had left over would else stand still for hours.
 */
export function setRate (bucket: RateBucket, perMinute: number, now: number): void {
  if (bucket.share > 0) advance(bucket, now)
  const before = bucket.refill
  Object.assign(bucket, { perMinute }, paceOf(perMinute))
  if (bucket.level < 0) bucket.level *= Math.min(1, bucket.refill / before)
}

/** `share` is from 0, idle, to 1. */
export function setShare (bucket: RateBucket, share: number, now: number): void {
  if (bucket.share === 0) bucket.share = share
  if (bucket.share > 0) advance(bucket, now)
  bucket.share = share
}

/** ms until a call of this cost may go; 0 = now. */
export function waitFor (bucket: RateBucket, cost: number, now: number): number {
  advance(bucket, now)
  const missing = Math.min(cost, bucket.capacity * bucket.share) - bucket.level
  // what rounding leaves over is no reason to wait
  return missing <= 1e-9 ? 0 : missing / (bucket.refill * bucket.share)
}

/** Charges a call that waitFor let go. */
export function charge (bucket: RateBucket, cost: number): void {
  bucket.level -= cost
}

function advance (bucket: RateBucket, now: number): void {
  bucket.level = Math.min(bucket.capacity * bucket.share, bucket.level + (now - bucket.updatedAt) * bucket.refill * bucket.share)
  bucket.updatedAt = now
}
