import { charactersPerToken, countTokens } from './tokens.ts'
import { digestText, draw, purposes } from './random.ts'

const words = (
  'the a of and in to with from over under between after before each every some no one two model answer question row batch ' +
  'token word line page river mountain harbour garden window letter number signal engine morning evening quiet bright slow ' +
  'small large early late carries holds turns meets follows crosses opens closes keeps finds leaves returns reads writes'
).split(' ')

// One long text is made once and answers are slices of it, so that generating costs no more than a copy.
// Plain ASCII without quotes or backslashes: it goes into JSON as it is, and its bytes are its characters.
const corpusWords = 4096
const offsets: number[] = []
const corpus = (() => {
  let text = ''
  for (let index = 0; index < corpusWords; index++) {
    offsets.push(text.length)
    text += words[Math.floor(draw(0, 0, purposes.textStart, index) * words.length)]! + ' '
  }
  return text
})()

const fewestWords = 6
const mostWords = 38

export interface AnswerText {
  readonly text: string
  readonly tokens: number
  /** true when maxTokens cut it short. */
  readonly cut: boolean
}

/** The text of one choice: says that it is simulated and names the body it answers. Safe inside a JSON string as it is. */
export function answerText (seed: number, digest: number, maxTokens: number, choice = 0): AnswerText {
  const count = fewestWords + Math.floor(draw(seed, digest, purposes.textLength, choice) * (mostWords - fewestWords + 1))
  const start = Math.floor(draw(seed, digest, purposes.textStart, choice) * (corpusWords - mostWords - 1))
  const text = `Simulated answer ${digestText(digest)}: ${corpus.slice(offsets[start], offsets[start + count]! - 1)}.`
  const tokens = countTokens(text)
  if (tokens <= maxTokens) return { text, tokens, cut: false }
  return { text: text.slice(0, maxTokens * charactersPerToken), tokens: maxTokens, cut: true }
}

/** The text in pieces of one token, as a stream sends it. */
export function textPieces (text: string): string[] {
  const pieces: string[] = []
  for (let start = 0; start < text.length; start += charactersPerToken) pieces.push(text.slice(start, start + charactersPerToken))
  return pieces
}
