// Starts Swagger UI on the document of this service.
"use strict";

const JSON_BODY = "application/json";
const FORM_BODY = "application/x-www-form-urlencoded";
const ADDRESS = document.getElementById("swagger-ui").dataset.document;

// The dark style of Swagger UI is a class.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// A field of a form. Without an example, Swagger UI makes up a value, and random characters where there is a pattern.
function formField(schema, example) {
  const variants = schema.anyOf ?? [schema];
  const { type, format, items, enum: choices } = variants.find((one) => one.type === "string") ?? variants[0];
  const field = { type, description: schema.description, example: example ?? (type === "array" ? [] : "") };
  if (format) field.format = format;
  if (choices) field.enum = choices;
  if (items) field.items = { type: items.type, ...(items.enum && { enum: items.enum }) };
  return field;
}

const fitsForm = (field) => field.type && field.type !== "object" && (!field.items || fitsForm(field.items));

// The document describes bodies as JSON only, because generators of clients need that; every body may also be a form,
// unless it has objects inside.
function offerForm(content, schemas) {
  const { schema, example = {} } = content[JSON_BODY] ?? {};
  if (!schema?.$ref) return;
  const { properties, required } = schemas[schema.$ref.split("/").pop()];
  const fields = Object.entries(properties).map(([name, field]) => [name, formField(field, example[name])]);
  if (!fields.every(([, field]) => fitsForm(field))) return;
  const arrays = fields.filter(([, field]) => field.items);
  content[FORM_BODY] = {
    schema: { type: "object", required, properties: Object.fromEntries(fields) },
    // Without it, Swagger UI sends all items as one, joined by commas.
    encoding: Object.fromEntries(arrays.map(([name]) => [name, { style: "form", explode: true }])),
  };
}

// Swagger UI sends the example or default of each parameter. Here, what nobody has filled in is not sent: the same
// Idempotency-Key would make the second request fail, and so would an old ETag, or a page number beside a cursor.
function leaveEmpty(parameter) {
  if (parameter.required) return;
  delete parameter.example;
  delete parameter.allowEmptyValue;
  if ("default" in parameter.schema) {
    parameter.description += ` Default: \`${parameter.schema.default}\`.`;
    delete parameter.schema.default;
  }
}

function forTryingOut(text) {
  const api = JSON.parse(text);
  for (const operation of Object.values(api.paths).flatMap(Object.values)) {
    operation.parameters.forEach(leaveEmpty);
    if (operation.requestBody) offerForm(operation.requestBody.content, api.components.schemas);
  }
  return JSON.stringify(api);
}

// Swagger UI sends empty fields of a form unless they are unchecked, and a PATCH would clear them.
const withoutEmptyFields = {
  wrapComponents: {
    ParameterIncludeEmpty: (Original, { React }) => (properties) =>
      React.createElement(Original, {
        ...properties,
        isIncludedOptions: { ...properties.isIncludedOptions, defaultValue: false },
      }),
  },
};

SwaggerUIBundle({
  url: ADDRESS,
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: true,
  validatorUrl: null,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  plugins: [withoutEmptyFields],
  responseInterceptor: (response) => {
    if (response.ok && response.url === new URL(ADDRESS, location).href) response.text = forTryingOut(response.text);
    return response;
  },
});
