type Body = Readonly<Record<string, unknown>>

/**
 * functions, function_call and the messages that go with them as tools. A call had no id in those days, and there was one at a
 * time: the answer to it is the next message of role `function`.
 */
export function toTools (body: Body): Record<string, unknown> {
  const { functions, function_call: choice, ...rest } = body
  const legacyTools = Array.isArray(functions) ? functions.map(definition => ({ type: 'function', function: definition as unknown })) : []
  const tools = [...Array.isArray(rest.tools) ? rest.tools as unknown[] : [], ...legacyTools]
  return {
    ...rest,
    ...tools.length === 0 ? {} : { tools },
    ...choice === undefined || choice === null || (rest.tool_choice !== undefined && rest.tool_choice !== null) ? {} : { tool_choice: toToolChoice(choice) },
    ...Array.isArray(rest.messages) ? { messages: toToolMessages(rest.messages) } : {}
  }
}

function toToolChoice (choice: unknown): unknown {
  return typeof choice === 'object' ? { type: 'function', function: choice } : choice
}

function toToolMessages (messages: readonly unknown[]): unknown[] {
  let calls = 0
  return messages.map(message => {
    if (typeof message !== 'object' || message === null) return message
    const { function_call: call, ...rest } = message as Body
    if (rest.role === 'assistant' && typeof call === 'object' && call !== null) {
      calls += 1
      return { ...rest, tool_calls: [{ id: `call_${calls}`, type: 'function', function: call }] }
    }
    if (rest.role === 'function') return { role: 'tool', tool_call_id: `call_${calls}`, content: rest.content ?? '' }
    return message
  })
}
