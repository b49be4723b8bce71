"""E1: the text cannot be read."""

TEXTS: tuple[tuple[str, ...], ...] = (
    (
        "syntax-error",
        "The text is neither YAML nor JSON at this place",
        "Reading stopped here: what follows has no meaning in the format that the Content-Type or the file name says.",
        "A reader that guesses would run something else than what was written.",
        (
            "Look at the place and just before it: an open bracket or quote, uneven indentation, a tab, a "
            "text with a colon that lacks quotes; in JSON single quotes, comments or a comma before a closing bracket."
        ),
        "nodes:\n\ta: {tool: text.echo@1}   # a tab",
        "nodes:\n  a: {tool: text.echo@1}",
    ),
    (
        "bad-encoding",
        "The text is not UTF-8",
        "There are bytes that are no UTF-8, a byte order mark, UTF-16, or an escape for half a character (`\\ud800`).",
        "Other encodings have to be guessed, and half characters can be stored and sent by nobody.",
        "Save the file as UTF-8 without a byte order mark, and write characters themselves instead of escapes.",
        'name: "\\ud83d\\ude00"',
        'name: "😀"',
    ),
    (
        "control-character",
        "A character that nobody sees",
        (
            "The text holds NUL, another control character, or a bidirectional override (U+202A to U+202E, "
            "U+2066 to U+2069). "
            "Tab, line feed and carriage return are fine."
        ),
        "Such characters show a reviewer another text than the one that runs, and databases refuse some of them.",
        "Remove the character; where it is meant, let a tool make it.",
        'name: "a\\0b"',
        "name: ab",
    ),
    (
        "duplicate-key",
        "A key stands twice in one mapping",
        "The message names the line of the first.",
        "Parsers silently take the first or the last; half of all readers would be wrong about which.",
        "Keep one of the two, or rename one.",
        "state:\n  text: {type: string}\n  text: {type: integer}",
        "state:\n  text: {type: string}\n  length: {type: integer}",
    ),
    (
        "key-not-text",
        "A key that is no text",
        "Keys are names. This one is a list or a mapping, or is read as a number, a boolean or null.",
        "JSON has text keys only, and `1` and `1.0` would be two keys or one, depending on who reads.",
        "Put the key in quotes if it is meant as text.",
        "cases: {1: first, true: second}",
        'cases: {"1": first, "true": second}',
    ),
    (
        "tag-not-allowed",
        "A YAML tag",
        "Tags (`!!str`, `!mine`) tell a YAML reader which type to make.",
        "Specs are untrusted, and in careless readers tags construct objects and run code.",
        "Remove the tag. Quotes make a text; anything else is written as it is.",
        "version: !!str 1.0",
        'version: "1.0.0"',
    ),
    (
        "alias-not-allowed",
        "An anchor or an alias",
        "`&name` marks a value and `*name` repeats it.",
        (
            "Nine aliases of nine aliases are 400 bytes that expand to millions of values; and a problem "
            "inside would have "
            "two places."
        ),
        "Write the value where it is used. What many nodes share belongs to `defaults` or `defs`.",
        "a: &limits {steps: 5}\nb: *limits",
        "a: {steps: 5}\nb: {steps: 5}",
    ),
    (
        "merge-key-not-allowed",
        "The merge key <<",
        "`<<` copies the keys of another mapping into this one.",
        "It belongs to YAML 1.1 only, and which of two keys wins is not what most people think.",
        "Write the keys out, or use `defaults`.",
        "retry:\n  <<: {max: 3}",
        "retry: {max: 3}",
    ),
    (
        "multiple-documents",
        "A second document",
        "`---` starts another document in the same text.",
        "Some tools would read only the first, others only the last.",
        "Send one document at a time; keep each in its own file.",
        "kind: Workflow\n---\nkind: Workflow",
        "kind: Workflow",
    ),
    (
        "empty-document",
        "There is nothing to read",
        "The text is empty, or has nothing but comments.",
        "An empty spec is most often a file that was not saved or a variable that was not set.",
        "Start with `apiVersion: specloom/v1`; `specloom init` writes an example.",
        "# later",
        "apiVersion: specloom/v1\nkind: Workflow",
    ),
    (
        "too-deep",
        "Nested too deep",
        "Mappings and lists stand inside each other more than 64 deep. Reading stopped there.",
        "Depth costs memory and time out of all proportion, and no person can follow it.",
        "Move inner schemas to `defs`, inner flows to workflows of their own.",
    ),
    (
        "too-many-values",
        "Too many keys and values",
        "The text has more keys and values than the limit (50,000 in a spec, 250,000 in a request). Reading stopped.",
        "A server that reads everything can be kept busy by anybody.",
        "Split the workflow; hand large data to a stage or tool by URI instead of by value.",
    ),
    (
        "scalar-too-long",
        "One text is too long",
        "A single text has more than 64 KiB.",
        "Such texts are data, not a description of work; they would be copied into every plan and record.",
        "Put the text into a file or artifact, and name that.",
    ),
    (
        "number-out-of-range",
        "An integer beyond 64 bits",
        "Whole numbers go from -9223372036854775808 to 9223372036854775807.",
        "Larger ones are cut off or rounded by databases and other languages.",
        "Put it in quotes if it is an identifier; use a fraction or exponent if it is a measure.",
        "account: 99999999999999999999",
        'account: "99999999999999999999"',
    ),
    (
        "non-finite-number",
        "NaN, an infinity, or a number that becomes one",
        "The value is not a finite number.",
        "JSON cannot say it, so it could be read but never sent or stored.",
        "Use null where a number is missing, and a large number where no bound is meant.",
        "default: .nan",
        "default: null",
    ),
    (
        "body-too-large",
        "The text is too large",
        "A spec has at most 1 MiB, the body of a request at most 16 MiB.",
        "The limit is checked before anything is read, declared or not.",
        "Split the workflow, or hand data over by URI.",
    ),
    (
        "unsupported-media-type",
        "A Content-Type that this door does not take",
        "Specs come as `application/yaml` or `application/json`, all else as `application/json`; not compressed.",
        "Forms and plain text can be sent by any web page without asking first; with these types a browser must ask.",
        "Set the header `Content-Type: application/yaml` or `application/json`.",
    ),
)
