import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runDemo } from './demo/run-demo.ts'
import { createScreen } from './screen.ts'
import { type Stack, startStack } from './stack.ts'

const help = `npm start [-- flags]

Starts Sira with everything it needs on this machine and runs a sample batch.

  --no-demo      do not run the sample batch
  --exit         stop after the sample batch; the exit status is 0 when it completed
  --port NUMBER  of the API (default 8080; another one when it is busy)
  --data DIR     where all state lives (default .sira)
  --help

Your own engines instead of local ones: DATABASE_URL, TEMPORAL_ADDRESS, S3_ENDPOINT with S3_ACCESS_KEY and S3_SECRET_KEY.
Your own providers: SIRA_CONFIG. All variables: docs/configuration.md.`

const screen = createScreen(process.stdout)
const flags = readFlags()
if (flags.help) screen.print(help)
else await main()

async function main (): Promise<void> {
  let stack: Stack | undefined
  let stopping: Promise<void> | undefined
  const end = (status: number): void => {
    // Before the stack is up, or when asked twice, we leave at once: the guard ends what has been started.
    if (stack === undefined || stopping !== undefined) process.exit(status || 1)
    screen.print('Stopping…')
    stopping = stack.stop().then(() => process.exit(status), error => {
      screen.print(String(error))
      process.exit(1)
    })
  }
  // 128 + the signal's number, as shells have it; a stack stopped by Ctrl-C has done what it was asked to.
  process.on('SIGINT', () => end(0))
  process.on('SIGTERM', () => end(0))
  process.on('SIGHUP', () => end(129))

  screen.print('Starting Postgres, Temporal, S3, the provider simulator, api and worker…')
  const started = performance.now()
  try {
    stack = await startStack({ dataDir: flags.data, port: flags.port, say: screen.print })
  } catch (error) {
    screen.print(error instanceof Error ? error.message : String(error))
    process.exit(1)
  }
  screen.print(`Up after ${((performance.now() - started) / 1000).toFixed(1)} s.\n\n${describe(stack)}\n`)

  const status = flags.demo ? await demonstrate(stack) : 0
  if (flags.exit) end(status)
  else screen.print('\nCtrl-C stops everything; npm start goes on from the same data.')
}

async function demonstrate (stack: Stack): Promise<number> {
  if (process.env.SIRA_CONFIG) {
    screen.print('No sample batch: it uses the simulator’s models, and SIRA_CONFIG names others.')
    return 0
  }
  try {
    await runDemo({ apiUrl: stack.apiUrl, apiKey: stack.apiKey, folder: join(stack.dataDir, 'demo'), print: screen.print, redraw: screen.redraw })
    return 0
  } catch (error) {
    screen.print(`The sample batch failed: ${error instanceof Error ? error.message : String(error)}`)
    screen.print(`Logs: ${show(join(stack.dataDir, 'logs'))}`)
    return 1
  }
}

function describe (stack: Stack): string {
  const rows = [
    ['API', `${stack.apiUrl}/v1`],
    ['API pages', `${stack.apiUrl}/docs`],
    ['key', stack.apiKey],
    ['Temporal UI', stack.temporalUiUrl ?? `none (server ${stack.temporalAddress})`],
    ['Postgres', new URL(stack.databaseUrl).host],
    ['S3', stack.s3Endpoint],
    ['simulator', stack.simulatorUrl],
    ['webhooks', 'may go to http: and 127.0.0.1 here (SIRA_WEBHOOK_ALLOW_…)'],
    ['more', `${show(join(stack.dataDir, 'stack.json'))} (passwords, admin key, pids), ${show(join(stack.dataDir, 'logs'))}/`]
  ]
  return rows.map(([name = '', value]) => `  ${name.padEnd(12)}${value}`).join('\n')
}

function show (path: string): string {
  const short = relative(process.cwd(), path)
  return short.startsWith('..') ? path : short
}

function readFlags (): { help: boolean, demo: boolean, exit: boolean, port: number, data: string } {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: 'boolean', default: false },
        'no-demo': { type: 'boolean', default: false },
        exit: { type: 'boolean', default: false },
        port: { type: 'string', default: '8080' },
        data: { type: 'string', default: '.sira' }
      }
    })
    const port = Number(values.port)
    if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`--port ${values.port}: a number from 0 to 65535 is needed`)
    return { help: values.help, demo: !values['no-demo'], exit: values.exit, port, data: resolve(values.data) }
  } catch (error) {
    screen.print(`${error instanceof Error ? error.message : String(error)}\n\n${help}`)
    process.exit(2)
  }
}
