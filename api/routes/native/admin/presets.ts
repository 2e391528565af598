import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { SiraError } from '../../../../lib/errors.ts'
import { insertPreset, listPresets, lockPreset } from '../../../../lib/store/admin-presets.ts'
import { requireOwn, updateColumns } from '../../../../lib/store/admin-rows.ts'
import { inTransaction } from '../../../../lib/store/database.ts'
import { requireScopeOf } from '../../../plugins/authentication.ts'
import { create, Id, invalid, ListOf, ListQuery, ManagedBy, show, showPage, tags, Time } from './common.ts'

/** Characters of a preset as JSON; all presets are in every process's memory. */
const MOST_CHARACTERS = 16_384

const Parameters = Type.Record(Type.String({ pattern: '^[a-z_]{1,64}$' }), Type.Unknown(), { maxProperties: 64, description: 'fields of a request, which take the place of those that it leaves out' })
const fields = { name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }), parameters: Parameters }
const Preset = Type.Object({ id: Type.String(), ...fields, created_at: Time, updated_at: Time, managed_by: ManagedBy })
const NewPreset = Type.Object(fields, { additionalProperties: false })
const Changes = Type.Object({ parameters: Parameters }, { additionalProperties: false })

/** Saved request parameters of the caller's project. */
const presets: FastifyPluginAsyncTypebox = async app => {
  const { pool } = app.dependencies
  requireScopeOf(app, 'inference')

  app.post('/presets', { schema: { tags, summary: 'Save parameters under a name', body: NewPreset, response: { 201: Preset } } }, async (request, reply) => {
    const { caller, body: { name, parameters } } = request
    checkSize(parameters)
    return await create(pool, request, reply, Preset, async client => {
      const row = await insertPreset(client, caller, name, parameters)
      if (row === null) throw invalid('name', 'the project has a preset of this name already.')
      return { row }
    })
  })

  app.get('/presets', { schema: { tags, summary: "List the project's presets, newest first", querystring: ListQuery, response: { 200: ListOf(Preset) } } },
    async ({ caller, query }) => showPage(Preset, await listPresets(pool, caller, query)))

  app.get('/presets/:id', { schema: { tags, summary: 'Get a preset', params: Id, response: { 200: Preset } } }, async ({ caller, params: { id } }) => {
    const row = await lockPreset(pool, caller, id)
    if (row === null) throw new SiraError('not_found', { resource: 'preset', id })
    return show(Preset, row)
  })

  app.patch('/presets/:id', { schema: { tags, summary: 'Replace the parameters of a preset', params: Id, body: Changes, response: { 200: Preset } } }, async ({ caller, params: { id }, body: { parameters } }) => {
    checkSize(parameters)
    return await inTransaction(pool, async client => {
      requireOwn(await lockPreset(client, caller, id), 'preset', id)
      await updateColumns(client, 'preset', { id }, { parameters: JSON.stringify(parameters), updated_at: new Date() })
      return show(Preset, (await lockPreset(client, caller, id))!)
    })
  })

  app.delete('/presets/:id', { schema: { tags, summary: 'Remove a preset', params: Id, response: { 204: Type.Null() } } }, async ({ caller, params: { id } }, reply) => {
    await inTransaction(pool, async client => {
      requireOwn(await lockPreset(client, caller, id), 'preset', id)
      await client.query('DELETE FROM preset WHERE id = $1', [id])
    })
    return await reply.code(204).send(null)
  })
}

function checkSize (parameters: object): void {
  const text = JSON.stringify(parameters)
  if (text.length > MOST_CHARACTERS) throw invalid('parameters', `they are longer than ${MOST_CHARACTERS} characters of JSON.`)
  if (/(?<!\\)(\\\\)*\\u0000/.test(text)) throw invalid('parameters', 'a NUL character cannot be stored.')
}

export default presets
