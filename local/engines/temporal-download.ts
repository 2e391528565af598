import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Temporal's own SDK can download the development server, but only by starting it: it is started once into `folder`, and
 * the file it left there is ours. Without a network this fails within moments, and the server is built instead.
 */
export async function downloadTemporal (folder: string): Promise<string | null> {
  const { TestWorkflowEnvironment } = await import('@temporalio/testing')
  try {
    const environment = await TestWorkflowEnvironment.createLocal({
      server: { executable: { type: 'cached-download', downloadDir: folder, version: 'v1.8.2' }, log: { format: 'json', level: 'error' } }
    })
    await environment.teardown()
  } catch {
    return null
  }
  const [file] = readdirSync(folder)
  return file === undefined ? null : join(folder, file)
}
