// Drives an MCP server through @modelcontextprotocol/client 2.x, as its users would: see ../README.md.
// --mode legacy (the SDK's default: initialize), auto (server/discover first) or a revision to insist on.

import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

import { cancelled, drive, elicited, sampled } from "./plan.mjs";

const negotiation = (mode) => ({ mode: mode === "legacy" || mode === "auto" ? mode : { pin: mode } });

await drive(async ({ command, args, mode, roots, unasked }) => {
  const client = new Client(
    { name: "driver", version: "1.0.0" },
    {
      capabilities: { sampling: {}, elicitation: {}, roots: { listChanged: true } },
      ...(mode && { versionNegotiation: negotiation(mode) }),
    },
  );
  const answer = (method, reply) =>
    client.setRequestHandler(method, ({ params }) => {
      unasked.push(method, params);
      return reply;
    });
  answer("sampling/createMessage", sampled);
  answer("elicitation/create", elicited);
  answer("roots/list", { roots });
  client.fallbackNotificationHandler = async ({ method, params }) => unasked.push(method, params);

  await client.connect(new StdioClientTransport({ command, args }));
  const call = ({ tool, arguments: given }, options) => client.callTool({ name: tool, arguments: given }, options);
  return {
    hello: {
      revision: client.getNegotiatedProtocolVersion(),
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
