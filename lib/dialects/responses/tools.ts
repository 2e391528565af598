import type { ChatRequest, ChatTool } from '../../contracts/chat.ts'
import { invalid, isFields, readFields, readList, readText, unsupported, type Fields } from '../faults.ts'

type ToolSettings = Pick<ChatRequest, 'tools' | 'tool_choice' | 'parallel_tool_calls'>

/** Functions and the choice among them in chat's words. Tools that OpenAI runs itself (web search, code, MCP …) are refused. */
export function toolSettings (body: Fields, model: string): ToolSettings {
  const tools = body.tools === undefined || body.tools === null ? [] : readList(body.tools, 'tools').map((tool, place) => chatTool(readFields(tool, `tools[${place}]`), model, `tools[${place}]`))
  const choice = body.tool_choice ?? 'auto'
  if (tools.length === 0) {
    // Chat refuses a choice without tools; auto and none mean nothing then.
    if (choice !== 'auto' && choice !== 'none') throw invalid('tool_choice', 'there are no tools to choose from.')
    return {}
  }
  return {
    ...chosen(tools, choice, model),
    ...(typeof body.parallel_tool_calls === 'boolean' ? { parallel_tool_calls: body.parallel_tool_calls } : {})
  }
}

function chatTool (tool: Fields, model: string, path: string): ChatTool {
  const type = readText(tool.type, `${path}.type`)
  if (type !== 'function') throw unsupported(model, `${path}.type`, `a tool of type ${JSON.stringify(type.slice(0, 64))} runs only at OpenAI; functions are possible.`)
  return {
    type: 'function',
    function: {
      name: readText(tool.name, `${path}.name`),
      ...(typeof tool.description === 'string' ? { description: tool.description } : {}),
      ...(tool.parameters === undefined || tool.parameters === null ? {} : { parameters: readFields(tool.parameters, `${path}.parameters`) }),
      ...(typeof tool.strict === 'boolean' ? { strict: tool.strict } : {})
    }
  }
}

function chosen (tools: ChatTool[], choice: unknown, model: string): ToolSettings {
  if (choice === 'auto' || choice === 'none' || choice === 'required') return { tools, tool_choice: choice }
  const { type, name, mode, tools: allowed } = readFields(choice, 'tool_choice')
  if (type === 'function') return { tools, tool_choice: { type, function: { name: readText(name, 'tool_choice.name') } } }
  if (type !== 'allowed_tools') throw unsupported(model, 'tool_choice.type', 'it can be function or allowed_tools.')
  if (mode !== 'auto' && mode !== 'required') throw invalid('tool_choice.mode', 'it must be auto or required.')
  // Only OpenAI's own chat knows allowed_tools; leaving the others out says the same everywhere.
  const names = new Set(readList(allowed, 'tool_choice.tools').map(tool => isFields(tool) ? tool.name : undefined))
  const left = tools.filter(tool => names.has(tool.function.name))
  if (left.length === 0) throw invalid('tool_choice.tools', 'none of them is among the tools.')
  return { tools: left, tool_choice: mode }
}
