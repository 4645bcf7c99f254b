"""What the Python drivers do with the text of a plan and of a record."""

import re


def blank(value, pattern):
    """Blanks out what differs from run to run, in each string of the outcome."""
    if isinstance(value, str):
        return re.sub(pattern, "#", value)
    if isinstance(value, list):
        return [blank(item, pattern) for item in value]
    if isinstance(value, dict):
        return {key: blank(item, pattern) for key, item in value.items()}
    return value


def expand(value, folder):
    """Fills in `${dir}` and `$repeat`."""
    if isinstance(value, str):
        return value.replace("${dir}", folder)
    if isinstance(value, list):
        return [expand(item, folder) for item in value]
    if isinstance(value, dict):
        if "$repeat" in value:
            text, times = value["$repeat"]
            return text * times
        return {key: expand(item, folder) for key, item in value.items()}
    return value


def prefixed(plan, prefix):
    """The plan with tools and prompts called as they are where several servers are one."""
    for step in plan["steps"]:
        for named in (step, step.get("ref", {})):
            for key in ("tool", "name"):
                if key in named:
                    named[key] = prefix + named[key]
    return plan
