import { createFailResponse } from './fail-response.ts'
import { createRunResponse, type ResponseDependencies } from './run-response.ts'

export type ResponseActivities = ReturnType<typeof createResponseActivities>

/** The activities of a background response. */
export function createResponseActivities (dependencies: ResponseDependencies) {
  return { runResponse: createRunResponse(dependencies), failResponse: createFailResponse(dependencies) }
}
