import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import test from 'ava'

/** What a process writes that makes a logger and runs `code` with it. */
async function written (code: string): Promise<Array<Record<string, unknown>>> {
  const program = `import { createLogger } from './lib/log.ts'; const log = createLogger('info', 'test'); ${code}`
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program])
  return stdout.trim().split('\n').map(line => JSON.parse(line) as Record<string, unknown>)
}

test('an error is logged by what it says and its stack, without the insides of the client that it came from', async t => {
  const [line] = await written("log.warn({ err: Object.assign(new Error('gone', { cause: new Error('reset') }), { code: '57P01', client: { user: 'postgres', connection: {} } }) }, 'lost')")
  const { err, msg } = line as { err: Record<string, unknown>, msg: string }
  t.is(msg, 'lost')
  t.deepEqual(Object.keys(err).sort(), ['code', 'message', 'stack', 'type'])
  t.regex(String(err.stack), /gone[^]*caused by: Error: reset/)
})

test('a key in a line, whatever field it is in, and a field that is a secret by its name are not written', async t => {
  const key = `sira_${'a1'.repeat(19)}`
  const lines = await written(`log.info({ anything: ['${key}'], endpoint: { secret: 'hidden' } }, 'with Bearer ${key} and another Bearer token-of-a-library')`)
  t.is(lines.length, 1)
  t.notRegex(JSON.stringify(lines), /a1a1|hidden|token-of/)
})
