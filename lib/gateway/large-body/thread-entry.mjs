// A worker thread does not take over the TypeScript loader of its process.
import { register } from 'tsx/esm/api'

register()
export const { inspect, render } = await import('./thread.ts')
