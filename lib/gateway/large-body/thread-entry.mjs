// A worker thread does not take over the TypeScript loader of its process. Compiled, there is nothing to load: threads begin with thread-work.js.
import { register } from 'tsx/esm/api'

register()
const { default: work } = await import('./thread-work.ts')

export default work
