/** Against the server at SPECLOOM_SERVER, whose pipeline the types were generated from. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { agentsFrom, Refused, type Manifest } from "../src/agents.js";
import { identifyRisksAgent, lawReadContractAgent } from "../src/generated/agents.js";

test("a generated agent is typed and answers", async () => {
  const answer = await identifyRisksAgent.invoke({ contract: "4711" }, { timeoutSeconds: 60 });
  assert.equal(answer.status, "success");
  const found: string[] | undefined = answer.result?.data;
  assert.deepEqual(found, ["whenever"]);
  const uri: string | undefined = answer.result?.outputs.uri;
  assert.match(uri ?? "", /4711\.risks\.json$/);
});

test("what the stage does not take, TypeScript refuses, and so does the server", async () => {
  // @ts-expect-error the parameter is a text
  const asked = identifyRisksAgent.invoke({ contract: 4711 });
  await assert.rejects(asked, (error: unknown) => {
    assert.ok(error instanceof Refused);
    assert.deepEqual([error.status, error.reason, error.problems[0]?.["path"]], [422, "invalid-inputs", "/inputs/contract"]);
    return true;
  });
  // @ts-expect-error the parameter is missing
  await assert.rejects(lawReadContractAgent.invoke({}), Refused);
});

test("the same key is one run", async () => {
  const options = { idempotencyKey: "typescript-1" };
  const [one, other] = [
    await lawReadContractAgent.invoke({ contract: "1" }, options),
    await lawReadContractAgent.invoke({ contract: "1" }, options),
  ];
  assert.equal(one.id, other.id);
});

test("the factory makes agents from a manifest", async () => {
  const manifest = JSON.parse(await readFile(process.env["SPECLOOM_MANIFEST"] ?? "", "utf8")) as Manifest;
  const agents = agentsFrom(manifest, { baseUrl: process.env["SPECLOOM_SERVER"] ?? "" });
  assert.deepEqual([...agents.keys()], ["identify-risks", "law.ReadContract"]);
  const answer = await agents.get("identify-risks")?.invoke({ contract: "4712" });
  assert.equal(answer?.status, "success");
});
