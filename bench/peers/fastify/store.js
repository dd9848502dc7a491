// Leads kept with the official driver.

import { MongoServerError } from 'mongodb'
import { Counts } from './catalog.js'
import {
  EMPTY_ADDRESS, SEARCHED, SORTS, WHOLE, assignments, at, clientOf, filterOf, leadOf, newDocument, pieces, timestamp
} from './document.js'

const CONVERTED = 2
const CLIENT_CATEGORY = 2
const MAX_COMMENTS = 5000
const MAX_COMMENT_BYTES = 4 * 1024 * 1024

export class Failure extends Error {
  constructor (statusCode, body) {
    super(body.message)
    this.statusCode = statusCode
    this.body = body
  }
}

export const invalid = (errors) => new Failure(422, { message: 'The given data was invalid.', errors })
const notFound = () => new Failure(404, { message: 'Lead not found.' })

export class LeadStore {
  constructor (client, database, catalog) {
    this.client = client
    this.leads = database.collection('leads')
    this.users = database.collection('users')
    this.clients = database.collection('clients')
    this.counters = database.collection('counters')
    this.catalog = catalog
    this.counts = new Counts(this.leads)
  }

  async get (id) {
    return this.#shown(await this.leads.findOne({ _id: id }, { projection: WHOLE }))
  }

  async page ({ sort, order, page, limit, ...query }) {
    const filter = filterOf(query)
    const total = await this.counts.of(filter)
    const skip = (page - 1) * limit
    if (skip >= total) return { data: [], total }
    const direction = order === 'asc' ? 1 : -1
    const documents = await this.leads.find(filter, { projection: WHOLE })
      .sort([[SORTS[sort], direction], ['_id', direction]]).skip(skip).limit(limit).toArray()
    const settings = await this.catalog.fresh()
    return { data: documents.map((document) => leadOf(document, settings)), total }
  }

  async create (fields, change) {
    const document = newDocument(await this.#nextId('leads'), fields, new Date(), change)
    await this.leads.insertOne(document)
    return this.#shown(document)
  }

  async change (id, fields, change) {
    const values = assignments(fields)
    if (!SEARCHED.some((path) => path in values)) return this.#shown(await this.#update({ _id: id }, values, change))
    for (;;) {
      const before = await this.leads.findOne({ _id: id }, { projection: WHOLE })
      if (!before) throw notFound()
      const search = pieces(...SEARCHED.map((path) => path in values ? values[path] : at(before, path)))
      const after = await this.#update({ _id: id, version: before.version }, { ...values, search }, change)
      if (after) return this.#shown(after)
    }
  }

  async setStatus (id, status, change) {
    return this.#shown(await this.#update({ _id: id }, { status }, change))
  }

  async comment (id, text, change) {
    const now = new Date()
    const size = Buffer.byteLength(text)
    const comment = { id: await this.#nextId('comments'), text, creator: change.by, created: now }
    const result = await this.leads.updateOne(
      { _id: id, comments_count: { $lt: MAX_COMMENTS }, comments_bytes: { $lt: MAX_COMMENT_BYTES - size + 1 } },
      {
        $push: { comments: comment },
        $set: { 'dates.updated': now, change },
        $inc: { version: 1, comments_count: 1, comments_bytes: size }
      }
    )
    if (result.matchedCount === 0) {
      if (!await this.leads.findOne({ _id: id }, { projection: { _id: 1 } })) throw notFound()
      throw invalid({ comment: ['No more comments fit here. Please delete one first.'] })
    }
    const { people } = await this.catalog.fresh()
    return { id: comment.id, text, creator: people.get(comment.creator), dates: { created: timestamp(now) } }
  }

  async convert (id, wish, change) {
    const ids = { client: await this.#nextId('clients'), user: await this.#nextId('users') }
    try {
      const client = await this.client.withSession((session) => session.withTransaction(
        async () => this.#convert(await this.#unconverted(id, session), wish, ids, change, session),
        { readConcern: 'snapshot' }
      ))
      return clientOf(client, await this.catalog.fresh())
    } catch (error) {
      if (!(error instanceof MongoServerError) || error.code !== 11000) throw error
      await this.#unconverted(id)
      throw invalid({ email: ['The email has already been taken.'] })
    }
  }

  async #convert (lead, wish, ids, change, session) {
    const now = new Date()
    const dates = { created: now, updated: now }
    const name = `${wish.first_name} ${wish.last_name}`
    const folded = wish.email.toLowerCase()
    const company = wish.client_company_name || lead.contact.company_name || name
    const client = {
      _id: ids.client,
      company_name: company,
      description: null,
      status: 'active',
      phone: lead.contact.phone,
      website: lead.contact.website,
      vat: null,
      category: CLIENT_CATEGORY,
      owner: { id: ids.user, name, email: wish.email, folded_email: folded },
      billing: { ...lead.address, invoice_due_days: wish.client_billing_invoice_due_days ?? null },
      shipping: EMPTY_ADDRESS,
      dates,
      tags: [],
      created_from_lead_id: lead._id,
      search: pieces(company, name, wish.email)
    }
    await this.users.insertOne({
      _id: ids.user, type: 'client', first_name: wish.first_name, last_name: wish.last_name, email: wish.email, folded,
      status: 'active', client_id: ids.client, account_owner: true, deleted: false, dates
    }, { session })
    await this.clients.insertOne(client, { session })
    const converted = { is_converted: true, client_id: ids.client, date: now }
    await this.leads.updateOne(
      { _id: lead._id, 'converted.is_converted': false },
      { $set: { converted, status: CONVERTED, 'dates.updated': now, change }, $inc: { version: 1 } },
      { session }
    )
    return client
  }

  async #unconverted (id, session) {
    const lead = await this.leads.findOne({ _id: id }, { projection: WHOLE, session })
    if (!lead) throw notFound()
    if (lead.converted.is_converted) {
      const message = 'This lead has already been converted to a client.'
      throw new Failure(409, { message, client_id: lead.converted.client_id })
    }
    return lead
  }

  #update (filter, values, change) {
    return this.leads.findOneAndUpdate(
      filter,
      { $set: { ...values, 'dates.updated': new Date(), change }, $inc: { version: 1 } },
      { projection: WHOLE, returnDocument: 'after' }
    )
  }

  async #shown (document) {
    if (!document) throw notFound()
    return leadOf(document, await this.catalog.fresh())
  }

  async #nextId (kind) {
    const counter = await this.counters.findOneAndUpdate(
      { _id: kind }, { $inc: { last: 1 } }, { returnDocument: 'after' }
    )
    return counter.last
  }
}
