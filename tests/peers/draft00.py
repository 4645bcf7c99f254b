"""The draft-00 peer, PyPI mcps-secure 1.0.0, behind one JSON object a line.

Reads {"do": NAME, ...} and writes {"ok": RESULT} or {"raised": "Type: text"}, so that a test can
have it sign what we verify and verify what we sign. It runs with the interpreter of a virtual
environment that has the package: $MCPS_TEST_PEERS/bin/mcps-secure-python tests/peers/draft00.py

`draft00.py record` prints mcps-core/tests/data/draft00.json anew, by throw-away keys.
"""

import base64
import copy
import datetime
import json
import sys
import time

from mcp_secure import core

KEYS = {}


def key(name):
    """A key pair of that name, made when it is first asked for."""
    return KEYS.setdefault(name, core.generate_key_pair())


def encoded(passport):
    """A passport as a member of `issuer_chain`."""
    return base64.b64encode(json.dumps(passport).encode()).decode()


def passport(name, issuer, signer, chain=(), **more):
    """A passport for the key called `name`, signed by the key called `signer`."""
    unsigned = core.create_passport(
        name,
        public_key=key(name)["public_key"],
        issuer=issuer,
        issuer_chain=[encoded(parent) for parent in chain],
        **more,
    )
    return core.sign_passport(unsigned, key(signer)["private_key"])


def public_key(name):
    return key(name)["public_key"]


def sign_message(message, passport_id, name):
    return core.sign_message(message, passport_id, key(name)["private_key"])


def sign_tool(tool, name, author_origin):
    return core.sign_tool(tool, key(name)["private_key"], author_origin)


def verify_message(envelope, pem):
    return core.verify_message(envelope, pem)


def verify_rate(text, pem, times):
    """Seconds of the processor for verifying that text so many times, from text to verdict."""
    start = time.process_time()
    for _ in range(times):
        assert core.verify_message(json.loads(text), pem)["valid"]
    return time.process_time() - start


def verify_passport(passport, pem):
    return {
        "format": core.validate_passport_format(passport),
        "signature": core.verify_passport_signature(passport, pem),
        "expired": core.is_passport_expired(passport),
    }


def verify_chain(passport, roots):
    return core.verify_issuer_chain(passport, roots)


def verify_tool(tool, signature, pem, author_origin):
    return core.verify_tool(tool, signature, pem, None, author_origin)


def canonical(value):
    return core.canonical_json(value)


DO = {
    function.__name__: function
    for function in (
        public_key,
        passport,
        sign_message,
        sign_tool,
        verify_message,
        verify_rate,
        verify_passport,
        verify_chain,
        verify_tool,
        canonical,
    )
}


def serve():
    for line in sys.stdin:
        request = json.loads(line)
        function = DO[request.pop("do")]
        try:
            answer = {"ok": function(**request)}
        except Exception as error:  # What the peer raises is an answer of its own.
            answer = {"raised": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


MESSAGES = {
    "request": {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "read", "arguments": {"path": "/é€😀", "n": 1.5, "big": 9007199254740991, "zero": -0.0}},
    },
    "response": {"jsonrpc": "2.0", "id": "r-2", "result": {"content": [{"type": "text", "text": "ok\n\u2028<&>"}]}},
    "notification": {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 0.25, "progressToken": 1}},
    "error": {"jsonrpc": "2.0", "id": 3, "error": {"code": -33004, "message": "MCPS_INVALID_SIGNATURE"}},
}


def record():
    now = datetime.datetime.now(datetime.timezone.utc)
    root = passport("root", "root", "root")
    upper = passport("upper", "root", "root")
    lower = passport("lower", "upper", "upper", [upper])
    direct = passport("direct", "root", "root", origin="https://api.example.com", capabilities=["tools.call", "résumé"])
    chained = passport("chained", "lower", "lower", [lower, upper], previous_key_hash="00" * 32)
    reversed_order = passport("reversed", "lower", "lower", [upper, lower])
    roots = {"root": public_key("root")}
    chains = {
        "direct": direct,
        "self-signed": root,
        "immediate issuer first": chained,
        "root first": reversed_order,
        "issuer named otherwise": passport("direct", "somebody", "upper", [upper]),
        "issuer is an ordinary agent": passport("chained", "direct", "direct", [direct]),
    }
    envelopes = {kind: sign_message(message, direct["passport_id"], "direct") for kind, message in MESSAGES.items()}
    assert all(core.verify_message(copy.deepcopy(envelope), public_key("direct"))["valid"] for envelope in envelopes.values())
    json.dump(
        {
            "note": "Recorded from PyPI mcps-secure 1.0.0 by tests/peers/draft00.py. Throw-away keys, public halves only.",
            "verify_at": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "keys": {name: pair["public_key"] for name, pair in KEYS.items()},
            "envelopes": envelopes,
            "passports": {
                name: {"passport": made, "peer": core.verify_issuer_chain(made, roots)} for name, made in chains.items()
            },
        },
        sys.stdout,
        indent=1,
        ensure_ascii=False,
    )
    print()


if __name__ == "__main__":
    record() if sys.argv[1:] == ["record"] else serve()
