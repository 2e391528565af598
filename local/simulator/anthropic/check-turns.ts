import type { JsonObject } from '../answers/answer.ts'

interface Block { readonly type?: string, readonly text?: string, readonly id?: string, readonly tool_use_id?: string, readonly signature?: string }

/** Signatures the simulator gives, and the only ones it takes back. */
export const signature = 'sim-signature'

/** What is wrong with the order and the blocks of the turns; null = nothing. */
export function checkTurns (body: JsonObject): string | null {
  const messages = body['messages']
  if (!Array.isArray(messages) || messages.length === 0) return 'messages: at least one message is required'
  let uses: string[] = []
  for (const [index, message] of (messages as readonly { role?: string, content?: unknown }[]).entries()) {
    const where = `messages.${index}`
    if (message?.role !== 'user' && message?.role !== 'assistant') return `${where}: Unexpected role "${String(message?.role)}".`
    if (typeof message.content === 'string' ? message.content.trim() === '' : !Array.isArray(message.content) || message.content.length === 0) {
      return `${where}: all messages must have non-empty content`
    }
    const blocks = blocksOf(message.content)
    const wrong = checkBlocks(blocks, where) ?? checkResults(blocks, uses, where)
    if (wrong !== null) return wrong
    uses = message.role === 'assistant' ? blocks.flatMap(block => block.type === 'tool_use' ? [block.id ?? ''] : []) : []
  }
  if (uses.length > 0) return `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${uses.join(', ')}.`
  if (!Array.isArray(body['tools']) && JSON.stringify(messages).includes('"tool_use_id":')) return 'Requests which include `tool_use` or `tool_result` blocks must define tools.'
  return checkEnd(body, messages as readonly { role: string, content: unknown }[])
}

function checkBlocks (blocks: readonly Block[], where: string): string | null {
  for (const block of blocks) {
    if (block.type === 'text' && !(block.text ?? '').trim()) return `${where}: text content blocks must contain non-whitespace text`
    if (block.type === 'thinking' && block.signature !== signature) return `${where}: Invalid \`signature\` in \`thinking\` block`
    if (block.type === 'tool_use' && !/^[a-zA-Z0-9_-]+$/.test(block.id ?? '')) return `${where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`
  }
  return null
}

/** The results of the calls before have to be there, all of them, and before anything else. */
function checkResults (blocks: readonly Block[], uses: readonly string[], where: string): string | null {
  const results = blocks.flatMap(block => block.type === 'tool_result' ? [block.tool_use_id ?? ''] : [])
  const leading = blocks.findIndex(block => block.type !== 'tool_result')
  const missing = uses.filter(id => !results.includes(id))
  if (missing.length > 0 || (uses.length > 0 && leading !== -1 && leading < results.length)) {
    return `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${(missing.length > 0 ? missing : uses).join(', ')}.`
  }
  const unknown = results.find(id => !uses.includes(id))
  return unknown === undefined ? null : `${where}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${unknown}.`
}

function checkEnd (body: JsonObject, messages: readonly { role: string, content: unknown }[]): string | null {
  const last = messages.at(-1)!
  const text = typeof last.content === 'string' ? last.content : blocksOf(last.content).at(-1)?.text
  if (last.role === 'assistant' && text !== undefined && text !== text.trimEnd()) return 'final assistant content cannot end with trailing whitespace'
  const budget = (body['thinking'] as JsonObject | undefined)?.['type'] === 'enabled'
  const before = blocksOf(messages.at(-2)?.content)
  if (budget && before.some(block => block.type === 'tool_use') && !before[0]?.type?.endsWith('thinking')) {
    return 'Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block.'
  }
  return null
}

function blocksOf (content: unknown): readonly Block[] {
  return Array.isArray(content) ? content as readonly Block[] : []
}
