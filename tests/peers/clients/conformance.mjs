// Uses all that a server of the conformance suite offers, through either TypeScript SDK: see conformance.py,
// which does the same. The suite gives the URL of its server, and the rest in the environment.

export const revision = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION;
export const capabilities = { sampling: {}, elicitation: {}, roots: {} };
export const sampled = { role: "assistant", content: { type: "text", text: "a made-up completion" }, model: "made-up" };
export const roots = { roots: [] };

const LIMIT_MS = 25_000;
const ECHO = "json_schema_echo";
const told = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT || "{}").toolCalls;

const VALUES = { number: 1, integer: 1, boolean: true, array: [], object: {}, null: null };
const madeUp = (schema) => (schema?.type in VALUES ? VALUES[schema.type] : "text");

// Accepts the form as it stands.
export const elicited = ({ requestedSchema: { properties } }) => ({
  action: "accept",
  content: Object.fromEntries(
    Object.entries(properties).map(([name, field]) => [name, "default" in field ? field.default : madeUp(field)]),
  ),
});

function calls(tools) {
  if (told) return told;
  const echoed = tools.some(({ name }) => name === ECHO) && tools.filter(({ name }) => name !== ECHO);
  if (echoed) return echoed.map(({ inputSchema }) => ({ name: ECHO, arguments: { schema: inputSchema } }));
  return tools.map(({ name, inputSchema: { properties, required = [] } }) => ({
    name,
    arguments: Object.fromEntries(required.map((each) => [each, madeUp(properties?.[each])])),
  }));
}

// A failure is said, and does not end the session.
const attempt = (what, doing) => doing().catch((error) => console.error(`${what}: ${error.name}: ${error.message}`));

export async function use(client, transport) {
  setTimeout(() => process.exit(3), LIMIT_MS).unref();
  await client.connect(transport);
  const { tools = [] } = (await attempt("tools/list", () => client.listTools())) ?? {};
  for (const call of calls(tools)) await attempt(`tools/call ${call.name}`, () => client.callTool(call));
  const { resources = [] } = (await attempt("resources/list", () => client.listResources())) ?? {};
  for (const { uri } of resources) await attempt("resources/read", () => client.readResource({ uri }));
  const { prompts = [] } = (await attempt("prompts/list", () => client.listPrompts())) ?? {};
  for (const { name } of prompts) await attempt("prompts/get", () => client.getPrompt({ name }));
  await transport.terminateSession?.().catch(() => {});
  await client.close();
}
