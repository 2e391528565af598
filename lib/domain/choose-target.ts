import type { WebhookTarget } from '../contracts/webhooks.ts'

/**
 * The target of an attempt: in proportion to the weights among those that have not failed in this round, the same whenever it is asked for the same delivery and round. When
 * all have (the endpoint was changed meanwhile), all are candidates again.
 */
export function chooseTarget (targets: readonly WebhookTarget[], tried: readonly string[], deliveryId: string, round: number): string {
  const left = targets.filter(target => !tried.includes(target.url))
  const candidates = left.length > 0 ? left : targets
  if (candidates.length === 1) return candidates[0]!.url
  let place = shareOf(`${deliveryId}:${round}`) * candidates.reduce((sum, target) => sum + target.weight, 0)
  for (const target of candidates) {
    place -= target.weight
    if (place < 0) return target.url
  }
  return candidates.at(-1)!.url
}

/** A number in [0, 1) that depends on all of the text: FNV-1a, then the finish of MurmurHash3, without which texts that begin alike stay close together. */
function shareOf (text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b)
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35)
  return ((hash ^ hash >>> 16) >>> 0) / 2 ** 32
}
