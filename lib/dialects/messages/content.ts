import type { ContentPart } from '../../contracts/chat.ts'
import { invalid, readFields, readList, readText, unsupported, type Fields } from '../faults.ts'

/** Anthropic's blocks of a user's turn as chat's content parts. Throws SiraError with the path of what chat cannot say. */
export function blocksToParts (blocks: readonly unknown[], model: string, path: string): ContentPart[] {
  return blocks.flatMap((block, place) => blockToParts(readFields(block, `${path}[${place}]`), model, `${path}[${place}]`))
}

export function blockToParts (block: Fields, model: string, path: string): ContentPart[] {
  switch (block.type) {
    case 'text': return [text(readText(block.text, `${path}.text`))]
    case 'image': return [image(block, model, path)]
    case 'document': return document(block, model, path)
    case 'search_result': return [text([block.title, block.source, textOf(block.content, `${path}.content`)].filter(isSaid).join('\n'))]
    default: throw unknownBlock(block, model, path)
  }
}

export function unknownBlock (block: Fields, model: string, path: string): Error {
  const type = readText(block.type, `${path}.type`)
  return unsupported(model, `${path}.type`, `a block of type ${JSON.stringify(type.slice(0, 64))} has no counterpart in chat completions.`)
}

/** The text of a string or of blocks that may only be text. */
export function textOf (content: unknown, path: string): string {
  if (typeof content === 'string') return content
  return readList(content, path).map((value, place) => {
    const block = readFields(value, `${path}[${place}]`)
    if (block.type !== 'text') throw invalid(`${path}[${place}].type`, 'only text is possible here.')
    return readText(block.text, `${path}[${place}].text`)
  }).join('\n')
}

/** One text is sent as a string, which every vendor takes; other content as parts. */
export function simplest (parts: ContentPart[]): string | ContentPart[] {
  const [first] = parts
  return parts.length === 1 && first?.type === 'text' ? first.text : parts
}

function text (value: string): ContentPart {
  return { type: 'text', text: value }
}

function image (block: Fields, model: string, path: string): ContentPart {
  const source = readFields(block.source, `${path}.source`)
  if (source.type === 'url') return { type: 'image_url', image_url: { url: readText(source.url, `${path}.source.url`) } }
  if (source.type === 'base64') return { type: 'image_url', image_url: { url: dataUrl(source, path) } }
  throw unsupported(model, `${path}.source.type`, 'an image must be given as base64 or url.')
}

function document (block: Fields, model: string, path: string): ContentPart[] {
  const source = readFields(block.source, `${path}.source`)
  const heading = [block.title, block.context].filter(isSaid)
  switch (source.type) {
    case 'text': return [text([...heading, readText(source.data, `${path}.source.data`)].join('\n'))]
    case 'content': {
      const content = typeof source.content === 'string' ? [text(source.content)] : blocksToParts(readList(source.content, `${path}.source.content`), model, `${path}.source.content`)
      return [...heading.map(text), ...content]
    }
    case 'base64': return [
      ...(isSaid(block.context) ? [text(block.context)] : []),
      { type: 'file', file: { filename: isSaid(block.title) ? block.title : 'document.pdf', file_data: dataUrl(source, path) } }
    ]
    default: throw unsupported(model, `${path}.source.type`, 'a document must be given as base64, text or content.')
  }
}

function dataUrl (source: Fields, path: string): string {
  return `data:${readText(source.media_type, `${path}.source.media_type`)};base64,${readText(source.data, `${path}.source.data`)}`
}

function isSaid (value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
