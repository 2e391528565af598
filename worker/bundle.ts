// `node --import tsx worker/bundle.ts FILE`: bundles the workflow code ahead of time, as an image's build or a worker does.
import { writeWorkflowBundle } from './workflow-bundle.ts'

const file = process.argv[2]
if (file === undefined) throw new Error('Usage: worker/bundle.ts FILE')
await writeWorkflowBundle(file)
