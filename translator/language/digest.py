"""What a spec is, as a number: the digest that is the same for YAML and JSON, whatever the order and the comments.

Canonical JSON: keys sorted by code points, no spaces, UTF-8, no escapes but the necessary ones; numbers as Python
writes them. So `1` and `1.0` are two digests (a document that says one is not the document that says the other), while
`1e2` and `100.0` are one.
"""

import json
from hashlib import sha256
from typing import Any

from translator.language.document import is_mapping


def canonical_json(value: Any) -> bytes:
    """Return the one way to write `value` as JSON; raise ValueError for what JSON cannot say."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def spec_digest(document_value: Any) -> str:
    """Return the identity of a spec, sha256 in hex: of the document without tests, metadata cut to name and version."""
    if not is_mapping(document_value):
        return sha256(canonical_json(document_value)).hexdigest()
    identity = {key: value for key, value in document_value.items() if key != "tests"}
    metadata: Any = identity.get("metadata")
    if is_mapping(metadata):
        identity["metadata"] = {key: metadata[key] for key in ("name", "version") if key in metadata}
    return sha256(canonical_json(identity)).hexdigest()
