/** What a path asks for. */
export interface Target {
  /** A path of OpenAI's or Anthropic's dialect, a method of Gemini's. */
  readonly endpoint: string
  /** null = the body names it. */
  readonly model: string | null
  /** null = the body says whether to stream. */
  readonly stream: boolean | null
}

const method = /^\/gemini\/v1beta\/models\/([^/:]+):(generateContent|streamGenerateContent|batchEmbedContents)$/

/** Gemini has model and method in the path; every other path is what it is. */
export function readTarget (path: string): Target {
  const match = path.startsWith('/gemini/') ? method.exec(path) : null
  if (match === null) return { endpoint: path, model: null, stream: null }
  const stream = match[2] === 'streamGenerateContent'
  return { endpoint: stream ? 'generateContent' : match[2]!, model: match[1]!, stream }
}
