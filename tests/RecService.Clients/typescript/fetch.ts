import type { components } from "./generated/openapi.js";

type Schemas = components["schemas"];
const [address, key] = [process.argv[2], process.env["RECSERVICE_API_KEY"] ?? ""];
const request: Schemas["RecommendationRequest"] = { userId: "typescript/user 0", count: 3 };
const response = await fetch(new URL("/v1/recommendations", address), {
  method: "POST",
  headers: { "Content-Type": "application/json", "X-Api-Key": key },
  body: JSON.stringify(request),
});
if (!response.ok) throw new Error(((await response.json()) as Schemas["ProblemDetails"]).title ?? response.statusText);
const answer = (await response.json()) as Schemas["RecommendationResponse"];
console.log(`typescript: by fetch alone, recommended ${answer.items.map((item) => item.itemId).join(", ")}`);
