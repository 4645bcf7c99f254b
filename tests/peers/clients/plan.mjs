// What the two TypeScript drivers share: arguments, the plan, and the record of what the SDK handed over.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const LIMIT_MS = 60_000;

// Standard output is the record's: what the SDKs remark there goes elsewhere.
console.log = console.info = console.debug = console.error;

// What the made-up user behind the client answers.
export const sampled = {
  role: "assistant",
  content: { type: "text", text: "a made-up completion" },
  model: "made-up",
  stopReason: "endTurn",
};
export const elicited = { action: "accept", content: { name: "Ada", check: true, integer: 7 } };

// What the server tells or asks of its own accord, by method: the order between methods is a matter of timing.
export class Unasked {
  #byMethod = {};

  push(method, params) {
    (this.#byMethod[method] ??= []).push(params ?? null);
  }

  toJSON() {
    return Object.fromEntries(Object.entries(this.#byMethod).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

// Runs a plan: `open({ command, args, mode, roots, unasked })` connects and gives { hello, operations, close }.
export async function drive(open) {
  const limit = setTimeout(() => {
    console.error(`gave up after ${LIMIT_MS / 1000} s at step: ${at}`);
    process.exit(3);
  }, LIMIT_MS);
  let at = "connect";
  const { command, args, mode, plan } = options();
  const unasked = new Unasked();
  const record = [];

  const client = await outcome(() => open({ command, args, mode, roots: plan.roots ?? [], unasked }));
  if (client.error) {
    record.push({ step: at, ...client });
  } else {
    const { hello, operations, close } = client.result;
    record.push({ step: at, result: hello });
    for (const step of plan.steps) {
      at = [step.do, step.tool ?? step.uri ?? step.name].filter(Boolean).join(" ");
      const { redact, ...rest } = step;
      const progress = step.progress ? [] : undefined;
      // The SDKs hand over the last progress only if it does not arrive together with the result: leave it out.
      const note = (params) => params.progress < params.total && progress?.push(params);
      const done = await outcome(() => operations[step.do](rest, note));
      record.push(blank({ step: at, ...done, ...(progress && { progress }) }, redact));
    }
    await close();
  }
  record.push({ step: "unasked", result: unasked });
  process.stdout.write(JSON.stringify(record, null, 1) + "\n");
  clearTimeout(limit);
}

// Starts a call and takes it back when its first progress arrives.
export function cancelled(start) {
  const controller = new AbortController();
  return start({
    signal: controller.signal,
    onprogress: () => controller.abort("the user changed their mind"),
  });
}

async function outcome(run) {
  try {
    return { result: await run() };
  } catch (error) {
    if (!(error instanceof Error)) return { error: { thrown: String(error) } };
    const { name, code, message, data } = error;
    return { error: { name, code, message, data } };
  }
}

// Blanks out what differs from run to run, in each string of the outcome.
function blank(entry, pattern) {
  if (!pattern) return entry;
  const varying = new RegExp(pattern, "g");
  const text = JSON.stringify(entry);
  return JSON.parse(text, (_, value) => (typeof value === "string" ? value.replaceAll(varying, "#") : value));
}

function options() {
  const cut = process.argv.indexOf("--");
  if (cut < 0) throw new Error("usage: DRIVER --plan NAME [--dir DIR] [--mode MODE] [--prefix PREFIX] -- COMMAND [ARGUMENT...]");
  const [command, ...args] = process.argv.slice(cut + 1);
  const { values } = parseArgs({
    args: process.argv.slice(2, cut),
    options: {
      plan: { type: "string" },
      dir: { type: "string", default: "" },
      mode: { type: "string" },
      prefix: { type: "string", default: "" },
    },
  });
  const text = readFileSync(new URL(`plans/${values.plan}.json`, import.meta.url), "utf8");
  const plan = JSON.parse(text, (_, value) => {
    if (typeof value === "string") return value.replaceAll("${dir}", values.dir);
    if (Array.isArray(value?.$repeat)) return value.$repeat[0].repeat(value.$repeat[1]);
    return value;
  });
  // What tools and prompts are called where several servers are one.
  for (const step of plan.steps) {
    if (step.tool) step.tool = values.prefix + step.tool;
    if (step.name) step.name = values.prefix + step.name;
    if (step.ref?.name) step.ref.name = values.prefix + step.ref.name;
  }
  return { command, args, mode: values.mode, plan };
}
