// Uses a client from openapi-typescript and openapi-fetch; prints what it saw. Arguments: the service's URL and a key.
// The compiler checks that the types of the document are those that a caller needs.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Lead = components["schemas"]["Lead"];

const [baseUrl = "", key = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });

function dataOf<T>(answer: { data?: { data: T }; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data.data;
}

async function create(title: string, fields: Partial<components["schemas"]["LeadInput"]> = {}): Promise<Lead> {
  const body = { lead_title: title, lead_status: 1, lead_categoryid: 3, size: 3, ...fields };
  return dataOf(await client.POST("/api/leads", { body }));
}

const field = dataOf(
  await client.POST("/api/custom-fields", { body: { name: "size", title: "Size", datatype: "number" } }),
);
const first = await create("Acme", {
  lead_value: "2500.00",
  lead_email: "jane@acme.example",
  lead_last_contacted: "2026-06-15",
});
const others = [await create("Best", { lead_value: 10.5 }), await create("Cold")];

const listed = await client.GET("/api/leads", {
  params: {
    query: {
      created_from: "2020-01-01",
      created_to: new Date(Date.now() + 86_400_000).toISOString(),
      sort: "lead_title",
      order: "asc",
    },
  },
});
if (listed.data === undefined || !("total" in listed.data.meta)) throw new Error(JSON.stringify(listed.error));

const walked: number[] = [];
let cursor: string | null = "*";
while (cursor !== null) {
  const { data, error }: { data?: components["schemas"]["LeadList"] | components["schemas"]["LeadCursorList"]; error?: unknown } =
    await client.GET("/api/leads", { params: { query: { cursor, limit: 2 } } });
  if (data === undefined || !("next_cursor" in data.meta)) throw new Error(JSON.stringify(error));
  walked.push(...data.data.map((lead) => lead.id));
  cursor = data.meta.next_cursor;
}

const path = { lead_id: first.id };
const patched = dataOf(
  await client.PATCH("/api/leads/{lead_id}", {
    params: { path },
    body: { lead_phone: "+49 30 1234", lead_email: null },
  }),
);

const member = dataOf(
  await client.POST("/api/team", {
    body: { first_name: "Sam", last_name: "Lee", email: "sam@crm.example", status: "suspended" },
  }),
);
const renamed = dataOf(
  await client.PATCH("/api/team/{record_id}", {
    params: { path: { record_id: member.id } },
    body: { last_name: "Leigh" },
  }),
);
const fieldPath = { record_id: field.id };
dataOf(await client.PATCH("/api/custom-fields/{record_id}", { params: { path: fieldPath }, body: { is_enabled: false } }));
const retitled = dataOf(
  await client.PATCH("/api/custom-fields/{record_id}", { params: { path: fieldPath }, body: { title: "Height" } }),
);
const { assigned } = dataOf(
  await client.PUT("/api/leads/{lead_id}/assigned", { params: { path }, body: { assigned: [1] } }),
);

const body = { first_name: "Jane", last_name: "Doe", email: "jane@acme.example" };
const made = dataOf(await client.POST("/api/leads/{lead_id}/convert", { params: { path }, body }));
const { error: again } = await client.POST("/api/leads/{lead_id}/convert", { params: { path }, body });
if (again === undefined || !("client_id" in again)) throw new Error(JSON.stringify(again));
const { error: unknown } = await client.GET("/api/leads/{lead_id}", { params: { path: { lead_id: 987654321 } } });
const { error: refused } = await client.POST("/api/leads", {
  body: { lead_title: "", lead_status: 1, lead_categoryid: 3 },
});
if (refused === undefined || !("errors" in refused)) throw new Error(JSON.stringify(refused));

console.log(
  JSON.stringify({
    created: [first.title, first.value, first.last_contacted, first.custom_fields["size"]],
    "other values": others.map((other) => other.value),
    listed: listed.data.data.map((lead) => lead.title),
    total: listed.data.meta.total,
    walked: walked.join() === [others[1]?.id, others[0]?.id, first.id].join(),
    patched: [patched.title, patched.value, patched.contact.phone, patched.contact.email],
    member: [renamed.name, renamed.status],
    field: [retitled.title, retitled.is_enabled],
    assigned: assigned.map((person) => person.name),
    client: [made.company_name, made.owner.name, made.created_from_lead_id === first.id],
    "converted again": [again.message, again.client_id === made.id],
    unknown: unknown?.message,
    refused: refused.errors,
  }),
);
