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
