import type { StreamEvent } from '../../../../lib/providers/types.ts'

interface Event { readonly type: string, readonly index: number, readonly [field: string]: unknown }
type Block = Record<string, unknown>

/** Anthropic's events put together to the message they tell, with its protocol checked on the way: blocks in order, one open at a time. */
export function fold (events: readonly StreamEvent[]): Record<string, unknown> {
  let message = null as { usage?: object, [field: string]: unknown } | null
  const content: Block[] = []
  let open: { block: Block, json: string } | null = null
  let stopped = false
  for (const { name, data } of events) {
    const event = JSON.parse(data) as Event
    if (event.type !== name) throw new Error(`${name} carries ${event.type}`)
    if (stopped) throw new Error(`${event.type} after message_stop`)
    if ((message === null) !== (event.type === 'message_start')) throw new Error(`${event.type} is out of place`)
    if (event.type === 'message_start') message = { ...(event.message as object), content }
    else if (event.type === 'content_block_start') {
      if (open !== null || event.index !== content.length) throw new Error(`block ${event.index} starts out of order`)
      open = { block: { ...(event.content_block as object) }, json: '' }
      content.push(open.block)
    } else if (event.type === 'content_block_delta') {
      if (open === null || event.index !== content.length - 1) throw new Error(`a delta of block ${event.index}, which is not open`)
      apply(open, event.delta as Record<string, string>)
    } else if (event.type === 'content_block_stop') {
      if (open === null || event.index !== content.length - 1) throw new Error(`block ${event.index} stops, which is not open`)
      if (open.json !== '') open.block.input = JSON.parse(open.json)
      open = null
    } else if (event.type === 'message_delta') {
      if (open !== null) throw new Error('the message ends with an open block')
      message = { ...message, ...(event.delta as object), usage: { ...message!.usage, ...(event.usage as object) } }
    } else if (event.type === 'message_stop') stopped = true
    else throw new Error(`unknown event ${event.type}`)
  }
  if (!stopped) throw new Error('the stream has no message_stop')
  return message!
}

function apply (open: { block: Block, json: string }, delta: Record<string, string>): void {
  const field = { text_delta: 'text', thinking_delta: 'thinking', signature_delta: 'signature', input_json_delta: 'partial_json' }[delta.type!]
  if (field === undefined) throw new Error(`unknown delta ${delta.type}`)
  if (field === 'partial_json') open.json += delta.partial_json
  else open.block[field] = String(open.block[field]) + delta[field]
}
