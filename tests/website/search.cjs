// Searches a built site for the beginnings of all words of its pages, with the site's own script, and prints those that
// it fails for: node search.cjs SITE
const fs = require("fs")
const path = require("path")

const site = process.argv[2]
const workers = path.join(site, "assets", "javascripts", "workers")
const index = JSON.parse(fs.readFileSync(path.join(site, "search", "search_index.json")))
const beginnings = new Set()
for (const { title, text } of index.docs) {
  for (const [word] of `${title} ${text}`.replace(/<[^>]*>/g, " ").toLowerCase().matchAll(/[a-z0-9_]+/g)) {
    for (let length = 1; length <= 4; length++) beginnings.add(word.slice(0, length))
  }
}

let handle
let answered
const failed = new Set()
global.self = global
global.addEventListener = (_, handler) => (handle = handler)
global.postMessage = message => answered(message)
console.warn = warning => failed.add(String(warning))
for (const name of fs.readdirSync(workers).filter(name => name.endsWith(".js"))) {
  eval.call(null, fs.readFileSync(path.join(workers, name), "utf8"))
}

const [SETUP, QUERY] = [0, 2]
const ask = data => new Promise(resolve => ((answered = resolve), handle({ data })))

;(async () => {
  await ask({ type: SETUP, data: { ...index, options: { suggest: true } } })
  for (const beginning of beginnings) await ask({ type: QUERY, data: `${beginning}*` })
  console.log(JSON.stringify({ asked: beginnings.size, failed: [...failed] }))
})()
