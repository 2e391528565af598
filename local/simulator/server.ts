import { startSimulator } from './simulator.ts'
import type { StartOptions } from './simulator.ts'

// The process: environment in, one line out when it is ready. README.md has the options.
const options = JSON.parse(process.env['SIRA_SIMULATOR_OPTIONS'] ?? '{}') as StartOptions
const simulator = await startSimulator({
  ...options,
  host: process.env['HOST'] ?? '127.0.0.1',
  port: Number(process.env['PORT'] ?? 0)
})

process.once('SIGTERM', simulator.close)
process.once('SIGINT', simulator.close)

process.stdout.write(JSON.stringify({ simulator: { url: simulator.url } }) + '\n')
