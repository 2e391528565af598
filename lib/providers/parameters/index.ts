export { describeParameters } from './describe.ts'
export { fitParameters } from './fit.ts'
export { fitEmbeddings } from './fit-embeddings.ts'
