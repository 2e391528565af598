import type { ChatMessage, ContentPart } from '../../contracts/chat.ts'
import { SiraError } from '../../errors.ts'
import type { CacheMark, MediaBlock, MediaSource } from './wire.ts'

/**
 * A message's content as blocks. Text without anything to read is left out: Anthropic refuses empty text blocks, OpenAI takes them.
 * `param` names the message in errors. Throws SiraError for a part that Anthropic has no block for.
 */
export function toBlocks (content: ChatMessage['content'], param: string): MediaBlock[] {
  if (content === null || content === undefined) return []
  if (typeof content === 'string') return isBlank(content) ? [] : [{ type: 'text', text: content }]
  if (!Array.isArray(content)) throw invalid(`${param}.content`, 'expected a text or a list of parts.')
  const blocks: MediaBlock[] = []
  content.forEach((part: ContentPart | null, index) => {
    const block = toBlock(part, `${param}.content[${index}]`)
    if (block !== null) blocks.push(block)
  })
  return blocks
}

/** The client's own prompt-cache mark, which OpenAI's fields do not have, passed on. */
export function cacheMark (from: object): CacheMark {
  const mark = (from as CacheMark).cache_control
  return typeof mark === 'object' && mark !== null ? { cache_control: mark } : {}
}

export function invalid (param: string, reason: string): SiraError {
  return new SiraError('invalid_parameter', { param, reason })
}

function toBlock (part: ContentPart | null, param: string): MediaBlock | null {
  switch (part?.type) {
    case 'text':
      if (typeof part.text !== 'string') throw invalid(`${param}.text`, 'expected a text.')
      return isBlank(part.text) ? null : { type: 'text', text: part.text, ...cacheMark(part) }
    case 'refusal':
      return isBlank(part.refusal) ? null : { type: 'text', text: part.refusal }
    case 'image_url':
      return imageBlock(part, `${param}.image_url.url`)
    case 'file':
      return fileBlock(part, `${param}.file`)
    case 'input_audio':
      throw invalid(param, 'this provider takes no audio.')
    default:
      throw invalid(param, 'expected a part of type text, image_url or file.')
  }
}

function imageBlock (part: ContentPart & { type: 'image_url' }, param: string): MediaBlock {
  const url = part.image_url?.url
  if (typeof url !== 'string') throw invalid(param, 'expected a URL.')
  // An address stays one: the provider fetches it. Fetched here it would be a way into our network, and base64 meets the 5 MB limit (litellm #12899).
  if (/^https?:\/\//i.test(url)) return { type: 'image', source: { type: 'url', url }, ...cacheMark(part) }
  const source = readDataUrl(url)
  if (source === null) throw invalid(param, 'expected an http(s) URL or a data: URL in base64.')
  return { type: source.media_type === 'application/pdf' ? 'document' : 'image', source, ...cacheMark(part) }
}

function fileBlock (part: ContentPart & { type: 'file' }, param: string): MediaBlock {
  const { file_data: data, filename } = part.file ?? {}
  if (typeof data !== 'string') throw invalid(`${param}.file_data`, 'this provider takes files inline only, as a data: URL.')
  const source = readDataUrl(data)
  if (source === null) throw invalid(`${param}.file_data`, 'expected a data: URL in base64.')
  const title = typeof filename === 'string' && filename !== '' ? { title: filename } : {}
  return { type: 'document', source: documentSource(source, param), ...title, ...cacheMark(part) }
}

function documentSource (source: MediaSource & { type: 'base64' }, param: string): MediaSource {
  if (source.media_type === 'application/pdf') return source
  if (source.media_type !== 'text/plain') throw invalid(`${param}.file_data`, `this provider takes application/pdf and text/plain, not ${source.media_type.slice(0, 100)}.`)
  return { type: 'text', media_type: 'text/plain', data: Buffer.from(source.data, 'base64').toString('utf8') }
}

const longestHead = 200

function readDataUrl (url: string): MediaSource & { type: 'base64' } | null {
  // looks at the head only: the data may be megabytes
  const comma = url.slice(0, longestHead).indexOf(',')
  const head = /^data:([a-z0-9.+-]+\/[a-z0-9.+-]+)(?:;[a-z0-9=_.-]+)*;base64$/i.exec(url.slice(0, Math.max(0, comma)))
  if (head === null) return null
  const mediaType = head[1]!.toLowerCase()
  return { type: 'base64', media_type: mediaType === 'image/jpg' ? 'image/jpeg' : mediaType, data: url.slice(comma + 1) }
}

function isBlank (text: string): boolean {
  return typeof text !== 'string' || text.trim() === ''
}
