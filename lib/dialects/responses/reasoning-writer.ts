import type { ThinkingBlock } from '../../contracts/chat.ts'
import type { ReasoningItem } from './items.ts'
import type { Emit } from './output-writer.ts'
import { sealThinking } from './thinking.ts'

/** The events that tell a summary, and those that tell the thoughts themselves. */
const kinds = {
  summary: { index: 'summary_index', part: 'summary_text', added: 'response.reasoning_summary_part.added', delta: 'response.reasoning_summary_text.delta', done: 'response.reasoning_summary_text.done', closed: 'response.reasoning_summary_part.done' },
  content: { index: 'content_index', part: 'reasoning_text', added: 'response.content_part.added', delta: 'response.reasoning_text.delta', done: 'response.reasoning_text.done', closed: 'response.content_part.done' }
} as const

/** What is thought, written into a reasoning item that has one part. */
export function createReasoningWriter ({ summarised, emit }: { readonly summarised: boolean, readonly emit: Emit }) {
  const kind = summarised ? kinds.summary : kinds.content
  let blocks: ThinkingBlock[] = []
  let unsigned = '' // since the last block
  let asReasoning = false // how that came

  const part = (item: ReasoningItem) => (summarised ? item.summary : item.content)[0]
  const at = (item: ReasoningItem, place: number) => ({ item_id: item.id, output_index: place, [kind.index]: 0 })

  function say (item: ReasoningItem, place: number, delta: string): void {
    if (part(item) === undefined) {
      if (summarised) item.summary.push({ type: 'summary_text', text: '' })
      else item.content.push({ type: 'reasoning_text', text: '' })
      emit(kind.added, { ...at(item, place), part: part(item) })
    }
    part(item)!.text += delta
    unsigned += delta
    emit(kind.delta, { ...at(item, place), delta })
  }

  return {
    say (item: ReasoningItem, place: number, delta: string): void {
      asReasoning = true
      say(item, place, delta)
    },
    /** Adapters tell a block's text as reasoning_content and repeat it in the block that brings its signature. */
    block (item: ReasoningItem, place: number, block: ThinkingBlock, told: boolean): void {
      if (block.type === 'redacted_thinking') {
        blocks.push(block)
        return
      }
      const signed = block.signature !== undefined && block.signature !== ''
      const repeated = told || ((asReasoning || signed) && block.thinking === unsigned)
      if (!repeated && block.thinking !== '') say(item, place, block.thinking)
      asReasoning &&= !signed
      if (!signed) return
      blocks.push({ type: 'thinking', thinking: unsigned, signature: block.signature! })
      unsigned = ''
    },
    close (item: ReasoningItem, place: number): void {
      const text = part(item)?.text
      if (text !== undefined) {
        emit(kind.done, { ...at(item, place), text })
        emit(kind.closed, { ...at(item, place), part: part(item) })
      }
      item.encrypted_content = sealThinking(blocks)
      blocks = []
      unsigned = ''
      asReasoning = false
    }
  }
}
