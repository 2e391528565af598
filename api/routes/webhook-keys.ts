import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { SiraError } from '../../lib/errors.ts'
import { readPublicKeys } from '../../lib/store/webhook-settings.ts'
import { toJsonWebKey } from '../../lib/webhooks/public-keys.ts'

const Key = Type.Object({ kty: Type.Literal('OKP'), crv: Type.Literal('Ed25519'), x: Type.String(), kid: Type.String(), use: Type.Literal('sig'), alg: Type.Literal('EdDSA') })

/** The keys by which receivers verify the signatures of an ed25519 endpoint. They are public: no key of ours is needed to read them. */
const webhookKeys: FastifyPluginAsyncTypebox = async app => {
  const { pool } = app.dependencies

  app.get('/.well-known/webhook-keys/:endpoint', {
    schema: {
      tags: ['Webhooks'],
      summary: 'Public keys of an ed25519 endpoint, as a JSON Web Key Set',
      security: [],
      params: Type.Object({ endpoint: Type.String({ pattern: '^[!-~]{1,200}$' }) }),
      response: { 200: Type.Object({ keys: Type.Array(Key) }) }
    }
  }, async ({ params: { endpoint } }, reply) => {
    const keys = await readPublicKeys(pool, endpoint)
    if (keys.length === 0) throw new SiraError('not_found', { resource: 'ed25519 endpoint', id: endpoint.slice(0, 100) })
    // shorter than the shortest useful overlap of a rotation
    reply.header('cache-control', 'public, max-age=300')
    return { keys: keys.map(key => toJsonWebKey(key.public_key, key.id)) }
  })
}

export default webhookKeys
