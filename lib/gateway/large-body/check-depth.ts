import { isDeeperThan, maxBodyDepth } from '../../domain/batch-line.ts'
import { SiraError } from '../../errors.ts'

/** Levels of a body: what an inline request may have, and the four around it. */
const MOST_LEVELS = maxBodyDepth + 4

/** JSON.parse takes any depth, but what writes or walks a deeper value overflows the stack. Throws SiraError invalid_json. */
export function checkDepth (body: unknown): void {
  if (isDeeperThan(body, MOST_LEVELS)) throw new SiraError('invalid_json', { reason: `it is nested deeper than ${MOST_LEVELS} levels.` })
}
