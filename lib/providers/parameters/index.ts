export { describeParameters } from './describe.ts'
export { fitParameters } from './fit.ts'
