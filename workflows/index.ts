export { batchWorkflow } from './batch.ts'
