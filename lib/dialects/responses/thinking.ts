import type { ThinkingBlock } from '../../contracts/chat.ts'
import { isFields } from '../faults.ts'

/** Marks what we wrote, so that another's encrypted content is not read as ours. */
const MARK = 'sira.thinking.'

/** Anthropic's blocks with their signatures, which have to go back before the calls they led to, as a reasoning item can carry them. null = nothing to prove. */
export function sealThinking (blocks: readonly ThinkingBlock[]): string | null {
  if (!blocks.some(block => block.type === 'redacted_thinking' || (block.signature !== undefined && block.signature !== ''))) return null
  return MARK + Buffer.from(JSON.stringify(blocks)).toString('base64')
}

/** Whether `sealThinking` wrote it. */
export function isSealedThinking (sealed: string): boolean {
  return sealed.startsWith(MARK)
}

/** What `sealThinking` wrote; [] for anything else, also for what was tampered with: the provider checks the signatures. */
export function openThinking (sealed: unknown): ThinkingBlock[] {
  if (typeof sealed !== 'string' || !isSealedThinking(sealed)) return []
  const blocks = parse(Buffer.from(sealed.slice(MARK.length), 'base64').toString())
  return Array.isArray(blocks) ? blocks.filter(isThinkingBlock) : []
}

function isThinkingBlock (value: unknown): value is ThinkingBlock {
  if (!isFields(value)) return false
  if (value.type === 'redacted_thinking') return typeof value.data === 'string'
  return value.type === 'thinking' && typeof value.thinking === 'string' && (value.signature === undefined || typeof value.signature === 'string')
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // not ours after all
  }
}
