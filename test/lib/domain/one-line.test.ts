import test from 'ava'
import { onOneLine } from '../../../lib/domain/one-line.ts'

test('JSON over several lines becomes one line with every value untouched', t => {
  t.is(onOneLine('{\r\n  "text": "a\\n  b",\n  "big": 12345678901234567890,\n\n  "list": [\n    1.10\n  ]\n}\n'), '{ "text": "a\\n  b", "big": 12345678901234567890, "list": [ 1.10 ] }')
  t.is(onOneLine('{"a":  1}'), '{"a":  1}')
})
