// Posts once in a process of its own, whose environment is the test's: node --import tsx _post-apart.ts '{"url": …, "policy": …, "answers": […]}'
import { createGuardedAgent } from '../../../lib/outbound/guarded-agent.ts'
import { post } from '../../../lib/outbound/post.ts'

const { url, policy, answers } = JSON.parse(process.argv[2]!)
const agent = createGuardedAgent(policy, { connectTimeout: 10_000, lookup: async () => answers })
console.log(JSON.stringify(await post(agent, { url, headers: {}, body: 'x', deadline: 20_000, maxResponseBytes: 100, signal: new AbortController().signal })))
await agent.close()
