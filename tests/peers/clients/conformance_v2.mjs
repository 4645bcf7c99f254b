// The conformance suite's client scenarios through @modelcontextprotocol/client 2.x: node conformance_v2.mjs URL

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

import { capabilities, elicited, revision, roots, sampled, use } from "./conformance.mjs";

const mode = revision >= "2026" ? { pin: revision } : "legacy";
const client = new Client({ name: "driver", version: "1.0.0" }, { capabilities, versionNegotiation: { mode } });
client.setRequestHandler("sampling/createMessage", () => sampled);
client.setRequestHandler("elicitation/create", ({ params }) => elicited(params));
client.setRequestHandler("roots/list", () => roots);
await use(client, new StreamableHTTPClientTransport(new URL(process.argv[2])));
