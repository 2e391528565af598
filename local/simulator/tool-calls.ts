import { exampleOf } from './example.ts'
import { countTokens } from './tokens.ts'

/** A tool as any of the dialects describes it. */
export interface Tool {
  readonly name: string
  /** JSON schema of its arguments. */
  readonly schema: unknown
}

export interface SimulatedCall {
  /** Unique to the answer; the dialect puts its prefix and the answer's id before it. */
  readonly position: number
  readonly name: string
  readonly input: unknown
}

export interface ToolWish {
  readonly tools: readonly Tool[]
  /** From the marker: 0 = no calls, unless they are forced. */
  readonly calls: number
  /** The tool that has to be called; true = any; false = none has to. */
  readonly forced: string | boolean
  /** At most one call. */
  readonly oneAtATime: boolean
  /** The request brings a tool's result: its answer is a text. */
  readonly answered: boolean
}

/** The calls an answer makes, the tools in turn. */
export function chooseCalls ({ tools, calls, forced, oneAtATime, answered }: ToolWish): SimulatedCall[] {
  const eligible = typeof forced === 'string' ? tools.filter(tool => tool.name === forced) : tools
  if (eligible.length === 0 || (answered && forced === false)) return []
  const wanted = Math.max(calls, forced === false ? 0 : 1)
  return Array.from({ length: oneAtATime ? Math.min(wanted, 1) : wanted }, (_, position) => {
    const { name, schema } = eligible[position % eligible.length]!
    return { position, name, input: exampleOf(schema ?? { type: 'object' }) }
  })
}

export function countCallTokens (calls: readonly SimulatedCall[]): number {
  return calls.reduce((sum, call) => sum + countTokens(call.name + JSON.stringify(call.input)), 0)
}
