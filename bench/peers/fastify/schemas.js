// What the routes take in and give out, as JSON schemas.

const printable = '^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]*$'
const email = '^[^@\\s\\x00-\\x1f\\x7f]+@[^@\\s.]+(\\.[^@\\s.]+)+$'

const required = (maxLength, pattern = printable) => ({ type: 'string', minLength: 1, maxLength, pattern })
const optional = (maxLength, pattern = printable) => ({ type: 'string', nullable: true, maxLength, pattern })
const orEmpty = (pattern) => `^\\s*$|${pattern}`

const leadProperties = {
  lead_title: required(250),
  lead_status: { type: 'integer' },
  lead_categoryid: { type: 'integer' },
  lead_firstname: optional(100),
  lead_lastname: optional(100),
  lead_email: optional(150, orEmpty(email)),
  lead_phone: optional(150),
  lead_company_name: optional(150),
  lead_job_position: optional(150),
  lead_website: optional(150),
  lead_value: optional(100, orEmpty('^[0-9]{1,8}(\\.[0-9]+)?$')),
  lead_source: optional(150),
  lead_last_contacted: { type: 'string', nullable: true, format: 'date' },
  lead_description: optional(65000),
  lead_street: optional(150),
  lead_city: optional(150),
  lead_state: optional(150),
  lead_zip: optional(150),
  lead_country: optional(150)
}

const body = (properties, names = [], more = {}) => ({
  type: 'object', properties, required: names, additionalProperties: false, ...more
})

export const leadInput = body(leadProperties, ['lead_title', 'lead_status', 'lead_categoryid'])
export const leadChanges = body(leadProperties, [], { minProperties: 1 })
export const statusChoice = body({ status: { type: 'integer' } }, ['status'])
export const commentInput = body({ comment: required(10000) }, ['comment'])
export const convertInput = body({
  first_name: required(100),
  last_name: required(100),
  email: required(150, email),
  client_company_name: optional(150),
  client_billing_invoice_due_days: { type: 'integer', nullable: true, minimum: 0, maximum: 3650 }
}, ['first_name', 'last_name', 'email'])

export const leadQuery = body({
  status: { type: 'integer' },
  search: { type: 'string', maxLength: 250 },
  sort: { type: 'string', enum: ['lead_title', 'lead_value', 'lead_created', 'lead_last_contacted'], default: 'lead_created' },
  order: { type: 'string', enum: ['asc', 'desc'], default: 'desc' },
  page: { type: 'integer', minimum: 1, default: 1 },
  limit: { type: 'integer', minimum: 1, default: 25 }
})
export const leadId = { type: 'object', properties: { id: { type: 'integer', minimum: 1 } } }

const text = { type: 'string' }
const textOrNull = { type: 'string', nullable: true }
const integer = { type: 'integer' }
const object = (properties) => ({ type: 'object', properties })
const texts = (...names) => object(Object.fromEntries(names.map((name) => [name, textOrNull])))
const list = (items) => ({ type: 'array', items })
const named = object({ id: integer, name: text })
const address = ['street', 'city', 'state', 'zip', 'country']

const lead = object({
  id: integer,
  title: text,
  value: textOrNull,
  status: object({ id: integer, title: text, color: text }),
  active_state: text,
  category: named,
  source: textOrNull,
  last_contacted: textOrNull,
  description: textOrNull,
  contact: texts('first_name', 'last_name', 'email', 'phone', 'job_position', 'company_name', 'website'),
  address: texts(...address),
  converted: object({ is_converted: { type: 'boolean' }, client_id: { ...integer, nullable: true }, date: textOrNull }),
  assigned: list(named),
  tags: list(text),
  dates: texts('created', 'updated'),
  custom_fields: { type: 'object', additionalProperties: true },
  comments_count: integer,
  version: integer
})
const comment = object({ id: integer, text, creator: named, dates: texts('created') })
const client = object({
  id: integer,
  company_name: text,
  description: textOrNull,
  status: text,
  phone: textOrNull,
  website: textOrNull,
  vat: textOrNull,
  category: named,
  owner: named,
  billing: texts(...address, 'invoice_due_days'),
  shipping: texts(...address),
  dates: texts('created', 'updated'),
  tags: list(text),
  created_from_lead_id: integer
})

const answer = (data) => object({ data, message: text })
export const leadAnswer = answer(lead)
export const commentAnswer = answer(comment)
export const clientAnswer = answer(client)
export const leadPage = object({
  data: list(lead),
  meta: object({ current_page: integer, per_page: integer, total: integer, last_page: integer }),
  message: text
})
