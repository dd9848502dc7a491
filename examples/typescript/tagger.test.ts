import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Leads, startLeads } from "./leads.js";
import { Tagger } from "./tagger.js";

let leads: Leads;
before(async () => {
  leads = await startLeads();
});
after(() => leads.stop());

async function call(method: string, path: string, body?: object): Promise<any> {
  const headers = { Authorization: `Bearer ${leads.key}`, "Content-Type": "application/json" };
  return (await fetch(`${leads.url}${path}`, { method, headers, body: body && JSON.stringify(body) })).json();
}

test("leads from a value on are tagged", async () => {
  for (const value of ["10.00", "2500.00", "9000.00"]) {
    await call("POST", "/api/leads", { lead_title: value, lead_value: value, lead_status: 1, lead_categoryid: 3 });
  }

  assert.equal(await new Tagger(leads.url, leads.key).tagFrom(2500, "large"), 2);

  const tagged = await call("GET", "/api/leads?tag=large&sort=lead_value");
  assert.deepEqual(tagged.data.map((lead: any) => lead.title), ["9000.00", "2500.00"]);
});

test("a wrong key is told", async () => {
  await assert.rejects(new Tagger(leads.url, "no key").tagFrom(1, "large"), /valid API key/);
});
