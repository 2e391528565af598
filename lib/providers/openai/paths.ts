import type { ProviderConfig } from '../catalog-types.ts'
import type { Endpoint, ProviderRequest } from '../types.ts'

/** Of a request, what its path may depend on. */
type Addressed = Pick<ProviderRequest, 'endpoint' | 'body' | 'parsed'>

/** Where a server takes each endpoint. `prefix` is the path of its base URL. */
export function createPaths ({ kind, apiVersion }: ProviderConfig, prefix: string): (request: Addressed) => string {
  if (kind === 'azure' && apiVersion !== null) return azurePaths(prefix, apiVersion)
  const paths = new Map<Endpoint, string>()
  return ({ endpoint }) => {
    let path = paths.get(endpoint)
    if (path === undefined) paths.set(endpoint, path = prefix + endpoint.slice('/v1'.length))
    return path
  }
}

/** Azure before its v1 path: the model is a deployment in the path. Responses are not bound to one. */
function azurePaths (prefix: string, apiVersion: string): (request: Addressed) => string {
  const root = prefix.endsWith('/openai') ? prefix : `${prefix}/openai`
  const query = `?api-version=${encodeURIComponent(apiVersion)}`
  return request => {
    const path = request.endpoint.slice('/v1'.length)
    return request.endpoint === '/v1/responses'
      ? `${root}${path}${query}`
      : `${root}/deployments/${encodeURIComponent(modelOf(request))}${path}${query}`
  }
}

function modelOf ({ parsed, body }: Addressed): string {
  return String((parsed ?? JSON.parse(String(body)) as Record<string, unknown>).model)
}
