export { batchWorkflow } from './batch.ts'
export { responseWorkflow } from './response.ts'
export { webhookDispatchWorkflow } from './webhook-dispatch.ts'
export { webhookReplayWorkflow } from './webhook-replay.ts'
