type Body = Readonly<Record<string, unknown>>

/** The fields that make a body large. */
export const bulky = ['messages', 'input', 'prompt', 'system', 'tools', 'functions', 'prediction'] as const

const standIns: Readonly<Record<string, unknown>> = { messages: [{ role: 'user', content: '.' }], input: '.', prompt: '.' }

/** A body without its bulk: what schemas need of it is stood in for. */
export function withStandIns (body: Body): Body {
  const small: Record<string, unknown> = { ...body }
  for (const field of bulky) {
    if (small[field] === undefined) continue
    if (field in standIns) small[field] = standIns[field]
    else delete small[field]
  }
  return small
}

/** The whole again: the small fields as they are by now, the bulk as it came. */
export function withBulk (small: Body, whole: Body): Body {
  const body: Record<string, unknown> = { ...small }
  for (const field of bulky) if (whole[field] !== undefined) body[field] = whole[field]
  return body
}
