"""Writes the traces of agentdojo as one JSON document on standard output.

For each suite: its tools; for each user task the calls that solve it, what each returned, and whether text that somebody
else can plant was in it; for each injection task the calls that an agent makes that obeys it.
"""

import json
import sys
import warnings

warnings.filterwarnings("ignore")

from agentdojo.functions_runtime import FunctionsRuntime  # noqa: E402
from agentdojo.task_suite.load_suites import get_suites  # noqa: E402

VERSION = "v1.2.2"
MARK = "planted-by-somebody-else"


def plain(value):
    return json.loads(json.dumps(value, default=str))


def steps(suite, env, task):
    """The calls of a task in an environment of its own, with what each returned."""
    runtime = FunctionsRuntime(suite.tools)
    out = []
    for call in task.ground_truth(env):
        arguments = plain(dict(call.args))
        result, error = runtime.run_function(env, call.function, dict(call.args))
        text = str(plain(result) if error is None else error)
        out.append({"tool": call.function, "arguments": arguments, "planted": MARK in text, "result": text[:4000]})
    return out


def main():
    out = []
    for name, suite in get_suites(VERSION).items():
        vectors = {vector: MARK for vector in suite.get_injection_vector_defaults()}
        tools = [
            {"name": tool.name, "description": tool.description, "inputSchema": plain(tool.parameters.model_json_schema())}
            for tool in suite.tools
        ]
        users = {}
        for key, task in suite.user_tasks.items():
            env = task.init_environment(suite.load_and_inject_default_environment(vectors))
            users[key] = steps(suite, env, task)
        injections = {}
        for key, task in suite.injection_tasks.items():
            env = suite.load_and_inject_default_environment({})
            injections[key] = steps(suite, env, task)
        out.append({"suite": name, "tools": tools, "users": users, "injections": injections})
    json.dump({"version": VERSION, "suites": out}, sys.stdout)


main()
