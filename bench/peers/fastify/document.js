// A lead's document: from a request's fields, and to what callers see.

import { Long } from 'mongodb'

export const WHOLE = { comments: 0, search: 0, folded: 0, change: 0 }
export const SORTS = {
  lead_title: 'folded.title', lead_value: 'value', lead_created: 'dates.created', lead_last_contacted: 'last_contacted'
}
const FIELDS = {
  lead_title: 'title',
  lead_status: 'status',
  lead_categoryid: 'category',
  lead_firstname: 'contact.first_name',
  lead_lastname: 'contact.last_name',
  lead_email: 'contact.email',
  lead_phone: 'contact.phone',
  lead_company_name: 'contact.company_name',
  lead_job_position: 'contact.job_position',
  lead_website: 'contact.website',
  lead_value: 'value',
  lead_source: 'source',
  lead_last_contacted: 'last_contacted',
  lead_description: 'description',
  lead_street: 'address.street',
  lead_city: 'address.city',
  lead_state: 'address.state',
  lead_zip: 'address.zip',
  lead_country: 'address.country'
}
const FOLDED = {
  title: 'folded.title', 'contact.company_name': 'folded.company', 'contact.email': 'folded.email', source: 'folded.source'
}
export const SEARCHED = ['title', 'contact.company_name', 'contact.email']
export const EMPTY_ADDRESS = { street: null, city: null, state: null, zip: null, country: null }

export const at = (document, path) => path.split('.').reduce((inner, name) => inner?.[name], document)
const plain = (text) => text.toLowerCase().normalize('NFKD').replace(/\p{M}/gu, '')
const words = (text) => plain(text).split(/\s+/).filter(Boolean)
const escaped = (word) => word.replace(/[\\^$.*+?()[\]{}|\-#&~]/g, '\\$&')

export function pieces (...texts) {
  const endings = new Set()
  for (const word of texts.filter(Boolean).flatMap(words)) {
    const letters = Array.from(word)
    for (let start = 0; start < letters.length; start++) endings.add(letters.slice(start).join(''))
  }
  return [...endings].sort()
}

function cents (amount) {
  if (amount === null) return null
  const [whole, part = ''] = amount.split('.')
  const thousandths = Number(whole + part.padEnd(3, '0').slice(0, 3))
  return Long.fromNumber(Math.floor(thousandths / 10) + (thousandths % 10 >= 5 ? 1 : 0))
}

export function assignments (fields) {
  const values = {}
  for (const [name, sent] of Object.entries(fields)) {
    const trimmed = typeof sent === 'string' ? sent.trim() : sent
    const value = trimmed === '' ? null : trimmed
    values[FIELDS[name]] = name === 'lead_value' ? cents(value) : value
  }
  for (const [path, copy] of Object.entries(FOLDED)) {
    if (path in values) values[copy] = values[path]?.toLowerCase() ?? null
  }
  return values
}

export function filterOf ({ status, search }) {
  const found = [...new Set(words(search ?? ''))].sort((a, b) => b.length - a.length || (a < b ? -1 : 1))
  const [first, ...others] = found.map((word) => ({ search: { $regex: `^${escaped(word)}` } }))
  return {
    ...first, ...(others.length ? { $and: others } : {}), ...(status === undefined ? {} : { status })
  }
}

export function newDocument (id, fields, now, change) {
  const document = {
    _id: id,
    title: null,
    value: null,
    status: null,
    active_state: 'active',
    category: null,
    source: null,
    last_contacted: null,
    description: null,
    contact: {
      first_name: null, last_name: null, email: null, phone: null, job_position: null, company_name: null, website: null
    },
    address: { ...EMPTY_ADDRESS },
    converted: { is_converted: false, client_id: null, date: null },
    assigned: [],
    tags: [],
    custom: {},
    comments: [],
    comments_count: 0,
    comments_bytes: 0,
    version: 1,
    dates: { created: now, updated: now },
    folded: { title: null, company: null, email: null, source: null, tags: [] },
    search: [],
    change
  }
  for (const [path, value] of Object.entries(assignments(fields))) {
    const [outer, inner] = path.split('.')
    if (inner) document[outer][inner] = value
    else document[outer] = value
  }
  document.search = pieces(...SEARCHED.map((path) => at(document, path)))
  return document
}

export const timestamp = (date) => date.toISOString().replace('Z', '000Z')
const datesOf = ({ created, updated }) => ({ created: timestamp(created), updated: timestamp(updated) })

export function leadOf (document, settings) {
  const { _id, value, status, category, converted, assigned, dates, custom, ...same } = document
  return {
    ...same,
    id: _id,
    value: value === null ? null : (Number(value) / 100).toFixed(2),
    status: settings.statuses.get(status),
    category: settings.categories.get(category),
    converted: { ...converted, date: converted.date && timestamp(converted.date) },
    assigned: settings.assigned(assigned),
    dates: datesOf(dates),
    custom_fields: {}
  }
}

export function clientOf (document, settings) {
  const days = document.billing.invoice_due_days
  return {
    ...document,
    id: document._id,
    category: settings.categories.get(document.category),
    billing: { ...document.billing, invoice_due_days: days === null ? null : String(days) },
    dates: datesOf(document.dates)
  }
}
