"""The words of the OpenAPI document that belong to no single route."""

TITLE = "Leads API"

DESCRIPTION = """\
A standalone lead-management API: create, search, change, assign, tag, archive, comment on, clone, merge and delete
leads, and convert a lead into a client.

**Authorization.** Everything under `/api` requires an API key: `Authorization: Bearer KEY`. A key with the scope
`read` may only use GET, HEAD and OPTIONS; everything else is a 403.

**Requests.** Every endpoint accepts JSON and form-encoded bodies (`application/x-www-form-urlencoded`), for POST, PUT
and PATCH; only a batch of leads must be JSON. In forms, write arrays as `name[]=1&name[]=2`, `name=1&name=2` or
`name[0]=1&name[1]=2`; a single empty `name[]=` is the empty array. Numbers may be sent as strings. A blank string means
empty: null if the field may be null, else the default, else missing. Leading and trailing white space of text is
removed. An empty body counts as an empty object. Unknown fields and query parameters are refused, so a mistyped filter
never returns the whole list.

**Comparisons.** Text is stored and shown as it was sent. Filters and unique values compare it in any case, and in any
Unicode normalization. Lengths count characters of the NFC form. Titles are sorted without case and accents.

**Responses.** `{"data": ..., "message": "..."}`; lists have `meta` between the two. Timestamps are in UTC with six
decimals. Money is a string with two decimals.

**Errors.** `{"message": "..."}`. A 422 also has `errors`: the texts of all validation errors of query and body, by
field. The key of an array item is like `assigned.0`. Checks are made in this order: 401, 404 of the path, 405, 403,
413/415/400, 422, 404 of the record, 412, 409, and last whether an e-mail is taken (422). After a 503, you can repeat
the request in `Retry-After` seconds.

**Concurrent changes.** Every response with one lead has an `ETag`, like `"v7.3"`: the version of the lead, and the
revision of the settings (statuses, categories, team, custom fields) that it shows. Send it back in `If-Match` with a
change, a deletion or any other action on the lead. If the lead has changed in the meantime, nothing is done, and the
response is a 412: get the lead again. Of any number of concurrent changes with the same `ETag`, exactly one succeeds.
`If-Match` looks at the version only, so a renamed status is no reason for a 412. It may list several tags; a weak tag
(`W/"v7.3"`) never matches, and `*` always does. `If-None-Match` on GET and HEAD looks at both numbers, and ignores
`W/`: while nothing has changed, the response is a 304 without a body. A header that is not such a list is a 400.
On PUT and PATCH, `If-None-Match: *` means: only create the lead; if it is there, the response is a 412.
Endpoints that do not declare these headers ignore them: other records have no `ETag`. After a 503, your change may have
been made; if you repeat it and get a 412, get the lead and compare.

**External ids.** `lead_external_id` is what another system calls a lead. No two leads have the same one, compared to
the letter in the normal form C of Unicode; a 422 for one that is taken has the `lead_id` of the other lead. PUT and
PATCH at `/api/leads/by-external-id/{external_id}` create the lead if there is none. Percent-encode it once; the path is
split before it is decoded, so `a%2F` is `a/`.

**Headers.** Every response has an `X-Request-ID`: the one that you send, or a new one. If you send a `traceparent` (W3C
Trace Context), the logs of the service name its trace. If the service has a rate limit, responses have
`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers), and a 429 has `Retry-After`. A 405 has
`Allow`.

**Safe repetition.** Every POST takes an `Idempotency-Key`: 1 to 255 visible ASCII characters of your choice, a new one
for each thing that you want done. If you get no response, or a 5xx, send the same request with the same key again: it
is done once. A repeated request gets the first response again, byte for byte, for 24 hours, even if the record has
changed or was deleted since. It has `Idempotency-Replayed: true`; `X-Request-ID` and the headers of the rate limit are
its own. Only successes are recorded, so after a 4xx you can correct the request and keep the key. While the first
request is in progress, the response is a 409 with `Retry-After`. The same key with another method, path, content type
or body is a 422 on `idempotency_key`. Each API key has keys of its own. Other methods ignore the header.

**Lists.** The first `page` is 1. A `limit` above 100 is reduced to 100. A page past the end is empty and has the true
`meta`. HEAD works wherever GET does, and OPTIONS returns the correct `Allow`.
"""

TAGS = {
    "Leads": "Sales leads, and what you can do with them.",
    "Checklists": "The to-do items of a lead.",
    "Clients": "Clients, which conversion creates from leads.",
    "Lead statuses": "The stages of leads.",
    "Categories": "Categories for leads and clients.",
    "Team": "The people who work on leads.",
    "Custom fields": "Additional fields of leads.",
    "Service": "Name, version and health of the service. No key is required.",
}
