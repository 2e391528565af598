import test from 'ava'
import { applyPreset } from '../../../lib/gateway/apply-preset.ts'

test('saved parameters fill in what a request does not name', t => {
  const saved = Object.freeze({ model: 'a', temperature: 0.2, top_p: 0.9, stop: ['x'] })
  const own = Object.freeze({ model: 'b', top_p: null, stop: ['y'], messages: [] })
  t.deepEqual<unknown, unknown>(applyPreset(saved, own), { model: 'b', temperature: 0.2, top_p: null, stop: ['y'], messages: [] })
})

test('saved messages come before the request\'s', t => {
  const saved = { messages: [{ role: 'system', content: 'be brief' }] }
  t.deepEqual<unknown, unknown>(applyPreset(saved, { model: 'a', messages: [{ role: 'user', content: 'hi' }] }), {
    model: 'a', messages: [{ role: 'system', content: 'be brief' }, { role: 'user', content: 'hi' }]
  })
  t.is(saved.messages.length, 1)
  t.deepEqual<unknown, unknown>(applyPreset(saved, { model: 'a' }), { model: 'a', messages: saved.messages })
  t.is(applyPreset(saved, { messages: 'nonsense' }).messages, 'nonsense')
})
