import test from 'ava'
import { parseWindow } from '../../../lib/domain/window.ts'

for (const [text, seconds] of [['90s', 90], ['30m', 1_800], ['24h', 86_400], ['14d', 1_209_600]] as const) {
  test(`a window of ${text} is ${seconds} seconds`, t => { t.is(parseWindow(text), seconds) })
}

for (const text of ['', '0h', '24', 'h', '1.5h', '-1h', '15d', '99999999s', '24H', ' 24h']) {
  test(`"${text}" is no window`, t => { t.is(parseWindow(text), null) })
}
