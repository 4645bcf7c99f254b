// The conformance suite's client scenarios through @modelcontextprotocol/sdk 1.x: node conformance_v1.mjs URL

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";

import { capabilities, elicited, roots, sampled, use } from "./conformance.mjs";

const client = new Client({ name: "driver", version: "1.0.0" }, { capabilities });
client.setRequestHandler(CreateMessageRequestSchema, () => sampled);
client.setRequestHandler(ElicitRequestSchema, ({ params }) => elicited(params));
client.setRequestHandler(ListRootsRequestSchema, () => roots);
await use(client, new StreamableHTTPClientTransport(new URL(process.argv[2])));
