import cluster from 'node:cluster'
import { loadConfig } from '../lib/config.ts'
import { createLogger } from '../lib/log.ts'

const config = loadConfig()

if (config.api.processes > 1 && cluster.isPrimary) {
  const { runPrimary } = await import('./cluster.ts')
  await runPrimary(config.api.processes, createLogger(config.logLevel, 'api'))
  process.exit(0)
} else {
  await import('./process.ts')
}
