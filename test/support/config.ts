import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, loadConfig } from '../../lib/config.ts'
import { engineVariable } from './engines.ts'
import { testS3 } from './s3.ts'

/** The environment of a process under test: the test engines, a task queue and a bucket of its own, a free port, quiet. */
export function testEnvironment (overrides: Readonly<Record<string, string>> = {}): Record<string, string> {
  const s3 = testS3()
  return {
    DATABASE_URL: engineVariable('DATABASE_URL'),
    TEMPORAL_ADDRESS: engineVariable('TEMPORAL_ADDRESS'),
    TEMPORAL_UI_URL: engineVariable('TEMPORAL_UI_URL'),
    SIRA_TASK_QUEUE: `test-${randomUUID()}`,
    S3_ENDPOINT: s3.endpoint,
    S3_ACCESS_KEY: s3.accessKey,
    S3_SECRET_KEY: s3.secretKey,
    S3_BUCKET: s3.bucket,
    S3_REGION: s3.region,
    HOST: '127.0.0.1',
    PORT: '0',
    SIRA_JOURNAL_DIR: journalFolder(),
    LOG_LEVEL: 'warn',
    ...overrides
  }
}

const journalFolders: string[] = []
process.once('exit', () => { for (const folder of journalFolders) rmSync(folder, { recursive: true, force: true }) })

/** Not in the run's own folder, however tidy: unix sockets live in it, and their paths are short. */
function journalFolder (): string {
  const folder = mkdtempSync(join(tmpdir(), 'sira-j-'))
  journalFolders.push(folder)
  return folder
}

/** testEnvironment() as a Config. Overrides are variables, as in production: `testConfig({ DATABASE_URL: database.url })`. */
export function testConfig (overrides: Readonly<Record<string, string>> = {}): Config {
  return loadConfig(testEnvironment(overrides))
}
