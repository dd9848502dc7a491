// Keys, and the settings that leads refer to by id: both remembered for a moment. And counts that stay cheap.

import { createHash, timingSafeEqual } from 'node:crypto'

const CACHE_MS = 2000
const EXACT_UP_TO = 10_000
const COUNT_MS = 5000
// Counts entries of an index, where no condition at all makes the server read every document.
const ALL = { _id: { $gt: 0 } }

const KEY = /^lk_([1-9][0-9]{0,17})_[A-Za-z0-9_-]{43}$/

export class Keys {
  #known = new Map()

  constructor (collection) {
    this.collection = collection
  }

  async userOf (text) {
    let known = this.#known.get(text)
    if (!known || Date.now() >= known.until) {
      known = { until: Date.now() + CACHE_MS, key: await this.#find(text) }
      this.#known.set(text, known)
    }
    const { key } = known
    return key && !key.revoked && !(key.expires && key.expires <= new Date()) ? key.user : null
  }

  async #find (text) {
    const match = KEY.exec(text)
    const key = match && await this.collection.findOne({ _id: Number(match[1]) })
    if (!key) return null
    return timingSafeEqual(key.hash.value(), createHash('sha256').update(text).digest()) ? key : null
  }
}

const byId = (documents, shown) => new Map(documents.map((document) => [document._id, shown(document)]))
const usable = (documents, condition) => new Set(documents.filter(condition).map((document) => document._id))

export class Catalog {
  #until = 0

  constructor (database) {
    this.database = database
  }

  async fresh () {
    if (Date.now() >= this.#until) {
      this.#until = Date.now() + CACHE_MS // the callers of this moment use what was known before
      await this.#load()
    }
    return this
  }

  async #load () {
    const [statuses, categories, people] = await Promise.all([
      this.database.collection('lead_statuses').find().toArray(),
      this.database.collection('categories').find().toArray(),
      this.database.collection('users').find({ type: 'team' }).toArray()
    ])
    this.statuses = byId(statuses, (s) => ({ id: s._id, title: s.title, color: s.color }))
    this.categories = byId(categories, (c) => ({ id: c._id, name: c.name }))
    people.sort((a, b) => {
      const [x, y] = [a, b].map((p) => [p.first_name.toLowerCase(), p.last_name.toLowerCase()])
      return compare(x[0], y[0]) || compare(x[1], y[1]) || a._id - b._id
    })
    this.people = byId(people, (p) => ({ id: p._id, name: `${p.first_name} ${p.last_name}`.trim() }))
    this.order = new Map(people.map((p, position) => [p._id, position]))
    this.active = usable(people, (p) => p.status === 'active' && !p.deleted)
    this.forLeads = usable(categories, (c) => c.type === 'lead' && !c.deleted)
  }

  assigned (ids) {
    return ids.toSorted((a, b) => this.order.get(a) - this.order.get(b)).map((id) => this.people.get(id))
  }
}

function compare (a, b) {
  return a < b ? -1 : a > b ? 1 : 0
}

export class Counts {
  #known = new Map()

  constructor (collection) {
    this.collection = collection
  }

  async of (filter) {
    const name = JSON.stringify(filter)
    const known = this.#known.get(name)
    if (known && Date.now() < known.until) return known.total
    const counted = Object.keys(filter).length ? filter : ALL
    let total = await this.collection.countDocuments(counted, { limit: EXACT_UP_TO + 1 })
    if (total > EXACT_UP_TO) {
      total = await this.collection.countDocuments(counted)
      this.#known.set(name, { until: Date.now() + COUNT_MS, total })
    }
    return total
  }
}
