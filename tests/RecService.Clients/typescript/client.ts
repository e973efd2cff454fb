import createClient from "openapi-fetch";
import type { components, paths } from "./generated/openapi.js";

type Interaction = components["schemas"]["InteractionInput"];

const [address, key] = [process.argv[2], process.env["RECSERVICE_API_KEY"]];
if (address === undefined || key === undefined) {
  console.error("usage: RECSERVICE_API_KEY=KEY node client.js URL");
  process.exit(2);
}

const client = createClient<paths>({ baseUrl: address, headers: { "X-Api-Key": key } });
const [users, items, interactionsOfUser] = [20, 12, 6];
const userOf = (number: number) => `typescript/user ${number}`;
const itemOf = (number: number) => `typescript/item ${number}`;
const say = (what: string) => console.log(`typescript: ${what}`);

function same<T>(expected: T, actual: T, what: string): void {
  if (expected !== actual) {
    throw new Error(`${what} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}.`);
  }
}

/** The body of an answer that has to be a success. */
async function done<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok || data === undefined) {
    throw new Error(`${response.url} was answered ${response.status}: ${JSON.stringify(error)}`);
  }
  return data;
}

const asIs = (body: unknown) => body as string;
const ndjson = { bodySerializer: asIs, headers: { "Content-Type": "application/x-ndjson" } };

const lines = Array.from({ length: items }, (_, i) =>
  JSON.stringify({
    itemId: itemOf(i),
    tags: [`tag-${i % 3}`],
    attributes: { year: 1990 + i, new: true, genres: ["a", "b"] },
    metadata: { title: 'Größe "L"', picture: { width: 100 } },
  }),
).join("\n");
const imported = await done(client.POST("/v1/items/import", { body: lines, ...ndjson }));
same(items, imported.accepted, "items imported");
const path = { path: { itemId: itemOf(0) } };
await done(
  client.PUT("/v1/items/{itemId}", {
    params: path,
    body: { tags: ["tag-0"], available: true, attributes: { year: 1990, new: true }, metadata: { title: 'Größe "L"' } },
  }),
);
const item = await done(client.GET("/v1/items/{itemId}", { params: path }));
same<unknown>('Größe "L"', item.metadata?.["title"], "the title");
same<unknown>(1990, item.attributes["year"], "the year");

const interactions = Array.from(
  { length: users * interactionsOfUser },
  (_, i): Interaction => ({
    userId: userOf(i % users),
    itemId: itemOf((i + Math.floor(i / users)) % items),
    type: "purchase",
    occurredAt: new Date(Date.now() - i * 60_000).toISOString(),
    context: { device: "phone", hour: 18.5 },
  }),
);
const batch = await done(client.POST("/v1/interactions", { body: { interactions } }));
same(users * interactionsOfUser, batch.accepted, "interactions posted");
const rows = await done(
  client.POST("/v1/interactions/import", {
    body: `userId,itemId,type\n${userOf(1)},${itemOf(1)},view\n${userOf(2)},${itemOf(2)},view\n`,
    bodySerializer: asIs,
    headers: { "Content-Type": "text/csv" },
  }),
);
same(2, rows.accepted, "rows imported");
const page = await done(client.GET("/v1/interactions", { params: { query: { userId: userOf(0), limit: 10 } } }));
same<unknown>("phone", page.interactions[0]?.context["device"], "the device");
say(`${imported.accepted} items and ${rows.accepted} rows imported, ${batch.accepted} interactions with a context posted and read`);

let run = await done(client.POST("/v1/training-runs"));
while (run.status === "running") {
  await new Promise((resolve) => setTimeout(resolve, 200));
  run = await done(client.GET("/v1/training-runs/{runId}", { params: { path: { runId: run.runId } } }));
}
same("succeeded", run.status, `run ${run.runId}`);
same("next", run.settings.objective, "the objective");
const version = run.modelVersion ?? 0;
const model = await done(client.GET("/v1/models/{version}", { params: { path: { version } } }));
say(`run ${run.runId} trained model ${model.version} in ${run.epochs.length} epochs, ${run.metrics?.holdoutRows} rows held out`);

const answer = await done(
  client.POST("/v1/recommendations", {
    body: { userId: userOf(0), context: { device: "phone" }, count: 3, include: ["explanation"] },
  }),
);
same(3, answer.items.length, "recommended items");
same(true, answer.items.every((item) => item.explanation !== null), "that items are explained");
const vectors = await done(
  client.POST("/v1/cross-features", {
    params: { query: { part: "cross" } },
    body: { rows: [{ userId: userOf(0), itemId: itemOf(0), context: { device: "phone" } }] },
  }),
);
if (typeof vectors === "string") {
  throw new Error("Vectors came as a file.");
}
same(vectors.factors, vectors.rows[0]?.crossVector.length, "the length of a cross vector");
say(`recommended ${answer.items.map((item) => item.itemId).join(", ")}, vectors of ${vectors.factors}`);

const exported = await done(client.GET("/v1/interactions/export", { parseAs: "text" }));
const count = exported.split("\n").filter((line) => line !== "" && (JSON.parse(line) as Interaction).userId.startsWith("typescript/")).length;
same(users * interactionsOfUser + 2, count, "exported interactions");
const bytes = await done(client.GET("/v1/models/{version}/export", { params: { path: { version } }, parseAs: "arrayBuffer" }));
say(`${count} interactions and a model of ${(bytes as unknown as ArrayBuffer).byteLength} bytes exported`);

const created = await done(client.POST("/v1/api-keys", { body: { name: "generated", roles: ["score"] } }));
same("score", created.record.roles[0], "the role of a key");
const { error, response } = await client.POST("/v1/recommendations", { body: { count: 0 } });
same(400, response.status, "the status of a bad request");
const reason = error !== undefined && "errors" in error ? error.errors?.["count"]?.[0] : undefined;
same("must be from 1 to 1000", reason, "the reason");
say(`a bad request names its field: count ${reason}`);
