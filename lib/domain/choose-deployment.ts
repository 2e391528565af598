/** What is known of a deployment that could be chosen. */
export interface Candidate {
  readonly weight: number
  readonly priority: number
  /** Whether its circuit breaker lets a call through. */
  readonly admitted: boolean
  /** Expected ms of a call, by peakEwma; 0 = not known. */
  readonly latency: number
  readonly inFlight: number
}

/** ms after which an old latency counts for a third of what it did. */
const decay = 10_000
/** ms after which it says nothing any more: what is seen as slow is called less, so nothing newer may have come. */
const forgottenAfter = 3 * decay

/**
 * Peak-sensitive moving average: a slower call counts in full at once, faster ones bring the figure down slowly, the slower
 * the more recent it is. `age` = ms since the last observation.
 */
export function peakEwma (previous: number, observed: number, age: number): number {
  if (remembered(previous, age) === 0 || observed >= previous) return observed
  const kept = Math.exp(-Math.max(0, age) / decay)
  return previous * kept + observed * (1 - kept)
}

/** A latency last observed `age` ms ago, or 0 when that is too long ago. */
export function remembered (latency: number, age: number): number {
  return age > forgottenAfter ? 0 : latency
}

/**
 * The place of the deployment to call, or -1 when none is left: of those not tried yet whose circuit is closed, the best
 * priority; there two are drawn by weight and the one with less expected work (latency × calls in flight for its weight) is
 * likelier taken: with half the work in four of five cases, with a tenth in 99 of 100. The draw spreads the load, the
 * comparison keeps it off the slow. So a deployment gets at least the square of its share of the weights, however slow, and
 * all of its share when it is as quick as the others. A weight of 0 is drawn only when nothing else is there.
 * `random` gives numbers in [0, 1).
 */
export function chooseDeployment (candidates: readonly Candidate[], tried: (place: number) => boolean, random: () => number): number {
  let priority = Infinity
  for (const [place, { admitted, priority: own }] of candidates.entries()) if (admitted && !tried(place) && own < priority) priority = own
  if (priority === Infinity) return -1
  const places: number[] = []
  for (const [place, candidate] of candidates.entries()) if (candidate.admitted && candidate.priority === priority && !tried(place)) places.push(place)
  if (places.length === 1) return places[0]!
  const first = draw(candidates, places, random)
  // of all again: with two deployments, drawing both each time would be no draw, and the slower would never be seen again
  const second = draw(candidates, places, random)
  if (first === second) return first
  const [one, other] = [candidates[first]!, candidates[second]!]
  const mean = places.reduce((sum, place) => sum + candidates[place]!.weight, 0) / places.length
  // odds and not a verdict: a verdict would give every mixed draw to the one that is ahead by a hair, and the weights nothing
  const [here, there] = [work(one, other, mean) ** 2, work(other, one, mean) ** 2]
  return random() * (here + there) < here ? second : first
}

/**
 * Calls in flight are counted for the weight, or the heavier one would always be the busier. One whose latency is not known
 * counts as quick as the other: it then gets its share to be seen by, and not every call until its first answer comes.
 */
function work ({ latency, inFlight, weight }: Candidate, other: Candidate, mean: number): number {
  return (latency || other.latency || 1) * (1 + (weight > 0 ? inFlight * mean / weight : inFlight))
}

function draw (candidates: readonly Candidate[], places: readonly number[], random: () => number): number {
  const total = places.reduce((sum, place) => sum + candidates[place]!.weight, 0)
  if (total === 0) return places[Math.floor(random() * places.length)]!
  let left = random() * total
  for (const place of places) {
    left -= candidates[place]!.weight
    if (left < 0) return place
  }
  return places.findLast(place => candidates[place]!.weight > 0)!
}
