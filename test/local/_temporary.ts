import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

/** A folder that is removed after the test; like every folder made so, only its owner may enter it. */
export function temporaryFolder (t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sira-local-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
