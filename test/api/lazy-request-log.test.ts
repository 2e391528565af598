import test from 'ava'
import { pino } from 'pino'
import { createLazyRequestLog } from '../../api/lazy-request-log.ts'

test('the logger of a request is made with its first line that is written, and writes it as any other would', t => {
  const lines: Array<Record<string, unknown>> = []
  const parent = pino({ level: 'info', base: null, timestamp: false }, { write (line: string) { lines.push(JSON.parse(line) as Record<string, unknown>) } })
  let made = 0
  const counting = Object.assign(Object.create(parent) as typeof parent, { child: (...options: Parameters<typeof parent.child>) => { made += 1; return parent.child(...options) } })
  const log = createLazyRequestLog(counting, { reqId: 'req_1' }, { level: 'warn' })
  t.is(log.level, 'warn')
  for (const method of ['trace', 'debug', 'info'] as const) log[method]({ a: 1 }, 'not written')
  t.is(made, 0)
  log.warn({ a: 1 }, 'written')
  log.error({ err: new Error('x') }, 'written too')
  t.is(made, 1)
  t.like(lines, [{ level: 40, reqId: 'req_1', a: 1, msg: 'written' }, { level: 50, reqId: 'req_1', msg: 'written too' }])
  log.child({ part: 'b' }).warn('of a part')
  t.like(lines[2], { reqId: 'req_1', part: 'b', msg: 'of a part' })
  log.level = 'info'
  log.info('now written')
  t.is(lines.length, 4)
  t.is(createLazyRequestLog(counting, {}, {}).level, 'info')
})
