import type { ThinkingBlock } from '../../contracts/chat.ts'
import { createCallIndex, type CallPiece } from '../call-index.ts'
import type { Fields } from '../faults.ts'
import type { FunctionCallItem, MessageItem, NewId, OutputItem, ReasoningItem } from './items.ts'
import { createReasoningWriter } from './reasoning-writer.ts'

export type Emit = (type: string, fields: Fields) => void

interface Call {
  id: string
  name: string
  /** Arguments that came before the name did. */
  waiting: string
  extra: FunctionCallItem['extra_content']
  item: FunctionCallItem | null
  place: number
}

/**
 * The output of a response as it grows, each change told as an event. What is said or thought is closed as soon as something else
 * follows; calls stay open to the end, as chat may interleave their pieces.
 */
export function createOutputWriter ({ newId, summarised, emit }: { readonly newId: NewId, readonly summarised: boolean, readonly emit: Emit }) {
  const output: OutputItem[] = []
  const done = new Set<number>()
  const calls: Call[] = []
  const index = createCallIndex(() => {
    const call: Call = { id: '', name: '', waiting: '', extra: undefined, item: null, place: -1 }
    calls.push(call)
    return call
  })
  const reasoning = createReasoningWriter({ summarised, emit })
  let open: { readonly item: MessageItem | ReasoningItem, readonly place: number } | null = null

  function add<Kind extends OutputItem> (item: Kind): { readonly item: Kind, readonly place: number } {
    const place = output.push(item) - 1
    emit('response.output_item.added', { output_index: place, item })
    return { item, place }
  }

  function closeOpen (): void {
    if (open !== null) finish(open.place, false)
    open = null
  }

  function finish (place: number, incomplete: boolean): void {
    const item = output[place]!
    if (item.type === 'reasoning') reasoning.close(item, place)
    else item.status = incomplete ? 'incomplete' : 'completed'
    if (item.type === 'message') closePart(item, place)
    if (item.type === 'function_call') emit('response.function_call_arguments.done', { item_id: item.id, output_index: place, name: item.name, arguments: item.arguments })
    done.add(place)
    emit('response.output_item.done', { output_index: place, item })
  }

  function closePart (item: MessageItem, place: number): void {
    const part = item.content.at(-1)
    if (part === undefined) return
    const at = { item_id: item.id, output_index: place, content_index: item.content.length - 1 }
    if (part.type === 'output_text') emit('response.output_text.done', { ...at, text: part.text, logprobs: part.logprobs })
    else emit('response.refusal.done', { ...at, refusal: part.refusal })
    emit('response.content_part.done', { ...at, part })
  }

  function message (): { readonly item: MessageItem, readonly place: number } {
    if (open?.item.type === 'message') return { item: open.item, place: open.place }
    closeOpen()
    const added = add<MessageItem>({ id: newId('msg_'), type: 'message', role: 'assistant', status: 'in_progress', content: [] })
    open = added
    return added
  }

  function addPart (item: MessageItem, place: number, part: MessageItem['content'][number]): void {
    closePart(item, place)
    item.content.push(part)
    emit('response.content_part.added', { item_id: item.id, output_index: place, content_index: item.content.length - 1, part })
  }

  function thinkingItem (): { readonly item: ReasoningItem, readonly place: number } {
    if (open?.item.type === 'reasoning') return { item: open.item, place: open.place }
    closeOpen()
    const added = add<ReasoningItem>({ id: newId('rs_'), type: 'reasoning', summary: [], content: [], encrypted_content: null })
    open = added
    return added
  }

  function showCall (call: Call): void {
    if (call.item === null) {
      closeOpen()
      const id = newId('fc_')
      const extra = call.extra === undefined ? {} : { extra_content: call.extra }
      const added = add<FunctionCallItem>({ id, type: 'function_call', call_id: call.id === '' ? newId('call_') : call.id, name: call.name, arguments: '', status: 'in_progress', ...extra })
      call.item = added.item
      call.place = added.place
    }
    const delta = call.waiting
    if (delta === '') return
    call.waiting = ''
    call.item.arguments += delta
    emit('response.function_call_arguments.delta', { item_id: call.item.id, output_index: call.place, delta })
  }

  return {
    output,
    say (delta: string, logprobs: readonly unknown[]): void {
      const { item, place } = message()
      if (item.content.at(-1)?.type !== 'output_text') addPart(item, place, { type: 'output_text', text: '', annotations: [], logprobs: [] })
      const part = item.content.at(-1)!
      if (part.type !== 'output_text') return
      part.text += delta
      part.logprobs.push(...logprobs)
      emit('response.output_text.delta', { item_id: item.id, output_index: place, content_index: item.content.length - 1, delta, logprobs })
    },
    refuse (delta: string): void {
      const { item, place } = message()
      if (item.content.at(-1)?.type !== 'refusal') addPart(item, place, { type: 'refusal', refusal: '' })
      const part = item.content.at(-1)!
      if (part.type !== 'refusal') return
      part.refusal += delta
      emit('response.refusal.delta', { item_id: item.id, output_index: place, content_index: item.content.length - 1, delta })
    },
    think (delta: string): void {
      const { item, place } = thinkingItem()
      reasoning.say(item, place, delta)
    },
    /** `told` = its text came as reasoning_content beside it. */
    thinkBlock (block: ThinkingBlock, told: boolean): void {
      const { item, place } = thinkingItem()
      reasoning.block(item, place, block, told)
    },
    call (piece: CallPiece): void {
      const call = index.find(piece)
      if (call.id === '') call.id = piece.id ?? ''
      if (call.name === '') call.name = piece.function?.name ?? ''
      call.waiting += piece.function?.arguments ?? ''
      call.extra = piece.extra_content ?? call.extra
      if (call.item !== null && call.extra !== undefined) call.item.extra_content = call.extra
      if (call.name !== '') showCall(call)
    },
    /** Closes what is open, in order. `incomplete`: the last item was cut. */
    end (incomplete: boolean): void {
      for (const call of calls) showCall(call)
      open = null
      for (let place = 0; place < output.length; place++) {
        if (!done.has(place)) finish(place, incomplete && place === output.length - 1)
      }
    },
    /** Nothing more will come of what is open. */
    cut (): void {
      output.forEach((item, place) => { if (!done.has(place) && item.type !== 'reasoning') item.status = 'incomplete' })
    }
  }
}
