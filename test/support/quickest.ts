/**
 * The least of what `measure` gives in `times` goes, one after the other, in ms: on a busy machine a single go may take any time, and
 * the rest of the machine can only add to it. For promises of the product with a figure; that something ends at all needs no clock.
 */
export async function quickestOf (times: number, measure: (time: number) => Promise<number>): Promise<number> {
  let quickest = Infinity
  for (let time = 0; time < times; time++) quickest = Math.min(quickest, await measure(time))
  return quickest
}
