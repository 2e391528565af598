import { digestBytes, draw, purposes } from '../random.ts'
import { refuse, refuseMissing } from './answer.ts'
import type { Answerer } from './answer.ts'

const categories = [
  'harassment', 'harassment/threatening', 'hate', 'hate/threatening', 'illicit', 'illicit/violent', 'self-harm', 'self-harm/instructions',
  'self-harm/intent', 'sexual', 'sexual/minors', 'violence', 'violence/graphic'
] as const

/** POST /v1/moderations; a category is flagged when its name is in the text. No usage, as at OpenAI. */
export const answerModerations: Answerer = (body, { id, model, seed }) => {
  if (body['input'] === undefined) return refuseMissing('input')
  const texts = readTexts(body['input'])
  if (texts === null) return refuse('input', 'Expected a text, a list of texts or a list of parts.')
  const results = texts.map(text => moderate(text, seed))
  return { kind: 'whole', usage: null, json: JSON.stringify({ id: `modr-sim-${id}`, model: model.id, results }) }
}

function moderate (text: string, seed: number): Record<string, unknown> {
  const digest = digestBytes(Buffer.from(text))
  const flags: Record<string, boolean> = {}
  const scores: Record<string, number> = {}
  const inputTypes: Record<string, string[]> = {}
  categories.forEach((category, index) => {
    const flagged = text.includes(category)
    flags[category] = flagged
    scores[category] = (flagged ? 0.9 : 0) + draw(seed, digest, purposes.score, index) / 10
    inputTypes[category] = ['text']
  })
  return { flagged: Object.values(flags).includes(true), categories: flags, category_scores: scores, category_applied_input_types: inputTypes }
}

/** A list of parts is one input of several modalities; its texts are judged together. */
function readTexts (input: unknown): string[] | null {
  if (typeof input === 'string') return [input]
  if (!Array.isArray(input) || input.length === 0) return null
  if (input.every((entry): entry is string => typeof entry === 'string')) return input
  if (!input.every((part): part is { text?: unknown } => typeof part === 'object' && part !== null)) return null
  return [input.map(part => typeof part.text === 'string' ? part.text : '').join('\n')]
}
