import type { FastifyInstance } from 'fastify'

/** Collects the routes that are registered from now on. The answer: which methods the path of an URL has, sorted; none when it is no route. */
export function collectMethods (app: FastifyInstance): (path: string) => string[] {
  const routes = new Map<string, { pattern: RegExp, methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }) => {
    const route = routes.get(url) ?? { pattern: toPattern(url), methods: new Set() }
    routes.set(url, route)
    for (const name of [method].flat()) route.methods.add(name)
  })
  return path => [...new Set([...routes.values()].filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => [...methods]))].sort()
}

/** `/v1/files/:id` and `/v1/models/*` as they match. */
function toPattern (url: string): RegExp {
  const source = url.split(/(:\w+|\*)/).map(part => part === '*' ? '.+' : part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${source.join('')}$`)
}
