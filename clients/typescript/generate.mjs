#!/usr/bin/env node
/** Writes types and thin agents from a server's OpenAPI document and the manifest of agents. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import openapiTS, { astToString } from "openapi-typescript";

const NOTE = "// Written by specloom-agents. Change the pipeline, not this file.\n";
const USAGE = "usage: specloom-agents --openapi URL|FILE --manifest FILE [--out DIR] [--runtime MODULE]";

const { values } = parseArgs({
  options: {
    openapi: { type: "string" },
    manifest: { type: "string" },
    out: { type: "string", default: "src/generated" },
    runtime: { type: "string", default: "../agents.js" },
  },
});
if (!values.openapi || !values.manifest) {
  console.error(USAGE);
  process.exit(64);
}

const manifest = JSON.parse(await readFile(values.manifest, "utf8"));
const document = JSON.parse(await contents(values.openapi));
const entries = manifest.agents.map((agent) => ({ agent, type: pascal(agent.name) }));
refuseNamesakes(entries);
for (const { agent, type } of entries) {
  addSchema(document, `${type}Input`, agent.inputSchema);
  addSchema(document, `${type}Output`, agent.outputSchema);
}
await mkdir(values.out, { recursive: true });
await writeFile(join(values.out, "api.ts"), NOTE + astToString(await openapiTS(document)));
await writeFile(join(values.out, "agents.ts"), agents(entries));
console.log(`${values.out}: ${entries.length} agents`);

async function contents(place) {
  if (!/^https?:/.test(place)) return readFile(place, "utf8");
  const token = process.env.SPECLOOM_TOKEN;
  const answer = await fetch(place, token ? { headers: { Authorization: `Bearer ${token}` } } : {});
  if (!answer.ok) throw new Error(`${place}: status ${answer.status}`);
  return answer.text();
}

/** `identify-risks` is IdentifyRisks, `market.CollectSources` is MarketCollectSources. */
function pascal(name) {
  return name
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean)
    .map((word) => word[0].toUpperCase() + word.slice(1))
    .join("");
}

function refuseNamesakes(found) {
  const owners = new Map();
  for (const { agent, type } of found) {
    if (owners.has(type)) throw new Error(`${agent.name} and ${owners.get(type)} would both be ${type}`);
    owners.set(type, agent.name);
  }
}

/** Put a schema among the components; references to its own root lead there. */
function addSchema(openapi, name, schema) {
  const { $schema: _, ...rest } = schema;
  const root = `#/components/schemas/${name}`;
  const moved = JSON.stringify(rest, (key, value) =>
    key === "$ref" && typeof value === "string" && value.startsWith("#") ? root + value.slice(1) : value,
  );
  openapi.components.schemas[name] = JSON.parse(moved);
}

function agents(found) {
  const head = [
    NOTE + `import { Agent } from ${JSON.stringify(values.runtime)};`,
    'import type { components } from "./api.js";',
    "",
    'type Schemas = components["schemas"];',
  ];
  const parts = found.map(({ agent, type }) => {
    const about = (agent.description || agent.displayName).replaceAll("*/", "*\\/").split("\n").join("\n * ");
    const constant = type[0].toLowerCase() + type.slice(1);
    return [
      "",
      `export type ${type}Input = Schemas["${type}Input"];`,
      `export type ${type}Output = Schemas["${type}Output"];`,
      `/** ${about} */`,
      `export const ${constant}Agent = new Agent<${type}Input, ${type}Output>(${JSON.stringify(agent.name)});`,
    ].join("\n");
  });
  return [...head, ...parts, ""].join("\n");
}
