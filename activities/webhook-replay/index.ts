import { createCountReplay } from './count-replay.ts'
import type { ReplayDependencies } from './dependencies.ts'
import { createFinishReplay, createRequestCancelOfReplay } from './finish-replay.ts'
import { createQueueReplay } from './queue-replay.ts'

export type ReplayActivities = ReturnType<typeof createReplayActivities>

/** The activities of a replay of webhooks. */
export function createReplayActivities (dependencies: ReplayDependencies) {
  return {
    queueReplay: createQueueReplay(dependencies),
    countReplay: createCountReplay(dependencies),
    finishReplay: createFinishReplay(dependencies),
    requestCancelOfReplay: createRequestCancelOfReplay(dependencies)
  }
}
