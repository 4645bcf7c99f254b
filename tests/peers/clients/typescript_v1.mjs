// Drives an MCP server through @modelcontextprotocol/sdk 1.x, as its users would: see ../README.md.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";

import { cancelled, drive, elicited, sampled } from "./plan.mjs";

await drive(async ({ command, args, roots, unasked }) => {
  const client = new Client(
    { name: "driver", version: "1.0.0" },
    { capabilities: { sampling: {}, elicitation: {}, roots: { listChanged: true } } },
  );
  const answer = (schema, reply) =>
    client.setRequestHandler(schema, ({ method, params }) => {
      unasked.push(method, params);
      return reply;
    });
  answer(CreateMessageRequestSchema, sampled);
  answer(ElicitRequestSchema, elicited);
  answer(ListRootsRequestSchema, { roots });
  client.fallbackNotificationHandler = async ({ method, params }) => unasked.push(method, params);

  const transport = new StdioClientTransport({ command, args });
  let revision;
  transport.setProtocolVersion = (version) => (revision = version);
  await client.connect(transport);
  const call = ({ tool, arguments: given }, options) =>
    client.callTool({ name: tool, arguments: given }, CallToolResultSchema, options);
  return {
    hello: {
      revision,
      server: client.getServerVersion(),
      capabilities: client.getServerCapabilities(),
      instructions: client.getInstructions(),
    },
    operations: {
      tools: () => client.listTools(),
      call: (step, note) => call(step, step.progress && { onprogress: note }),
      cancel: (step) => cancelled((options) => call(step, options)),
      ping: () => client.ping(),
      set_level: ({ level }) => client.setLoggingLevel(level),
      resources: () => client.listResources(),
      templates: () => client.listResourceTemplates(),
      read: ({ uri }) => client.readResource({ uri }),
      subscribe: ({ uri }) => client.subscribeResource({ uri }),
      prompts: () => client.listPrompts(),
      prompt: ({ name, arguments: given }) => client.getPrompt({ name, arguments: given }),
      complete: ({ ref, argument }) => client.complete({ ref, argument }),
    },
    close: () => client.close(),
  };
});
