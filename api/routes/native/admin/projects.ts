import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { SiraError } from '../../../../lib/errors.ts'
import { archive, insertProject, listProjects, readOrganization, readProject } from '../../../../lib/store/admin-organizations.ts'
import { reachOf, requireOwn, updateColumns } from '../../../../lib/store/admin-rows.ts'
import { requireScopeOf } from '../../../plugins/authentication.ts'
import { create, Id, ListOf, ManagedBy, Name, Nullable, organizationOf, pageFields, Reference, show, showPage, tags, Time } from './common.ts'

const Project = Type.Object({ id: Type.String(), organization_id: Type.String(), name: Type.String(), created_at: Time, archived_at: Nullable(Time), managed_by: ManagedBy })
const OrganizationId = Type.Optional(Type.Unsafe<string>({ ...Reference, description: "the caller's own unless given; another needs the scope admin" }))
const NewProject = Type.Object({ name: Name, organization_id: OrganizationId }, { additionalProperties: false })
const Fields = Type.Object({ name: Name }, { additionalProperties: false })
const ProjectQuery = Type.Object({ ...pageFields, organization_id: OrganizationId }, { additionalProperties: false })

const projects: FastifyPluginAsyncTypebox = async app => {
  const { pool } = app.dependencies
  requireScopeOf(app, 'organization')

  app.post('/projects', { schema: { tags, summary: 'Create a project', body: NewProject, response: { 201: Project } } }, async (request, reply) => {
    const organizationId = organizationOf(request.caller, request.body.organization_id)
    return await create(pool, request, reply, Project, async client => {
      const organization = await readOrganization(client, { organizationId }, organizationId)
      if (organization === null) throw new SiraError('not_found', { resource: 'organization', id: organizationId })
      return { row: await insertProject(client, organizationId, request.body.name) }
    })
  })

  app.get('/projects', { schema: { tags, summary: 'List projects, newest first', querystring: ProjectQuery, response: { 200: ListOf(Project) } } }, async ({ caller, query }) => {
    const { organization_id: named, ...page } = query
    return showPage(Project, await listProjects(pool, named === undefined ? reachOf(caller) : { organizationId: organizationOf(caller, named) }, page))
  })

  app.get('/projects/:id', { schema: { tags, summary: 'Get a project', params: Id, response: { 200: Project } } }, async ({ caller, params: { id } }) => {
    const row = await readProject(pool, reachOf(caller), id)
    if (row === null) throw new SiraError('not_found', { resource: 'project', id })
    return show(Project, row)
  })

  app.patch('/projects/:id', { schema: { tags, summary: 'Rename a project', params: Id, body: Fields, response: { 200: Project } } }, async ({ caller, params: { id }, body }) => {
    const row = requireOwn(await readProject(pool, reachOf(caller), id), 'project', id)
    await updateColumns(pool, 'project', { id }, body)
    return show(Project, { ...row, ...body })
  })

  app.delete('/projects/:id', { schema: { tags, summary: 'Archive a project: its keys stop, its data stays', params: Id, response: { 204: Type.Null() } } }, async ({ caller, params: { id } }, reply) => {
    requireOwn(await readProject(pool, reachOf(caller), id), 'project', id)
    if (id === caller.projectId) throw new SiraError('invalid_request', { reason: 'This key belongs to the project, which it cannot archive.' })
    await archive(pool, 'project', id)
    return await reply.code(204).send(null)
  })
}

export default projects
