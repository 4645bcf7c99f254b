// Times calls of tools through @modelcontextprotocol/sdk 1.x, for `scripts/peer-gateways`.
//
// The first line of standard input is a list of ways: {name, tool, url, headers} or {name, tool, command, args}. Each further
// line is the place of one and how many calls to make; the answer is a line with their durations in microseconds.

import { createInterface } from "node:readline";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

async function open({ name, tool, url, headers, command, args }) {
  const transport = url
    ? new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } })
    : new StdioClientTransport({ command, args, env: process.env, stderr: "ignore" });
  const client = new Client({ name: "latency", version: "1.0.0" }, { capabilities: {} });
  await client.connect(transport).catch((error) => {
    throw new Error(`${name}: ${error.message}`);
  });
  return async () => {
    const result = await client.callTool({ name: tool, arguments: {} });
    if (result.isError || result.content.length === 0) throw new Error(`${name}: ${JSON.stringify(result)}`);
  };
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ways = [];
for (const way of JSON.parse((await lines.next()).value)) ways.push(await open(way));
console.log("ready");
for await (const line of lines) {
  const [at, calls] = JSON.parse(line);
  const taken = [];
  for (let made = 0; made < calls; made++) {
    const start = process.hrtime.bigint();
    await ways[at]();
    taken.push(Number(process.hrtime.bigint() - start) / 1000);
  }
  console.log(JSON.stringify(taken));
}
process.exit(0);
