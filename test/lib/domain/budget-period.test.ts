import test from 'ava'
import { budgetPeriodStart } from '../../../lib/domain/budget-period.ts'

const startOf = (period: Parameters<typeof budgetPeriodStart>[0], moment: string): string => new Date(budgetPeriodStart(period, Date.parse(moment))).toISOString()

test('budget periods begin at midnight UTC, on Monday, on the first', t => {
  for (const [period, moment, start] of [
    ['day', '2026-11-24T00:00:00.000Z', '2026-11-24'], ['day', '2026-11-24T23:59:59.999Z', '2026-11-24'],
    ['week', '2026-11-23T00:00:00.000Z', '2026-11-23'], ['week', '2026-11-22T23:59:59.999Z', '2026-11-16'], ['week', '2027-01-02T12:00:00.000Z', '2026-12-28'],
    ['month', '2024-02-29T23:59:59.999Z', '2024-02-01'], ['month', '2026-12-31T23:59:59.999Z', '2026-12-01'], ['month', '2027-01-01T00:00:00.000Z', '2027-01-01'],
    ['total', '2026-11-24T12:00:00.000Z', '1970-01-01']
  ] as const) t.is(startOf(period, moment), `${start}T00:00:00.000Z`, `${period} of ${moment}`)
})
