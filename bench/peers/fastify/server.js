// The operations of the benchmark on Fastify: node server.js PORT

import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import { MongoClient } from 'mongodb'
import { Catalog, Keys } from './catalog.js'
import * as schemas from './schemas.js'
import { Failure, LeadStore, invalid } from './store.js'

const REQUEST_ID = /^[A-Za-z0-9._~:/+=@-]{1,128}$/
const BEARER = /^bearer +(\S+) *$/i
const UNAUTHORIZED = new Failure(401, { message: 'Unauthorized. A valid API key is required.' })

const client = await new MongoClient(process.env.PEER_MONGODB_URI, { w: 'majority' }).connect()
const database = client.db(process.env.PEER_MONGODB_DATABASE ?? 'leads')
const catalog = await new Catalog(database).fresh()
const keys = new Keys(database.collection('keys'))
const leads = new LeadStore(client, database, catalog)

const app = Fastify({
  // All faults at once, and unknown fields are one of them.
  ajv: { customOptions: { allErrors: true, removeAdditional: false, coerceTypes: true } },
  genReqId: ({ headers }) =>
    REQUEST_ID.test(headers['x-request-id'] ?? '') ? headers['x-request-id'] : randomBytes(16).toString('hex')
})

app.decorateRequest('user', 0)
app.addHook('onRequest', async (request, reply) => {
  reply.header('x-request-id', request.id)
  const match = BEARER.exec(request.headers.authorization ?? '')
  const user = match && await keys.userOf(match[1])
  if (!user || !(await catalog.fresh()).active.has(user)) throw UNAUTHORIZED
  request.user = user
})

app.setErrorHandler((error, _request, reply) => {
  if (error === UNAUTHORIZED) reply.header('www-authenticate', 'Bearer')
  if (error instanceof Failure) return reply.code(error.statusCode).send(error.body)
  if (error.validation) return reply.code(422).send(invalid(faults(error.validation)).body)
  if (error.statusCode < 500) return reply.code(error.statusCode).send({ message: 'The request could not be read.' })
  console.error(error)
  return reply.code(500).send({ message: 'The server met an unexpected fault.' })
})
app.setNotFoundHandler((_request, reply) => reply.code(404).send({ message: 'Not found.' }))

function faults (validation) {
  const errors = {}
  for (const { keyword, instancePath, params } of validation) {
    const name = params.missingProperty ?? params.additionalProperty ?? (instancePath.slice(1) || 'body')
    const field = `The ${name.replaceAll('_', ' ')} field`
    const texts = {
      required: `${field} is required.`,
      minLength: `${field} is required.`,
      additionalProperties: `${field} is not recognised.`,
      maxLength: `${field} must not be greater than ${params.limit} characters.`,
      pattern: `${field} contains characters that are not allowed.`,
      type: `${field} must be ${params.type?.includes('integer') ? 'an integer' : 'a string'}.`,
      format: `${field} must be a valid date.`,
      minimum: `${field} must be at least ${params.limit}.`,
      maximum: `${field} must not be greater than ${params.limit}.`
    }
    if (name.endsWith('email')) texts.pattern = `${field} must be a valid email address.`
    if (name === 'lead_value') texts.pattern = `${field} must be a number.`
    errors[name] = [...(errors[name] ?? []), texts[keyword] ?? `${field} is invalid.`]
  }
  return errors
}

async function check (chosen) {
  const { statuses, forLeads } = await catalog.fresh()
  for (const [field, value] of Object.entries(chosen)) {
    if (value !== undefined && !(field === 'lead_categoryid' ? forLeads : statuses).has(value)) {
      throw invalid({ [field]: [`The selected ${field.replaceAll('_', ' ')} is invalid.`] })
    }
  }
}

const change = (type, request) => ({ type, by: request.user, request_id: request.id })
const schema = (status, response, more) => ({ schema: { params: schemas.leadId, response: { [status]: response }, ...more } })

app.get('/api/leads', { schema: { querystring: schemas.leadQuery, response: { 200: schemas.leadPage } } }, async ({ query }) => {
  const limit = Math.min(query.limit, 100)
  const { data, total } = await leads.page({ ...query, limit })
  const meta = { current_page: query.page, per_page: limit, total, last_page: Math.max(1, Math.ceil(total / limit)) }
  return { data, meta, message: 'Leads retrieved successfully.' }
})

app.post('/api/leads', { schema: { body: schemas.leadInput, response: { 201: schemas.leadAnswer } } }, async (request, reply) => {
  const { lead_status, lead_categoryid } = request.body
  await check({ lead_status, lead_categoryid })
  const data = await leads.create(request.body, change('created', request))
  reply.code(201).header('location', `/api/leads/${data.id}`)
  return { data, message: 'Lead created successfully.' }
})

app.get('/api/leads/:id', schema(200, schemas.leadAnswer), async ({ params }) => ({
  data: await leads.get(params.id), message: 'Lead retrieved successfully.'
}))

app.patch('/api/leads/:id', schema(200, schemas.leadAnswer, { body: schemas.leadChanges }), async (request) => {
  const { lead_status, lead_categoryid } = request.body
  await check({ lead_status, lead_categoryid })
  const data = await leads.change(request.params.id, request.body, change('updated', request))
  return { data, message: 'Lead updated successfully.' }
})

app.put('/api/leads/:id/status', schema(200, schemas.leadAnswer, { body: schemas.statusChoice }), async (request) => {
  await check({ status: request.body.status })
  const data = await leads.setStatus(request.params.id, request.body.status, change('status_changed', request))
  return { data, message: 'Lead status updated successfully.' }
})

app.post('/api/leads/:id/comments', schema(201, schemas.commentAnswer, { body: schemas.commentInput }), async (request, reply) => {
  const data = await leads.comment(request.params.id, request.body.comment.trim(), change('comment_added', request))
  reply.code(201).header('location', `/api/leads/${request.params.id}/comments`)
  return { data, message: 'Lead comment added successfully.' }
})

app.post('/api/leads/:id/convert', schema(201, schemas.clientAnswer, { body: schemas.convertInput }), async (request, reply) => {
  const data = await leads.convert(request.params.id, request.body, change('converted', request))
  reply.code(201).header('location', `/api/clients/${data.id}`)
  return { data, message: 'Lead converted to client successfully.' }
})

process.on('SIGTERM', async () => {
  await app.close()
  await client.close()
})
await app.listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 8000) })
