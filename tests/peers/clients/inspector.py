"""Carries out what the Inspector's command line can do of a plan: one session for each step.

The Inspector is $1, the rest as for the other drivers: NODE SCRIPT --plan NAME --dir DIR -- COMMAND...
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from plan_text import blank, expand, prefixed

# Each step is a session of its own: the listings and the first calls will do.
CALLS = 3


def arguments(step):
    """The Inspector's options for a step, or nothing if it has none."""
    match step["do"]:
        case "tools":
            return ["--method", "tools/list"]
        case "resources":
            return ["--method", "resources/list"]
        case "templates":
            return ["--method", "resources/templates/list"]
        case "prompts":
            return ["--method", "prompts/list"]
        case "call":
            given = json.dumps(step["arguments"])
            # What its command line cannot carry.
            if "\\u0000" in given or len(given) > 10_000:
                return None
            return ["--method", "tools/call", "--tool-name", step["tool"], "--tool-args-json", given]
    return None


def perform(inspector, config, step):
    environment = {**os.environ, "MCP_INSPECTOR_SECRET_STORE": "memory", "HOME": str(Path(config).parent)}
    command = [*inspector, "--cli", "--config", config, "--server", "s", "--format", "json", "-q"]
    done = subprocess.run(
        command + arguments(step), env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    try:
        return {"code": done.returncode, "result": json.loads(done.stdout)}
    except ValueError:
        # The last line is the error; before it stands what the programs logged.
        return {"code": done.returncode, "error": (done.stdout + done.stderr).strip().split("\n")[-1]}


def main():
    cut = sys.argv.index("--")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inspector", nargs=2)
    parser.add_argument("--plan", required=True)
    parser.add_argument("--dir", default="")
    parser.add_argument("--prefix", default="")
    options = parser.parse_args(sys.argv[1:cut])
    server = sys.argv[cut + 1 :]
    text = (Path(__file__).parent / "plans" / f"{options.plan}.json").read_text(encoding="utf-8")
    steps = prefixed(expand(json.loads(text), options.dir), options.prefix)["steps"]
    record = []
    calls = 0
    with tempfile.TemporaryDirectory() as folder:
        config = f"{folder}/config.json"
        stanza = {"command": server[0], "args": server[1:], "cwd": os.getcwd()}
        Path(config).write_text(json.dumps({"mcpServers": {"s": stanza}}), encoding="utf-8")
        for step in steps:
            calls += step["do"] == "call"
            if not arguments(step) or (step["do"] == "call" and calls > CALLS):
                continue
            title = " ".join(filter(None, [step["do"], step.get("tool")]))
            entry = {"step": title, **perform(options.inspector, config, step)}
            record.append(blank(entry, step["redact"]) if "redact" in step else entry)
    json.dump(record, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
