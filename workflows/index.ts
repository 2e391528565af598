export { batchWorkflow } from './batch.ts'
export { responseWorkflow } from './response.ts'
