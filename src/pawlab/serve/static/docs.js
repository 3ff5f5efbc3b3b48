// The OpenAPI document, shown as people read: what to send where, and what comes back.

function element(kind, content = [], className = "") {
  const made = document.createElement(kind);
  made.className = className;
  made.append(...[content].flat());
  return made;
}

const paragraphs = (text) => text.split(/\n\s*\n/).map((part) => element("p", marked(part)));

// What stands between backticks becomes code.
const marked = (text) => text.split("`").map((part, index) => (index % 2 ? element("code", part) : part));

function examples() {
  const { origin } = location;
  return [
    "# Several pictures in a form",
    `curl -F files=@cat.jpg -F files=@dog.jpg ${origin}/predict`,
    "",
    "# One picture as the body",
    `curl --data-binary @cat.jpg -H 'Content-Type: image/jpeg' ${origin}/predict`,
    "",
    "# Where in a picture the answer comes from",
    `curl --data-binary @cat.jpg -H 'Content-Type: image/jpeg' -o where.png ${origin}/heatmap`,
    "",
    "# Where the service asks for a token",
    `curl -H "Authorization: Bearer $PAWLAB_TOKEN" ${origin}/model`,
  ].join("\n");
}

function described(schema, schemas) {
  const resolved = schema.$ref ? schemas[schema.$ref.split("/").at(-1)] : schema;
  if (!resolved.properties) return [];
  return [...paragraphs(resolved.description ?? ""), element("pre", JSON.stringify(outline(resolved, schemas), null, 2))];
}

// A schema as a document of its shape: {"label": "string or null", ...}
function outline(schema, schemas) {
  if (schema.$ref) return outline(schemas[schema.$ref.split("/").at(-1)], schemas);
  if (schema.properties) {
    return Object.fromEntries(Object.entries(schema.properties).map(([name, part]) => [name, outline(part, schemas)]));
  }
  if (schema.type === "array") return [outline(schema.items, schemas)];
  if (schema.anyOf) return schema.anyOf.map((part) => plain(outline(part, schemas))).join(" or ");
  if (schema.enum ?? schema.const) return (schema.enum ?? [schema.const]).join(" or ");
  if (schema.additionalProperties?.type) return { "…": schema.additionalProperties.type };
  return schema.format ?? schema.type ?? "anything";
}

const plain = (shape) => (typeof shape === "string" ? shape : JSON.stringify(shape));

function operation(method, path, told, schemas) {
  const parts = [element("h2", [element("span", method.toUpperCase(), "method"), ` ${path}`])];
  parts.push(...paragraphs(told.description ?? told.summary));
  if (told.parameters) parts.push(element("h3", "In the address"), list(told.parameters.map(parameter)));
  if (told.requestBody) {
    parts.push(element("h3", "Body"), element("p", `One of ${Object.keys(told.requestBody.content).join(", ")}`));
  }
  parts.push(element("h3", "Answers"), list(Object.entries(told.responses).map((entry) => response(entry, schemas))));
  return element("article", parts);
}

const list = (pairs) => element("dl", pairs.flatMap(([term, content]) => [element("dt", term), element("dd", content)]));

const parameter = ({ name, description = "" }) => [name, paragraphs(description)];

function response([status, { description, content = {} }], schemas) {
  const schema = content["application/json"]?.schema;
  const shape = schema && status !== "200" && !schema.$ref?.endsWith("NoneRead") ? [] : schema && described(schema, schemas);
  return [status, [element("p", marked(description)), ...(shape ?? [])]];
}

async function start() {
  document.getElementById("examples").textContent = examples();
  const { info, paths, components } = await (await fetch("openapi.json")).json();
  document.getElementById("description").append(...marked(info.description));
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, told]) => operation(method, path, told, components.schemas)),
  );
  document.getElementById("addresses").append(...operations);
}

start();
